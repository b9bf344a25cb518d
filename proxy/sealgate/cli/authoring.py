"""What the tools for authors take from the settings: keys, trusted roots, and the registries behind the gate."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sealgate.cli.options import settings_from
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.naming import Names
from sealgate.policy.load import Holding, RingKey
from sealgate.policy.model import Unmatched
from sealgate.settings import Overrides
from sealgate.wiring import holding, key_ring


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What policies name and do not hold.

    Args:
        ring: the key ring.
        trusted_roots: the names of the trusted roots.
        names: the registries behind the gate; None where they are not known.
        holding: what may be asked of pushes that wait; None as before.
        unmatched: what happens to a repository that no policy covers.
        policies: the files and folders that the settings name.
    """

    ring: Mapping[str, RingKey] = field(default_factory=dict)
    trusted_roots: frozenset[str] = frozenset({"default"})
    names: Names | None = None
    holding: Holding | None = None
    unmatched: Unmatched = Unmatched.DENY
    policies: tuple[Path, ...] = ()


def surroundings(settings: Path | None, policies: tuple[Path, ...]) -> Surroundings:
    """What these settings say; where there are none, that there are no keys and the default trusted root.

    Raises:
        ConfigurationInvalid: something else is wrong with the settings than that they name no registry or policy, which
            flags of `serve` may do.
    """
    if settings is None:
        return Surroundings()
    flags = Overrides(policies=tuple(str(path) for path in policies))
    names: Names | None = None
    held: Holding | None = None
    try:
        made = settings_from(settings, flags)
        names, held = made.names, holding(made)
    except ConfigurationInvalid:  # perhaps only because a flag of `serve` is to name the registry
        made = settings_from(settings, replace(flags, upstream="http://localhost"))
    return Surroundings(
        ring=key_ring(dict(made.keys)),
        trusted_roots=frozenset(made.trusted_roots),
        names=names,
        holding=held,
        unmatched=made.unmatched,
        policies=made.policies,
    )
