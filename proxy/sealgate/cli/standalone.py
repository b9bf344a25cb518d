"""Settings for looking into any registry without a gate: made of the reference, and of what docker is logged in to."""

import os
from pathlib import Path
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.oci.naming import DEFAULT
from sealgate.settings import Overrides, Settings, TrustedRootSettings, UpstreamCredentials, UpstreamSettings

_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HUB_URL: Final = "https://registry-1.docker.io"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def standalone(reference: str, flags: Overrides) -> Settings:
    """Settings with one registry: the one that a reference names.

    Its repositories are called as behind a gate that has it as an upstream of its host's name: `ghcr.io/myorg/app`. A
    host with a port can be no such name, so it is taken for the default upstream, and its repositories have their own.
    It is asked with what docker's configuration has for it, else anonymously; as docker does, over HTTP on this machine
    alone.

    Raises:
        ConfigurationInvalid: the reference names no registry, or there are no policies.
    """
    host, slash, _ = reference.partition("/")
    if not slash or (host != "localhost" and {".", ":"}.isdisjoint(host)):
        told = f"{reference} names no registry; write it as ghcr.io/myorg/app, or give --upstream or --settings"
        raise ConfigurationInvalid(told)
    if not flags.policies:
        raise ConfigurationInvalid("no policies are named; give --policies")
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    hub = host in _HUB
    upstream = UpstreamSettings(
        name="docker.io" if hub else DEFAULT if name != host or name in _LOOPBACK else host,
        url=_HUB_URL if hub else f"{'http' if name in _LOOPBACK else 'https'}://{host}",
        hosts=tuple(sorted(_HUB - {"docker.io"})) if hub else (),
        credentials=UpstreamCredentials(pass_through=False, docker_config=_docker_config()),
    )
    root = TrustedRootSettings(file=Path(flags.trusted_root) if flags.trusted_root else None)
    policies = tuple(Path(path) for path in flags.policies)
    return Settings(port=0, upstreams=(upstream,), policies=policies, trusted_roots={"default": root})


def image_of(reference: str) -> str:
    """What people write for the repository of a reference that names its registry."""
    folder, slash, last = reference.partition("@")[0].rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _docker_config() -> Path | None:
    """Where docker keeps what it is logged in to, if it does."""
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"
    return path if path.is_file() else None
