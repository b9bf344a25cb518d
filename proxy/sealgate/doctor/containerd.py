"""containerd's `hosts.toml`, alone or in a `certs.d` folder.

For an image of registry R containerd takes the first of the directories `R` (also `host_port_`, for a registry with a
port) and `_default` that exists. Of its `hosts.toml` it asks each `[host."…"]` in turn, and on any answer but a good
one the next; then `server`, which is R itself where it is not said. It ignores a file that it cannot decode, and asks
R: so it does with a directory that has none, and up to 1.7.31 where there is no `[host]` table (containerd #10028).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sealgate.doctor import toml
from sealgate.doctor.finding import Client, File, Finding
from sealgate.doctor.gate import Gate
from sealgate.errors import Malformed

_DEFAULT: Final = "_default"
_WITH_PORT: Final = re.compile(r"(.+)_([0-9]{1,5})_", re.ASCII)
_DURATION: Final = re.compile(r"[+-]?(?:0|(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|ms|s|m|h))+)", re.ASCII)  # Go's
_CAPABILITIES: Final = frozenset({"pull", "resolve", "push"})


def examine_folder(name: str, directories: Mapping[str, bytes | None], gate: Gate) -> list[Finding]:
    """A `certs.d` folder.

    Args:
        name: the folder's.
        directories: the `hosts.toml` of each directory in it; None where it has none.
        gate: where pulls must go.
    """
    found: list[Finding] = []
    for directory, raw in sorted(directories.items()):
        if raw is None:
            found += _no_file(f"{name}/{directory}", directory, gate)
        else:
            found += examine_hosts(File(f"{name}/{directory}/hosts.toml", raw), directory, gate)
    if _DEFAULT not in directories:
        found.append(
            _finding(
                name,
                f"there is no {_DEFAULT}: a registry without a directory of its own is asked directly",
                f"add {_DEFAULT}/hosts.toml with {_lines(gate)}",
            )
        )
    return found


def examine_hosts(file: File, directory: str, gate: Gate) -> list[Finding]:
    """One `hosts.toml`.

    Args:
        file: the file.
        directory: the name of the directory that it is in, which is the registry's.
        gate: where pulls must go.
    """
    registry = _registry(directory)
    try:
        said = toml.read(file.raw) if file.raw.strip() else {}
        hosts = _checked(said)
    except Malformed as error:
        told = f"containerd ignores this file ({error}) and asks {registry} directly"
        return [] if gate.is_at(registry) else [_finding(file.name, told, f"write {_lines(gate)}")]
    return list(_examine(file.name, said, hosts, registry, gate))


def _examine(
    name: str, said: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]], registry: str, gate: Gate
) -> Iterator[Finding]:
    server = said.get("server", "")
    if not gate.is_at(server or registry):
        told = f"server is {server}" if server else "there is no server"
        yield _finding(
            name,
            f"{told}: when the hosts here refuse, {server or registry} is asked",
            f"write {_lines(gate)}",
            "server",
        )
    elif "host" not in said and not gate.is_at(registry):
        told = f"there is no [host] table: containerd before 1.7.32 ignores this file and asks {registry} directly"
        yield _finding(name, told, "add an empty [host] table at the end")
    for host in hosts:
        if not gate.is_at(host):
            yield _finding(name, f"{host} is asked", f"remove it; what remains is {_lines(gate)}", f'host."{host}"')
    for url, settings in ((server, said), *hosts.items()):
        place = "server" if settings is said else f'host."{url}"'
        if settings.get("skip_verify") is True and gate.is_at(url or registry):
            told = "the gate's certificate is not verified: whoever is on the way can answer in its place"
            yield _finding(name, told, 'name its authority with ca = "…" and remove skip_verify', place, bypass=False)
        elif gate.in_the_clear(url):
            told = "the gate is asked by plain HTTP: whoever is on the way can answer in its place"
            yield _finding(name, told, "give the gate a certificate (tls) and write https://", place, bypass=False)


def _checked(said: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The hosts of a file that containerd does not ignore.

    Raises:
        Malformed: a field has another type than containerd's, which makes it ignore the file.
    """
    hosts = said.get("host", {})
    if not isinstance(hosts, dict) or not all(isinstance(settings, dict) for settings in hosts.values()):
        raise Malformed('host is not written [host] or [host."https://…"]')
    toml.text(said, "server")
    for settings in (said, *hosts.values()):
        _check(settings)
    return hosts


def _check(settings: Mapping[str, Any]) -> None:
    """The fields of one host, or of the server (containerd's `core/remotes/docker/config/hosts.go`).

    Raises:
        Malformed: one has a type or a value that makes containerd ignore the file.
    """
    if (
        not _texts(capabilities := settings.get("capabilities", []))
        or {each.lower() for each in capabilities} - _CAPABILITIES
    ):
        raise Malformed("capabilities is not a list of pull, resolve and push")
    for key in ("skip_verify", "override_path"):
        toml.flag(settings, key)
    if (timeout := toml.text(settings, "dial_timeout")) and not _DURATION.fullmatch(timeout):
        raise Malformed("dial_timeout is no duration; as in 3s")
    if not _text_or_texts(settings.get("ca", "")):
        raise Malformed("ca is neither text nor a list of texts")
    client = settings.get("client", "")
    pairs = client if isinstance(client, list) else [client]
    if not all(isinstance(each, str) or (_texts(each) and len(each) == 2) for each in pairs):
        raise Malformed("client is neither text nor a list of texts or pairs of them")
    header = settings.get("header", {})
    if not isinstance(header, dict) or not all(_text_or_texts(each) for each in header.values()):
        raise Malformed("header is not a table of texts")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _text_or_texts(value: Any) -> bool:
    return isinstance(value, str) or _texts(value)


def _no_file(name: str, directory: str, gate: Gate) -> list[Finding]:
    registry = _registry(directory)
    if gate.is_at(registry):
        return []
    told = f"there is no hosts.toml in it: containerd asks {registry} directly, and does not look into {_DEFAULT}"
    return [_finding(name, told, "remove the directory")]


def _registry(directory: str) -> str:
    """Whose directory it is."""
    if directory == _DEFAULT:
        return "the registry"
    with_port = _WITH_PORT.fullmatch(directory)
    return f"{with_port[1]}:{with_port[2]}" if with_port else directory


def _lines(gate: Gate) -> str:
    return f'server = "{gate.url}" and an empty [host] table, nothing else'


def _finding(file: str, text: str, fix: str, place: str = "", *, bypass: bool = True) -> Finding:
    return Finding(client=Client.CONTAINERD, file=file, place=place, text=text, fix=fix, bypass=bypass)
