"""One thing that is wrong with a client's configuration, and what to do about it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Client(StrEnum):
    """Whose configuration it is."""

    CONTAINERD = "containerd"
    CONTAINERS = "podman, CRI-O, buildah, skopeo"
    DOCKER = "docker"
    K3S = "k3s"
    TALOS = "Talos"


@dataclass(frozen=True, slots=True)
class File:
    """A file that a client reads: its name, for findings, and its content."""

    name: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Args:
        client: whose.
        file: in which file, or folder.
        place: where in it; "" for the whole.
        text: what happens.
        fix: what to do.
        bypass: whether pulls can go around the gate by it; else a warning.
    """

    client: Client
    file: str
    place: str = ""
    text: str
    fix: str
    bypass: bool = True

    def __str__(self) -> str:
        where = f"{self.file}: {self.place}" if self.place else self.file
        return f"{where}: {self.text}"
