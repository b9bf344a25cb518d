"""Sigstore's own instances: where the public good one's trusted root is published, and what is shipped of them."""

from importlib.resources import files
from typing import Final

from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import ConfigurationInvalid

URL: Final = "https://tuf-repo-cdn.sigstore.dev"

# The copies that ship with sigstore-python; a test pins that they are there.
_PUBLIC_GOOD: Final = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
_STAGING: Final = "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev"


def repository_root() -> bytes:
    """The root.json in which trust in that repository begins, as the sigstore package ships it.

    Raises:
        ConfigurationInvalid: the package does not hold it.
    """
    return _shipped(_PUBLIC_GOOD, "root.json")


def staging() -> TrustedRootFile:
    """The trusted root of Sigstore's staging instance, which nobody but Sigstore's own tests should believe.

    Raises:
        ConfigurationInvalid: the package does not hold it.
    """
    return TrustedRootFile.parse(_shipped(_STAGING, "trusted_root.json"), "staging")


def _shipped(instance: str, name: str) -> bytes:
    try:
        return files("sigstore").joinpath("_store", instance, name).read_bytes()
    except OSError as error:
        raise ConfigurationInvalid(f"the sigstore package ships no {name}: {error}") from error
