"""`access`: who may do what in which repositories; and what must not be left unsaid about it."""

from collections.abc import Sequence
from typing import Any

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.access import ANYONE, GROUP, Grant, Right
from sealgate.policy.repositories import repository_glob
from sealgate.settings.given import Given
from sealgate.settings.model import AuthSettings, TlsSettings, UpstreamSettings


def read_access(given: Given, auth: AuthSettings | None) -> tuple[Grant, ...] | None:
    """The table; None when there is none."""
    said: Sequence[dict[str, Any]] | None = given.value("access", None)
    if said is None:
        return None
    return tuple(_grant(given, position, entry, auth) for position, entry in enumerate(said))


def check_access(
    given: Given,
    auth: AuthSettings | None,
    access: tuple[Grant, ...] | None,
    upstreams: Sequence[UpstreamSettings],
    tls: TlsSettings | None,
) -> None:
    """Refuse what would lend the gate's credentials to anybody, or one header to two readers.

    Args:
        given: where problems are noted.
        auth: how clients show who they are.
        access: who may do what.
        upstreams: with whose right each is asked.
        tls: who vouches for clients' certificates.
    """
    if auth is not None and auth.certificate_field and (tls is None or tls.client_ca is None):
        given.refuse(("auth",), "mtls needs to know who vouches for clients", "name client_ca in tls")
    for position, upstream in enumerate(upstreams):
        where = ("upstreams", position)
        if upstream.credentials.pass_through and auth is not None and auth.reads_authorization:
            told = "what clients show to the gate is not for the upstream, so it cannot pass through"
            hint = "say credentials: anonymous, or the gate's own"
            given.refuse((*where, "credentials") if _says(given, position) else where, told, hint)
        if not upstream.credentials.lent:
            continue
        if auth is None:
            told = "credentials of its own make the gate responsible for who uses them"
            given.refuse((*where, "credentials"), told, "say auth: htpasswd, oidc or mtls; or anonymous, with access")
        elif not auth.knows_clients and access is None:
            told = "credentials of its own would be lent to anybody"
            given.refuse((*where, "credentials"), told, "say in access what anyone may do")


def _says(given: Given, position: int) -> bool:
    return "credentials" in given.value("upstreams", ())[position]


def _grant(given: Given, position: int, said: dict[str, Any], auth: AuthSettings | None) -> Grant:
    where = ("access", position)
    who = [said["who"]] if isinstance(said["who"], str) else said["who"]
    for name in who:
        if name.startswith(GROUP) and not any(one.groups_claim for one in (auth.issuers if auth else ())):
            given.refuse((*where, "who"), f"no issuer says who is in {name}", "name its groups_claim in auth")
    if ANYONE in who and Right.INSPECT in said["may"]:
        told = "to inspect is to read what is not admitted: the log must name who did"
        given.refuse((*where, "may"), told, "grant it to names, groups or authenticated")
    for number, pattern in enumerate(said["repositories"]):
        try:
            told = "captures stand in policies only" if repository_glob(pattern).names else ""
        except ConfigurationInvalid as invalid:
            told = str(invalid)
        if told:
            given.refuse((*where, "repositories", number), told, "as in apps/**")
    return Grant(
        who=frozenset(who),
        may=frozenset(Right(right) for right in said["may"]),
        repositories=tuple(said["repositories"]),
    )
