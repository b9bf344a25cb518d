"""The clients, each behind the same two calls: pull a reference, push an image to a reference.

Nothing stays behind a call that could answer the next one: where a client keeps what it pulled, each call has a
storage of its own or starts from an emptied one, so every pull asks the registry for everything.
"""

import itertools
from pathlib import Path
from typing import Protocol

from harness import cri
from harness.images import TAG, Image
from harness.process import Result, Shell
from harness.programs import need

_numbers = itertools.count(1)


class Client(Protocol):
    """What the tests ask of a client.

    Args:
        shows_message: it shows people the message of an error; else only the status line.
    """

    shows_message: bool

    def pull(self, reference: str) -> Result:
        """Pull an image, as a person would."""


class Pusher(Client, Protocol):
    """A client that pushes too."""

    def push(self, image: Image, reference: str) -> Result:
        """Push an image, as a person would."""


class Skopeo:
    """`skopeo copy`; an index is copied whole."""

    shows_message = True

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._skopeo = need("skopeo")

    def pull(self, reference: str) -> Result:
        target = f"dir:{_folder(self._shell)}"
        return self._shell.run(self._skopeo, "copy", "--all", "--src-tls-verify=false", f"docker://{reference}", target)

    def push(self, image: Image, reference: str) -> Result:
        source = f"oci:{image.layout}:{TAG}"
        return self._shell.run(
            self._skopeo, "copy", "--all", "--dest-tls-verify=false", source, f"docker://{reference}"
        )


class Podman:
    """`podman pull` and `podman push`, each with a storage of its own."""

    shows_message = True

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._podman = need("podman")

    def pull(self, reference: str) -> Result:
        return self._shell.run(*self._storage(), "pull", "--tls-verify=false", reference)

    def push(self, image: Image, reference: str) -> Result:
        podman = self._storage()
        identifier = self._shell.must(*podman, "pull", "--quiet", f"oci:{image.layout}:{TAG}").split()[-1]
        return self._shell.run(*podman, "push", "--tls-verify=false", identifier, f"docker://{reference}")

    def _storage(self) -> list[str]:
        folder = _folder(self._shell)
        places = [f"--root={folder / 'root'}", f"--runroot={folder / 'run'}", f"--tmpdir={folder / 'scratch'}"]
        return [self._podman, *places, "--storage-driver=vfs", "--events-backend=none"]


class Docker:
    """Debian's `docker` with its own daemon, emptied of images before each call."""

    shows_message = True

    def __init__(self, shell: Shell, address: str) -> None:
        self._shell = shell
        self._docker = [need("docker"), "--host", address]

    def pull(self, reference: str) -> Result:
        self._shell.must(*self._docker, "image", "prune", "--all", "--force")
        return self._shell.run(*self._docker, "pull", reference)

    def push(self, image: Image, reference: str) -> Result:
        self._shell.must(*self._docker, "image", "prune", "--all", "--force")
        identifier = self._shell.must(*self._docker, "load", "--quiet", "--input", image.archive).split()[-1]
        self._shell.must(*self._docker, "tag", identifier, reference)
        return self._shell.run(*self._docker, "push", reference)

    def login(self, host: str, user: str, password: str) -> Result:
        """`docker login`: what is accepted is kept in the shell's home for the calls that follow."""
        return self._shell.run(*self._docker, "login", "--username", user, "--password", password, host)


class Ctr:
    """`ctr` of containerd, in a fresh namespace for each call."""

    shows_message = False

    def __init__(self, shell: Shell, socket: str) -> None:
        self._shell = shell
        self._ctr = [need("ctr"), "--address", socket]

    def pull(self, reference: str) -> Result:
        return self._shell.run(*self._namespace(), "pull", "--plain-http", "--snapshotter=native", reference)

    def push(self, image: Image, reference: str) -> Result:
        images = self._namespace()
        base = reference.removesuffix(f":{TAG}")
        self._shell.must(*images, "import", "--no-unpack", f"--base-name={base}", image.archive)
        return self._shell.run(*images, "push", "--plain-http", reference)

    def _namespace(self) -> list[str]:
        return [*self._ctr, "--namespace", f"test{next(_numbers)}", "images"]


class Kubelet:
    """The kubelet's own call to containerd; it pulls only. Images of one label are pulled once: nothing is removed."""

    shows_message = False

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def pull(self, reference: str) -> Result:
        return cri.pull(self._socket, reference)


class Oras:
    """`oras cp` for images, `oras push` and `oras pull` for files."""

    shows_message = True

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._oras = need("oras")

    def pull(self, reference: str) -> Result:
        target = f"{_folder(self._shell)}:{TAG}"
        return self._shell.run(self._oras, "cp", "--from-plain-http", reference, "--to-oci-layout", target)

    def push(self, image: Image, reference: str) -> Result:
        source = f"{image.layout}:{TAG}"
        return self._shell.run(self._oras, "cp", "--from-oci-layout", source, "--to-plain-http", reference)

    def push_file(self, content: str, artifact_type: str, reference: str) -> Result:
        """Push one text file as an artifact of that type."""
        (self._shell.home / "notes.txt").write_text(content)
        return self._shell.run(
            # oras writes the time into the manifest, and a signature is about one manifest: the same push twice is
            # only the same with a time that stands still.
            self._oras,
            "push",
            "--plain-http",
            "--annotation",
            "org.opencontainers.image.created=2026-01-01T00:00:00Z",
            "--artifact-type",
            artifact_type,
            reference,
            "notes.txt:text/plain",
        )

    def attach(self, content: str, artifact_type: str, reference: str) -> Result:
        """Attach one text file to what is there."""
        (self._shell.home / "attached.txt").write_text(content)
        words = ("attach", "--plain-http", "--artifact-type", artifact_type, reference, "attached.txt:text/plain")
        return self._shell.run(self._oras, *words)

    def copy_with_referrers(self, source: str, target: str) -> Result:
        """Copy from one registry to another, and what refers to it."""
        return self._shell.run(self._oras, "cp", "-r", "--from-plain-http", source, "--to-plain-http", target)

    def pull_file(self, reference: str) -> tuple[Result, Path]:
        """Pull it; gives the place of the file as well."""
        folder = _folder(self._shell)
        return self._shell.run(self._oras, "pull", "--plain-http", "--output", folder, reference), folder / "notes.txt"


class Crane:
    """go-containerregistry's own client: the family of cosign, trivy and syft."""

    shows_message = True

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._crane = need("crane")

    def pull(self, reference: str) -> Result:
        return self._shell.run(self._crane, "pull", "--insecure", reference, _folder(self._shell) / "image.tar")

    def push(self, image: Image, reference: str) -> Result:
        return self._shell.run(self._crane, "push", "--insecure", image.layout, reference)

    def copy(self, source: str, target: str) -> Result:
        """Copy from one registry to another."""
        return self._shell.run(self._crane, "copy", "--insecure", source, target)

    def digest(self, reference: str) -> str:
        """The digest that a tag names.

        Raises:
            AssertionError: it names none.
        """
        return self._shell.must(self._crane, "digest", "--insecure", reference).strip()


class Helm:
    """`helm push` and `helm pull`, of charts; a chart's name and version are its repository and tag."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._helm = need("helm")

    def package(self, name: str, version: str) -> Path:
        """A chart with nothing in it."""
        source = _folder(self._shell) / name
        source.mkdir()
        (source / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\n")
        self._shell.must(self._helm, "package", source, "--destination", source.parent)
        return source.parent / f"{name}-{version}.tgz"

    def push(self, chart: Path, repository: str) -> Result:
        """Push it below a repository."""
        return self._shell.run(self._helm, "push", chart, f"oci://{repository}", "--plain-http")

    def pull(self, repository: str, version: str) -> Result:
        """Pull it; here the repository is the chart's own."""
        return self._shell.run(
            self._helm, "pull", f"oci://{repository}", "--version", version, "--plain-http",
            "--destination", _folder(self._shell),
        )  # fmt: skip


def _folder(shell: Shell) -> Path:
    folder = shell.home / f"{next(_numbers)}"
    folder.mkdir()
    return folder
