"""`trusted_roots`: whose certificates and logs are believed, by name."""

import re
from collections.abc import Mapping
from typing import Final

from sealgate.settings.given import Given
from sealgate.settings.model import TrustedRootSettings
from sealgate.settings.network import url_of

_PUBLIC_GOOD: Final = "public-good"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)  # it is part of a folder's name


def read_trusted_roots(given: Given) -> Mapping[str, TrustedRootSettings]:
    """Every trusted root; `default` is the public good instance's where nobody says otherwise."""
    said: Mapping[str, str | Mapping[str, str]] = given.value("trusted_roots", {})
    found = {"default": TrustedRootSettings()}
    for name, value in said.items():
        if not _NAME.fullmatch(name):
            hint = "lower-case letters, digits and - between them, 64 at most"
            given.refuse(("trusted_roots", name), f"{name} is no name of a trusted root", hint)
        found[name] = _one(given, "trusted_roots", value) if isinstance(value, str) else _repository(given, name, value)
    if flag := given.value("trusted_root", ""):  # that of the flag or variable, beside the others of the file
        found["default"] = _one(given, "trusted_root", flag)
    return found


def _one(given: Given, field: str, text: str) -> TrustedRootSettings:
    return TrustedRootSettings() if text == _PUBLIC_GOOD else TrustedRootSettings(file=given.path(field, text))


def _repository(given: Given, name: str, value: Mapping[str, str]) -> TrustedRootSettings:
    url = url_of(value["tuf"])
    if not url:
        hint = "as in https://tuf.example/sigstore: no credentials, nothing after the path"
        shown = "what is given" if "@" in value["tuf"] else value["tuf"]  # it may hold a password
        given.refuse(("trusted_roots", name, "tuf"), f"{shown} is not the URL of a repository", hint)
    return TrustedRootSettings(repository=url, repository_root=given.path("trusted_roots", value["root"]))
