"""The image, built twice from bases made of Debian's packages, compared, and run as a cluster would run it.

No registry of images is needed: the bases are made by mmdebstrap (the one that runs has no shell), put in with
`buildah from scratch`, and kept for the next time. With `BUILD_BASE` and `BASE` in the environment those are the bases
instead. Needs root; what is missing of Debian's programs is installed.
"""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PROGRAMS = ("buildah", "podman", "runc", "mmdebstrap")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sealgate", "image")
MOST_BYTES = 150_000_000
EPOCH = "1767225600"

# Paths that nothing here reads; the character sets are those that are not UTF-8.
UNREAD = ("/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info", "/usr/lib/*/gconv")
WITHOUT = [f"--dpkgopt=path-exclude={each}/*" for each in UNREAD]
LEAST = ["--variant=extract", "--include=python3,libstdc++6,ca-certificates", *WITHOUT]
WITH_PIP = ["--variant=apt", "--include=python3,python3-pip,python3-venv,binutils,ca-certificates", *WITHOUT]


def main() -> None:
    """Build, compare, look, run; stop at the first thing that does not hold."""
    started = time.monotonic()
    install()
    bases = {
        "BUILD_BASE": os.environ.get("BUILD_BASE") or base("sealgate-build-base", WITH_PIP),
        "BASE": os.environ.get("BASE") or base("sealgate-base", LEAST),
    }
    first, second = (build(f"localhost/sealgate-test:{number}", bases) for number in (1, 2))
    with mounted(first) as one, mounted(second) as other:
        same_files(one, other)
        small_enough(one)
    same_configuration(first, second)
    right_configuration(first)
    restricted(first)
    demo(first)
    healthy(first)
    print(f"{len(held)} passed, 0 failed in {time.monotonic() - started:.1f}s")


held: list[str] = []


def holds(that: bool, what: str) -> None:
    """Say what holds; end where it does not."""
    if not that:
        sys.exit(f"FAILED: {what}")
    held.append(what)
    print(f" ok  {what}", flush=True)


def install() -> None:
    """Debian's programs, as far as they are missing."""
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        said("apt-get", "update", "--quiet=2")
        said("apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *missing)


def stored(program: str, *arguments: str) -> list[str]:
    """A command of buildah or podman, on a store of its own: nobody else's images are touched."""
    return [program, *_store(driver()), *arguments]


@functools.cache
def driver() -> str:
    """How layers are stored: overlay, and where the file system here does not do that, copies."""
    asked = ["buildah", *_store("overlay"), "info"]
    return "overlay" if subprocess.run(asked, capture_output=True, check=False).returncode == 0 else "vfs"


def _store(kind: str) -> list[str]:
    return ["--root", str(CACHE / kind), "--runroot", str(CACHE / f"{kind}-run"), "--storage-driver", kind]


def base(name: str, options: list[str]) -> str:
    """An image of a few Debian packages, of the release that this machine has; made once for the same options."""
    release = next(
        line.partition("=")[2].strip('"\n')
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    image = f"localhost/{name}:{release}-{hashlib.sha256(' '.join(options).encode()).hexdigest()[:12]}"
    if subprocess.run(stored("buildah", "inspect", image), capture_output=True, check=False).returncode == 0:
        return image
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "base.tar")
        said("mmdebstrap", *options, release, str(tree))
        container = said(*stored("buildah", "from", "scratch"))
        try:
            said(*stored("buildah", "add", "--quiet", container, str(tree), "/"))
            said(*stored("buildah", "commit", "--quiet", "--timestamp", EPOCH, container, image))
        finally:
            said(*stored("buildah", "rm", container))
    return image


def build(image: str, bases: dict[str, str]) -> str:
    """Build the Dockerfile, with no layer of an earlier build.

    What this machine needs to reach its package index is lent to the build and not kept in the image: pip's
    configuration, the authorities, and a cache, so that the second build fetches nothing.
    """
    given = [f"--build-arg={name}={value}" for name, value in {**bases, "SOURCE_DATE_EPOCH": EPOCH}.items()]
    files = [Path("/etc/pip.conf"), Path("/etc/ssl/certs/ca-certificates.crt")]
    lent = [f"--volume={each}:{each}:ro" for each in files if each.exists()]
    cache = CACHE / "pip"
    cache.mkdir(parents=True, exist_ok=True)
    lent.append(f"--volume={cache}:/root/.cache/pip")
    started = time.monotonic()
    how = ["--quiet", "--isolation=chroot", "--no-cache", "--pull-never", "--format=docker", f"--timestamp={EPOCH}"]
    said(*stored("buildah", "bud"), *how, *given, *lent, "--tag", image, str(PROJECT))
    print(f"     built {image} in {time.monotonic() - started:.0f} s", flush=True)
    return image


@contextmanager
def mounted(image: str) -> Iterator[Path]:
    """The image's files."""
    container = said(*stored("buildah", "from", "--pull-never", image))
    try:
        yield Path(said(*stored("buildah", "mount", container)))
    finally:
        said(*stored("buildah", "rm", container))


def same_files(one: Path, other: Path) -> None:
    """Whatever differs is named."""
    first, second = listing(one), listing(other)
    differ = sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
    holds(not differ, f"two builds have the same {len(first)} files{': ' + ', '.join(differ[:20]) if differ else ''}")


def listing(root: Path) -> dict[str, str]:
    """Each file's mode, owner and content, without its times."""
    lines: dict[str, str] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        line = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
        if path.is_symlink():
            line += f" -> {path.readlink()}"
        elif path.is_file():
            line += f" {hashlib.sha256(path.read_bytes()).hexdigest()}"
        lines[str(path.relative_to(root))] = line
    return lines


def small_enough(root: Path) -> None:
    """Uncompressed, as on a node's disk."""
    size = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_symlink() and path.is_file())
    holds(size < MOST_BYTES, f"{size / 1e6:.1f} MB, less than {MOST_BYTES / 1e6:.0f}")
    shells = [
        str(path.relative_to(root))
        for name in ("sh", "bash", "dash", "busybox")
        for path in root.glob(f"**/bin/{name}")
    ]
    print(f"     shells in it: {', '.join(shells) or 'none'}")


def configuration(image: str) -> dict[str, object]:
    """What the image says about how it is run; not what it was made of, and in which container."""
    told = json.loads(said(*stored("buildah", "inspect", "--type", "image", image)))["Docker"]["config"]
    return {name: value for name, value in told.items() if name not in ("Image", "Hostname")}


def same_configuration(one: str, other: str) -> None:
    """The rest of an image, besides its files."""
    holds(configuration(one) == configuration(other), "two builds have the same configuration")


def right_configuration(image: str) -> None:
    """A numeric user that is not root, the command, a health check, labels."""
    told = configuration(image)
    holds(told["User"] == "65532:65532", "the user is 65532")
    holds(told["Entrypoint"] == ["/opt/sealgate/bin/sealgate"], "the entry point is sealgate, without a shell")
    holds(health_check(image)[0] == "/opt/sealgate/bin/python", "there is a health check, without a shell")
    labels = told["Labels"]
    version = said(
        sys.executable, "-c", "import tomllib; print(tomllib.load(open('pyproject.toml', 'rb'))['project']['version'])"
    )
    assert isinstance(labels, dict)
    holds(labels["org.opencontainers.image.version"] == version, f"its labels say its version, {version}")


def health_check(image: str) -> list[str]:
    """The command of the health check."""
    check = configuration(image)["Healthcheck"]
    assert isinstance(check, dict)
    form, *command = check["Test"]
    assert form == "CMD"
    return command


def run(image: str, *command: str, entrypoint: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it as a restricted pod: only its state and /tmp to write to, no capability, no network but loopback."""
    limits = ["--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:rw,mode=1777", "--network=none"]
    limits += ["--cap-drop=all", "--security-opt=no-new-privileges", "--pull=never", "--no-healthcheck"]
    # The defaults are more than a machine may give.
    limits += ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]
    # runc, since crun does not start where both versions of cgroups are mounted.
    how = ["--runtime=runc", "--cgroup-manager=cgroupfs"]
    chosen = [f"--entrypoint={entrypoint}"] if entrypoint else []
    return subprocess.run(
        [*stored("podman", *how), "run", "--rm", *limits, *chosen, image, *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def restricted(image: str) -> None:
    """It runs with a root that cannot be written, as its user."""
    started = time.monotonic()
    told = run(image, "--help")
    holds(told.returncode == 0, f"it runs read-only {told.stderr[-2000:]}")
    print(f"     in {time.monotonic() - started:.1f} s")
    asked = "import os; print(os.getuid(), os.access('/opt', os.W_OK), os.access('/var/lib/sealgate', os.W_OK))"
    told = run(image, "-c", asked, entrypoint="/opt/sealgate/bin/python")
    holds(
        told.stdout.split() == ["65532", "False", "True"], f"as 65532, writing to its state alone {told.stdout.strip()}"
    )
    told = run(image, "-c", "print(open('/proc/self/status').read())", entrypoint="/opt/sealgate/bin/python")
    holds("CapBnd:\t0000000000000000" in told.stdout, "without a capability, and no way to get one")


def demo(image: str) -> None:
    """The demo's check: a registry, a private Sigstore and the gate, pulled from and pushed to."""
    told = run(image, "demo", "--check")
    if told.returncode:
        print(told.stdout[-3000:], told.stderr[-3000:])
    holds(told.returncode == 0, f"sealgate demo --check in it: {told.stdout.strip().splitlines()[-1]}")


SERVED = """
import subprocess, sys, time
open('/tmp/p.yaml', 'w').write('name: p\\nrepositories: ["**"]\\nallow_unsigned: true\\n')
serve = ['serve', '--upstream', 'http://127.0.0.1:1', '--policies', '/tmp/p.yaml']
gate = subprocess.Popen(['/opt/sealgate/bin/sealgate', *serve])
until = time.monotonic() + 60
while (told := subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)).returncode and gate.poll() is None:
    if time.monotonic() > until:
        break
    time.sleep(0.2)
gate.terminate()
sys.exit(told.returncode or gate.wait(90))
"""


def healthy(image: str) -> None:
    """The health check says no where nothing listens, and yes where the admin port answers."""
    python, *check = health_check(image)
    holds(run(image, *check, entrypoint=python).returncode != 0, "no gate: not healthy")
    told = run(image, "-c", SERVED, python, *check, entrypoint=python)
    holds(told.returncode == 0, f"a gate that serves: healthy {told.stderr[-800:] if told.returncode else ''}")


def said(*command: str) -> str:
    """What a command prints, without the last line break; its errors are shown, and end this."""
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    if told.returncode:
        sys.exit(f"{' '.join(command)}\n{told.stdout[-3000:]}\n{told.stderr[-5000:]}")
    return told.stdout.strip()


if __name__ == "__main__":
    main()
