"""`upstreams`: the registries behind the gate, each by one name."""

import re
from collections.abc import Mapping
from typing import Any, Final

from sealgate.oci.naming import DEFAULT
from sealgate.settings.credentials import read_upstream_credentials
from sealgate.settings.given import Given
from sealgate.settings.model import UpstreamSettings, UpstreamTimeouts
from sealgate.settings.network import host_of
from sealgate.settings.tls import read_upstream_tls

# A first component of a repository's name (distribution-spec 1.1, "Pulling manifests").
_NAME: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)


def read_upstreams(given: Given) -> tuple[UpstreamSettings, ...]:
    """Every registry; () when a problem was noted about all of them."""
    said = given.value("upstreams", ())
    if not said and given.whole:
        given.refuse((), "no upstream is named", "give upstreams: in the settings, or --upstream")
    return tuple(_one(given, position, upstream) for position, upstream in enumerate(said))


def _one(given: Given, position: int, said: Mapping[str, Any]) -> UpstreamSettings:
    name = said["name"]
    if not _NAME.fullmatch(name):
        hint = f"{DEFAULT}, or how names of its repositories begin, as ghcr.io; hosts may name a port"
        given.refuse(("upstreams", position, "name"), f"{name} is no name of an upstream", hint)
    return UpstreamSettings(
        name=name,
        url=given.origin(("upstreams", position, "url"), said["url"]),
        hosts=_hosts(given, position, "hosts", said),
        credentials=read_upstream_credentials(given, position, said),
        tls=read_upstream_tls(given, position, said),
        timeouts=UpstreamTimeouts(**{name: float(seconds) for name, seconds in said.get("timeouts", {}).items()}),
        pass_redirects=said.get("redirects") == "pass",
        redirect_hosts=_hosts(given, position, "redirect_hosts", said),
    )


def _hosts(given: Given, position: int, field: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    found = said.get(field, ())
    for number, text in enumerate(found):
        if not host_of(text):
            given.refuse(
                ("upstreams", position, field, number), f"{text} is no host", "as in ghcr.io or r.example:5000"
            )
    return tuple(host_of(text) for text in found)
