"""Install the real programs that the client tests run: Debian's by apt, the others by `go install`.

Quick where they are already there. Needs root for apt, and Go for the others (a new machine builds for ~15 minutes).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness.programs import GO_PROGRAMS, PACKAGES, GoProgram, find, tools_folder


def install_packages() -> None:
    """Install what is missing of Debian's programs, in one transaction."""
    missing = sorted({package for program, package in PACKAGES.items() if find(program) is None})
    if not missing:
        return
    print(f"apt-get install {' '.join(missing)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet=2"], env=quiet, check=True)
    subprocess.run(
        ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *missing], env=quiet, check=True
    )


def install_go_program(program: GoProgram) -> None:
    """Build one program from its module, at its version, into its own folder."""
    if program.path.exists():
        return
    go = shutil.which("go")
    if go is None:
        sys.exit(f"Go is needed to build {program.name} {program.version}")
    print(f"go install {program.package}@{program.version}", flush=True)
    # Built beside its place and moved there whole: an interrupted build leaves nothing that looks finished.
    unfinished = tools_folder() / f".{program.name}-{program.version}.unfinished"
    built = {**os.environ, "GOBIN": str(unfinished), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
    subprocess.run([go, "install", f"{program.package}@{program.version}"], env=built, check=True)
    program.path.parent.mkdir(parents=True, exist_ok=True)
    (unfinished / program.name).replace(program.path)
    unfinished.rmdir()


if __name__ == "__main__":
    install_packages()
    for go_program in GO_PROGRAMS.values():
        install_go_program(go_program)
