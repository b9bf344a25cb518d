"""The programs of this suite: what Debian has, and what is built here from the modules that go.mod and go.sum pin."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness.programs import PACKAGES, find, tools_folder

_HERE = Path(__file__).parent
_MODULES = {
    "conformance": "github.com/opencontainers/distribution-spec/conformance",
    "olareg": "github.com/olareg/olareg/cmd/olareg",
}


def path_of(name: str) -> Path:
    """Where a built program is, or would be: in a folder of its own for each state of go.sum."""
    pinned = hashlib.sha256((_HERE / "go.sum").read_bytes()).hexdigest()[:12]
    return tools_folder() / f"conformance-{pinned}" / name


def install() -> None:
    """Install what is missing: Debian's registry with apt (as root), the others with Go, which takes some seconds."""
    if find("docker-registry") is None:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        get = ["apt-get", "--quiet=2"]
        subprocess.run([*get, "update"], env=quiet, check=True)
        subprocess.run(
            [*get, "install", "--yes", "--no-install-recommends", PACKAGES["docker-registry"]], env=quiet, check=True
        )
    for name, package in _MODULES.items():
        if not path_of(name).exists():
            _build(name, package)


def _build(name: str, package: str) -> None:
    go = shutil.which("go")
    if go is None:
        sys.exit(f"Go is needed to build {package}")
    print(f"go build {package}", flush=True)
    place = path_of(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".unfinished")  # an interrupted build leaves nothing that looks finished
    built = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
    subprocess.run([go, "build", "-C", str(_HERE), "-o", str(unfinished), package], env=built, check=True)
    unfinished.replace(place)
