"""What the settings come to: values that need no further reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sealgate.limits import ADMIT_TTL_SECONDS
from sealgate.policy.model import Unmatched
from sealgate.settings.network import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """The registry behind the gate: what to call it, and its origin."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """One key of the ring: a PEM file, and what stands after `cosign sign --key`."""

    public_key: Path
    sign_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to build.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        public_url: what clients call the gate; "" when nobody said.
        upstream: the registry.
        policies: files and folders.
        unmatched: what happens to a repository that no policy covers.
        trusted_root: a trusted_root.json; None is the public good instance's.
        keys: the key ring, by name.
        state: the SQLite file; None keeps everything in memory.
        decision_log: a file; None is stdout.
        admit_ttl: seconds for which an admission holds at most.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    upstream: UpstreamSettings
    policies: tuple[Path, ...]
    unmatched: Unmatched = Unmatched.DENY
    trusted_root: Path | None = None
    keys: Mapping[str, KeySettings] = field(default_factory=dict)
    state: Path | None = None
    decision_log: Path | None = None
    admit_ttl: float = ADMIT_TTL_SECONDS

    @property
    def called(self) -> str:
        """What messages call the gate: its public URL, or where it listens."""
        return self.public_url or f"http://{joined(self.host, self.port)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Flags, each as the text a person gave; None where none was given."""

    listen: str | None = None
    public_url: str | None = None
    upstream: str | None = None
    policies: Sequence[str] = ()
    unmatched: str | None = None
    trusted_root: str | None = None
    state: str | None = None
    decision_log: str | None = None
    admit_ttl: str | None = None
