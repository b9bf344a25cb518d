"""Which real programs the tests run, and where they are. The pins stand here and nowhere else."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where Debian's programs are: another `docker` earlier in a person's PATH is not the one that is tested."""

PACKAGES = {
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "podman": "podman",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "nginx": "nginx-light",
    "wrk": "wrk",
    "haproxy": "haproxy",
    "pg_ctlcluster": "postgresql",
    "promtool": "prometheus",
    "etcd": "etcd-server",
}
"""Debian's program -> its package. nginx and wrk are for `make bench`, promtool and etcd for `make chart`."""


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program that Debian does not have in this version, built from its module."""

    name: str
    version: str
    package: str

    @property
    def path(self) -> Path:
        """Where it is, or would be."""
        return tools_folder() / f"{self.name}-{self.version}" / self.name


GO_PROGRAMS = {
    "cosign2": GoProgram("cosign", "v2.6.5", "github.com/sigstore/cosign/v2/cmd/cosign"),
    "cosign3": GoProgram("cosign", "v3.1.3", "github.com/sigstore/cosign/v3/cmd/cosign"),
    "oras": GoProgram("oras", "v1.3.6", "oras.land/oras/cmd/oras"),
    "helm": GoProgram("helm", "v3.22.0", "helm.sh/helm/v3/cmd/helm"),
    "crane": GoProgram("crane", "v0.22.1", "github.com/google/go-containerregistry/cmd/crane"),
}


def tools_folder() -> Path:
    """The cache of built programs: `SEALGATE_TOOLS`, or `sealgate/tools` in the user's cache folder."""
    if named := os.environ.get("SEALGATE_TOOLS"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sealgate" / "tools"


def find(name: str) -> str | None:
    """The path of a program by the name it has here; None when it is not installed."""
    if name in GO_PROGRAMS:
        path = GO_PROGRAMS[name].path
        return str(path) if path.exists() else None
    return shutil.which(name, path=SYSTEM_PATH)


def need(name: str) -> str:
    """The path of a program that a test was only started with because it is there.

    Raises:
        FileNotFoundError: it is not.
    """
    path = find(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed: python tests/clients/install.py")
    return path
