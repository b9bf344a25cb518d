"""The words of a case, as the facts that a verifier would have established."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.keys import PublicKey
from sealgate.oci import media_types as mt
from sealgate.oci.artifact import IMAGE, PACKAGES, TYPE_NAMES, Kind
from sealgate.oci.digest import Digest
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.policy import moments
from sealgate.policy.problems import did_you_mean

NOW: Final = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
"""When cases are decided that do not say when: never today, for then they would change their answers over night."""

_SPAN: Final = re.compile(r"(?:(in) )?([1-9][0-9]{0,4}) (minute|hour|day|week)s?( ago)?", re.ASCII)
_RECENTLY: Final = "1 minute ago"
_CONFIGS: Final = {"docker": mt.DOCKER_IMAGE_CONFIG, "oci": mt.OCI_IMAGE_CONFIG}
_INDEXES: Final = {"docker": mt.DOCKER_INDEX, "oci": mt.OCI_INDEX}
_OTHERS: Final = {"helm": mt.HELM_CONFIG, "wasm": mt.WASM_CONFIG, **PACKAGES}


def kind(name: str, *, index: bool) -> Kind:
    """What an artifact claims to be that policies call so: a short name or a media type.

    Args:
        name: the name.
        index: whether the artifact is an index.

    Raises:
        ConfigurationInvalid: it is neither.
    """
    if name in IMAGE:
        return Kind(IMAGE | {(_INDEXES if index else _CONFIGS)[name]})
    if name in _OTHERS:
        return Kind(frozenset({name, _OTHERS[name]}))
    if name in mt.IMAGE_CONFIGS | mt.INDEXES or mt.is_image_layer(name):
        return Kind(IMAGE | {name})
    if "/" not in name:
        hint = did_you_mean(name, TYPE_NAMES) or "else it is a media type"
        raise ConfigurationInvalid(f"{name} is none of {', '.join(sorted(TYPE_NAMES))}; {hint}")
    return Kind(frozenset({name}))


def moment(text: str | None, now: datetime) -> datetime:
    """When something was signed; a minute ago where nothing is said.

    Raises:
        ConfigurationInvalid: it is no time.
    """
    found = _SPAN.fullmatch(_RECENTLY if text is None else text)
    if found is None or (found[1] is None) == (found[4] is None):
        try:
            return moments.moment(text or "")
        except ConfigurationInvalid as bad:
            told = f"{text} is no time: write `2 hours ago`, `in 5 minutes`, or as in 2026-01-31T12:00:00Z"
            raise ConfigurationInvalid(told) from bad
    span = moments.span(f"{found[2]}{found[3][0]}")
    try:
        return now + span if found[1] else now - span
    except OverflowError as bad:
        raise ConfigurationInvalid(f"{found[0]} is before or after all time") from bad


def made_up_key(name: str) -> PublicKey:
    """A key that stands for the one of this name: no signature has to be verified with it."""
    return PublicKey(fingerprint=Digest.of(f"the key {name} of a case".encode()).hex, spki=b"", algorithm="made-up")


def made_up_digest(*names: object) -> Digest:
    """A digest that stands for a thing of this name."""
    return Digest.of(" of ".join(map(str, names)).encode())


def made_up_names(repositories: Iterable[str]) -> Names:
    """A gate at gate.example, before registry.example and each registry whose host one of these names begins with.

    Raises:
        ConfigurationInvalid: a name could mean two of them.
    """
    hosts = {first for first, slash, _ in (name.partition("/") for name in repositories) if slash and "." in first}
    registries = [NamedRegistry(name=host, hosts=(), address=host) for host in sorted(hosts)]
    return Names([NamedRegistry(name="default", hosts=(), address="registry.example"), *registries], "gate.example")
