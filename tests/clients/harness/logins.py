"""How each client is told a user name and a password; what it keeps is in its shell's home."""

from collections.abc import Callable

from harness.process import Result, Shell
from harness.programs import need

Login = Callable[[Shell, str, str, str], Result]


def docker(shell: Shell, host: str, user: str, password: str, address: str = "") -> Result:
    """`docker login`, which the daemon does."""
    where = ("--host", address) if address else ()
    return shell.run(need("docker"), *where, "login", "--username", user, "--password", password, host)


def podman(shell: Shell, host: str, user: str, password: str) -> Result:
    """`podman login`; what it keeps is skopeo's as well."""
    storage = (
        f"--root={shell.home}/p",
        f"--runroot={shell.home}/r",
        f"--tmpdir={shell.home}/t",
        "--storage-driver=vfs",
    )
    words = ("login", "--tls-verify=false", "--username", user, "--password", password, host)
    return shell.run(need("podman"), *storage, "--events-backend=none", *words)


def skopeo(shell: Shell, host: str, user: str, password: str) -> Result:
    """`skopeo login`."""
    words = ("login", "--tls-verify=false", "--username", user, "--password", password, host)
    return shell.run(need("skopeo"), *words)


def crane(shell: Shell, host: str, user: str, password: str) -> Result:
    """`crane auth login`, which only keeps what it is told; then the first request that needs it."""
    kept = shell.run(need("crane"), "auth", "login", "--username", user, "--password", password, host)
    return kept if not kept.ok else shell.run(need("crane"), "ls", "--insecure", f"{host}/apps/login")


def oras(shell: Shell, host: str, user: str, password: str) -> Result:
    """`oras login`."""
    return shell.run(need("oras"), "login", "--plain-http", "--username", user, "--password", password, host)


def helm(shell: Shell, host: str, user: str, password: str) -> Result:
    """`helm registry login`."""
    words = ("registry", "login", "--plain-http", "--username", user, "--password", password, host)
    return shell.run(need("helm"), *words)


def cosign(shell: Shell, major: int, host: str, user: str, password: str) -> Result:
    """`cosign login`."""
    return shell.run(need(f"cosign{major}"), "login", "--username", user, "--password", password, host)
