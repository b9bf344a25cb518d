"""`upstreams`: the registries behind the gate."""

from sealgate.settings.given import Given
from sealgate.settings.model import UpstreamSettings


def read_upstream(given: Given) -> UpstreamSettings | None:
    """The registry; None when a problem was noted."""
    said = given.value("upstreams", ())
    if len(said) != 1:
        if said:
            given.refuse(("upstreams",), "more than one upstream is not supported yet", "name one: default")
        elif given.whole:
            given.refuse((), "no upstream is named", "give upstreams: in the settings, or --upstream")
        return None
    if "hosts" in said[0]:
        given.refuse(("upstreams", 0, "hosts"), "hosts is not supported yet", "leave it out")
    if said[0]["name"] != "default":  # its repositories would be called <name>/<repository>
        text = "an upstream with a name of its own is not supported yet"
        given.refuse(("upstreams", 0, "name"), text, "call it default")
    return UpstreamSettings(name=said[0]["name"], url=given.origin(("upstreams", 0, "url"), said[0]["url"]))
