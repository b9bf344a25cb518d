"""Kubernetes distributions that write containerd's files themselves: k3s and RKE2 (`registries.yaml`), and Talos.

Both have mirrors by registry, and `*` for all that have none of their own. After the mirrors the registry itself is
asked, unless k3s runs with `--disable-default-registry-endpoint`, or Talos' mirror has `skipFallback: true`. k3s keeps
asking those that stand in `configs`, whatever that flag says.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sealgate.doctor.finding import Client, File, Finding
from sealgate.doctor.gate import Gate, place_of
from sealgate.errors import Malformed
from sealgate.policy import strict_yaml

_FLAG: Final = "disable-default-registry-endpoint"
_ALL: Final = "*"


def examine_k3s(file: File, config: File | None, gate: Gate) -> list[Finding]:
    """A `registries.yaml`, and the `config.yaml` of k3s beside it.

    Raises:
        Malformed: one cannot be read.
    """
    said = _mapping(_yaml(file), file.name)
    mirrors = _mapping(said.get("mirrors"), f"{file.name}: mirrors")
    found = list(_mirrors(Client.K3S, file.name, mirrors, gate))
    for registry in _mapping(said.get("configs"), f"{file.name}: configs"):
        if registry != _ALL and not gate.is_at(registry):
            told = f"k3s asks {registry} directly, whatever its mirrors and {_FLAG} say"
            found.append(_finding(Client.K3S, file.name, told, "remove it", f"configs.{registry}"))
    if config is None or _mapping(_yaml(config), config.name).get(_FLAG) is not True:
        where = config.name if config is not None else file.name
        told = f"when the mirrors refuse, k3s asks the registry itself: {_FLAG} is not set"
        fix = f"write {_FLAG}: true into /etc/rancher/k3s/config.yaml on every node"
        found.append(_finding(Client.K3S, where, told, fix))
    return found


def is_talos(file: File) -> bool:
    """Whether this is Talos' configuration rather than a `registries.yaml`.

    Raises:
        Malformed: it cannot be read.
    """
    said = _mapping(_yaml(file), file.name)
    return "machine" in said or said.get("kind") == "RegistryMirrorConfig"


def examine_talos(file: File, gate: Gate) -> list[Finding]:
    """Talos' machine configuration: `machine.registries`, or a `RegistryMirrorConfig`.

    Raises:
        Malformed: it cannot be read.
    """
    said = _mapping(_yaml(file), file.name)
    if said.get("kind") == "RegistryMirrorConfig":
        mirrors = {str(said.get("name", "")): said}
    else:
        machine = _mapping(said.get("machine"), f"{file.name}: machine")
        registries = _mapping(machine.get("registries"), f"{file.name}: machine.registries")
        mirrors = _mapping(registries.get("mirrors"), f"{file.name}: machine.registries.mirrors")
    found = list(_mirrors(Client.TALOS, file.name, mirrors, gate))
    for registry, mirror in mirrors.items():
        if not gate.is_at(registry) and _mapping(mirror, registry).get("skipFallback") is not True:
            told = "when the mirrors refuse, Talos asks the registry itself"
            found.append(_finding(Client.TALOS, file.name, told, "write skipFallback: true", f"mirrors.{registry}"))
    return found


def _mirrors(client: Client, name: str, mirrors: Mapping[str, Any], gate: Gate) -> Iterator[Finding]:
    if _ALL not in mirrors:
        told = f'there is no mirror "{_ALL}": a registry that is not named here is asked directly'
        yield _finding(client, name, told, f'add "{_ALL}" with the endpoint {gate.url}', "mirrors")
    for registry, mirror in mirrors.items():
        place = f"mirrors.{registry}"
        endpoints = _endpoints(mirror, f"{name}: {place}")
        if not endpoints and not gate.is_at(registry):
            yield _finding(client, name, "no endpoint is named", f"write {gate.url}", place)
        for endpoint in endpoints:
            if not gate.is_at(endpoint):
                yield _finding(client, name, f"{place_of(endpoint) or endpoint} is asked", "remove it", place)
            elif gate.in_the_clear(endpoint):
                told = "the gate is asked by plain HTTP: whoever is on the way can answer in its place"
                fix = "give the gate a certificate (tls) and write https://"
                yield _finding(client, name, told, fix, place, bypass=False)


def _endpoints(mirror: Any, where: str) -> list[str]:
    """`endpoint` of k3s, `endpoints` of Talos: texts, or mappings with a url."""
    said = _mapping(mirror, where)
    found = said.get("endpoint", said.get("endpoints")) or []
    if not isinstance(found, list):
        raise Malformed(f"{where}: the endpoints are not a list")
    urls = [each.get("url") if isinstance(each, dict) else each for each in found]
    if not all(isinstance(url, str) for url in urls):
        raise Malformed(f"{where}: an endpoint is not a URL")
    return [str(url) for url in urls]


def _yaml(file: File) -> Any:
    document = strict_yaml.read(file.name, file.raw)
    if document.problems:
        raise Malformed("\n".join(str(problem) for problem in document.problems))
    return document.data


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(f"{where} is not a mapping")
    return value


def _finding(client: Client, file: str, text: str, fix: str, place: str = "", *, bypass: bool = True) -> Finding:
    return Finding(client=client, file=file, place=place, text=text, fix=fix, bypass=bypass)
