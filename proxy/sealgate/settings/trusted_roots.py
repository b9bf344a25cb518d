"""`trusted_roots`: whose certificates and logs are believed, by name."""

from collections.abc import Mapping
from pathlib import Path

from sealgate.settings.given import Given


def read_trusted_root(given: Given) -> Path | None:
    """The trusted_root.json; None is the public good instance's."""
    roots: Mapping[str, str] = given.value("trusted_roots", {})
    for name in sorted(set(roots) - {"default"}):
        given.refuse(("trusted_roots", name), "a second trusted root is not supported yet", "name one: default")
    text = roots.get("default", "public-good")
    return None if text == "public-good" else given.path("trusted_roots", text)
