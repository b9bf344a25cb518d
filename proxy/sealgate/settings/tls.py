"""TLS: the gate's own (`tls`), and how it is spoken with an upstream."""

from collections.abc import Mapping
from typing import Any

from sealgate.settings.given import Given
from sealgate.settings.model import TlsSettings, UpstreamTls


def read_tls(given: Given) -> TlsSettings | None:
    """The gate's own certificate; None when it listens for plain HTTP."""
    said: Mapping[str, str] | None = given.value("tls", None)
    if said is None:
        return None
    ca = said.get("client_ca")
    return TlsSettings(
        certificate=given.path("tls", said["certificate"]),
        key=given.path("tls", said["key"]),
        client_ca=None if ca is None else given.path("tls", ca),
    )


def read_upstream_tls(given: Given, position: int, said: Mapping[str, Any]) -> UpstreamTls:
    """How one upstream is verified, and what it is shown.

    Args:
        given: where problems are noted.
        position: the upstream's, in the list of them.
        said: its settings, already checked against the schema.
    """
    where = ("upstreams", position)
    fields = [name for name in ("ca", "client_certificate", "unsafe_skip_tls_verification") if said.get(name)]
    if fields and not said["url"].lower().startswith("https://"):
        given.refuse((*where, fields[0]), "this upstream does not speak TLS", "its url must begin with https://")
    skip: bool = said.get("unsafe_skip_tls_verification", False)
    if skip and "ca" in said:  # one of them is not meant, and it must not be the safe one that gives way
        given.refuse((*where, "ca"), "nothing is verified with unsafe_skip_tls_verification", "leave one of them out")
    shown: Mapping[str, str] = said.get("client_certificate", {})
    return UpstreamTls(
        ca=given.path("upstreams", said["ca"]) if "ca" in said else None,
        certificate=given.path("upstreams", shown["certificate"]) if shown else None,
        key=given.path("upstreams", shown["key"]) if shown else None,
        unsafe_skip_verification=skip,
    )
