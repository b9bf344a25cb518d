"""What the loader needs from outside: keys by name, and how keys and files are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.keys import PublicKey
from sealgate.oci.naming import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """A key of the settings' key ring.

    Args:
        key: the public key.
        sign_with: what stands after `cosign sign --key` in refusals; "" when the settings do not say.
    """

    key: PublicKey
    sign_with: str = ""


def _no_conditions(text: str) -> None:
    raise ConfigurationInvalid(f"nothing here reads conditions, and so not {text[:40]!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the settings let the gate do for pushes that wait for a signature.

    Args:
        upstreams: those at which it moves tags with a right of its own, or needs none.
        durable: whether what it remembers outlives the process.
    """

    upstreams: frozenset[str]
    durable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the loader needs from outside.

    Args:
        ring: the key ring.
        read_key: reads a PEM public key; raises `KeyRejected`.
        read_file: reads the file that a policy names, relative to the policy's own; raises `ConfigurationInvalid`.
        trusted_roots: the names that the settings give to trusted roots.
        names: the registries behind the gate; None where they are not known.
        holds: what may be asked of pushes that wait; None where the settings are not known.
        compile_condition: reads a CEL expression, and raises `ConfigurationInvalid` where it is none.
    """

    ring: Mapping[str, RingKey]
    read_key: Callable[[bytes], PublicKey]
    read_file: Callable[[str, str], bytes]
    trusted_roots: frozenset[str] = frozenset({"default"})
    names: Names | None = None
    holds: Holding | None = None
    compile_condition: Callable[[str], None] = _no_conditions
