"""`auth`: how clients show the gate who they are."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from sealgate.settings.given import Given
from sealgate.settings.model import AuthSettings, IssuerSettings
from sealgate.settings.network import url_of

_ANONYMOUS: Final = "anonymous"
_COMMON_NAME: Final = "common-name"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_TAKEN: Final = frozenset({"mtls", "group"})  # identities and entries of the access table begin with these
_ALGORITHMS: Final = ("RS256", "ES256")


def read_auth(given: Given) -> AuthSettings | None:
    """What the settings say; None when they say nothing, and nobody is asked."""
    said: str | Mapping[str, Any] | None = given.value("auth", None)
    if said is None:
        return None
    if isinstance(said, str):
        if said != _ANONYMOUS:
            given.refuse(("auth",), f"{said} is not anonymous", "or a mapping of htpasswd, oidc, mtls and anonymous")
        return AuthSettings(anonymous=True)
    mtls: Mapping[str, str] | None = said.get("mtls")
    if not ({"htpasswd", "oidc", "mtls"} & set(said) or said.get("anonymous", False)):
        given.refuse(("auth",), "names no way to tell clients apart", "or say auth: anonymous")
    return AuthSettings(
        htpasswd=given.path("auth", said["htpasswd"]) if "htpasswd" in said else None,
        issuers=_issuers(given, said.get("oidc", ())),
        certificate_field="" if mtls is None else mtls.get("identity", _COMMON_NAME),
        anonymous=said.get("anonymous", False),
    )


def _issuers(given: Given, said: Mapping[str, Any] | list[Mapping[str, Any]] | tuple[()]) -> tuple[IssuerSettings, ...]:
    listed = [said] if isinstance(said, Mapping) else said
    found = tuple(_issuer(given, position, one) for position, one in enumerate(listed))
    for told, names in (("name", [one.name for one in found]), ("issuer", [one.issuer for one in found])):
        if len(set(names)) < len(names):
            given.refuse(
                ("auth", "oidc"), f"two issuers have one {told}", "identities from them could not be told apart"
            )
    if len([one for one in found if one.groups_claim]) > 1:
        given.refuse(("auth", "oidc"), "groups of two issuers could not be told apart", "name one groups_claim")
    return found


def _issuer(given: Given, position: int, said: Mapping[str, Any]) -> IssuerSettings:
    where = ("auth", "oidc", position) if isinstance(given.value("auth", {}).get("oidc"), list) else ("auth", "oidc")
    name = said.get("name", "oidc")
    if not _NAME.fullmatch(name) or name in _TAKEN:
        given.refuse((*where, "name"), f"{name} is no name of an issuer", "lower-case letters, digits and -; as in k8s")
    audience = said["audience"]
    fetched = "jwks_file" not in said
    if fetched and not _may_be_asked(said["issuer"]):
        hint = "https://; or name a jwks_file"
        given.refuse((*where, "issuer"), "an issuer whose keys are fetched is the https:// URL of a server", hint)
    if "jwks_url" in said and ("jwks_file" in said or not _may_be_asked(said["jwks_url"])):
        given.refuse((*where, "jwks_url"), "keys are fetched from one https:// URL, or read from jwks_file", "")
    return IssuerSettings(
        name=name,
        issuer=said["issuer"],
        audiences=(audience,) if isinstance(audience, str) else tuple(audience),
        jwks_url=said.get("jwks_url", ""),
        jwks_file=None if fetched else given.path("auth", said["jwks_file"]),
        ca=given.path("auth", said["ca"]) if "ca" in said else None,
        algorithms=tuple(said.get("algorithms", _ALGORITHMS)),
        username_claim=said.get("username_claim", "sub"),
        groups_claim=said.get("groups_claim", ""),
        claims=said.get("claims", {}),
    )


def _may_be_asked(url: str) -> bool:
    """Whether keys can be had from there without somebody on the way changing them: HTTPS, or this machine."""
    if not url_of(url):
        return False
    host = urlsplit(url).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return local or url.lower().startswith("https://")
