"""`registries.conf` (version 2) with its drop-ins, and `policy.json`: podman, CRI-O, buildah and skopeo.

For an image the `[[registry]]` with the longest `prefix` counts. Its mirrors are asked in turn, then its `location`,
unless it is `blocked`. A registry that no entry names is asked directly: there is no entry for all. What is asked at
all is `policy.json`'s to say (containers-registries.conf(5), containers-policy.json(5)).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sealgate.doctor import toml
from sealgate.doctor.finding import Client, File, Finding
from sealgate.doctor.gate import Gate
from sealgate.errors import JsonMalformed, Malformed
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json


def examine_registries(files: Sequence[File], policy: File | None, gate: Gate) -> list[Finding]:
    """A `registries.conf` and its drop-ins, in the order in which they are read, and the `policy.json` beside them.

    Raises:
        Malformed: a file that these programs stop at.
    """
    registries: dict[str, tuple[File, dict[str, Any]]] = {}
    for file in files:
        for registry in _registries(file):
            registries[_prefix(registry)] = (file, registry)  # of two the later counts
    found: list[Finding] = []
    for prefix, (file, registry) in registries.items():
        found += _examine(file.name, prefix, registry, gate)
    served = {prefix for prefix in registries if not prefix.startswith("*")} | {gate.place}
    return [*found, *_unnamed(files[0].name, policy, served, gate)]


def _examine(name: str, prefix: str, registry: Mapping[str, Any], gate: Gate) -> Iterator[Finding]:
    location, mirrors = toml.text(registry, "location") or prefix, toml.tables(registry, "mirror")
    place = f"registry {prefix}"
    for mirror in mirrors:
        if not gate.is_at(where := toml.text(mirror, "location")):
            yield _finding(name, f"the mirror {where or 'without a location'} is asked", "remove it", place)
    if not toml.flag(registry, "blocked") and not gate.is_at(location):
        told = f"when the mirrors refuse, {location} is asked" if mirrors else f"{location} is asked"
        fix = f'write prefix = "{prefix}" with location = "{gate.place}", and no mirror; or blocked = true'
        yield _finding(name, told, fix, place)
    for each in (registry, *mirrors):
        if toml.flag(each, "insecure") and gate.is_at(toml.text(each, "location")):
            told = "the gate's certificate is not verified: whoever is on the way can answer in its place"
            fix = f"remove insecure; put the gate's authority into /etc/containers/certs.d/{gate.place}/ca.crt"
            yield _finding(name, told, fix, place, bypass=False)


def _unnamed(name: str, policy: File | None, served: set[str], gate: Gate) -> Iterator[Finding]:
    """What becomes of registries that no entry names."""
    fix = "write a policy.json whose default is reject, and which accepts only what [[registry]] entries name"
    if policy is None:
        told = "a registry that no [[registry]] names is asked directly, and there is no policy.json beside it"
        yield _finding(name, told, fix)
        return
    try:
        said = strict_json.members(strict_json.loads(policy.raw), frozenset({"default", "transports"}), "policy.json")
        default, transports = said.get("default"), said.get("transports", {})
        if not isinstance(transports, dict):
            raise Malformed("transports is not an object")
    except JsonMalformed as error:
        raise Malformed(f"{policy.name}: {error}") from error
    if not isinstance(scopes := transports.get("docker", {}), dict):
        raise Malformed(f"{policy.name}: transports.docker is not an object")
    if not _rejects(scopes.get("", default)):
        yield _finding(policy.name, "a registry that no [[registry]] names is asked directly", fix, "default")
    for scope, requirements in scopes.items():
        if scope and not _rejects(requirements) and not _within(scope, served):
            told = f"images of {scope} are accepted, and no [[registry]] sends them to the gate"
            fix = f'add a [[registry]] for it, with location = "{gate.place}"'
            yield _finding(policy.name, told, fix, "transports.docker")


def _registries(file: File) -> list[dict[str, Any]]:
    try:
        said = toml.read(file.raw)
        found = toml.tables(said, "registry")
        for each in found:
            _prefix(each)
    except Malformed as error:
        raise Malformed(f"{file.name}: {error}") from error
    if "registries" in said:
        raise Malformed(f"{file.name}: version 1 of this format cannot send pulls elsewhere; write [[registry]]")
    return found


def _prefix(registry: Mapping[str, Any]) -> str:
    prefix = (toml.text(registry, "prefix") or toml.text(registry, "location")).rstrip("/")
    if not prefix:
        raise Malformed("a [[registry]] has neither prefix nor location")
    return prefix


def _rejects(requirements: Json) -> bool:
    """Whether a list of requirements, all of which must hold, can never be satisfied."""
    return isinstance(requirements, list) and {"type": "reject"} in requirements


def _within(scope: str, served: set[str]) -> bool:
    """Whether all images of a scope have the prefix of an entry (containers-policy.json(5), "docker:")."""
    return any(scope == prefix or scope.startswith((f"{prefix}/", f"{prefix}:", f"{prefix}@")) for prefix in served)


def _finding(file: str, text: str, fix: str, place: str = "", *, bypass: bool = True) -> Finding:
    return Finding(client=Client.CONTAINERS, file=file, place=place, text=text, fix=fix, bypass=bypass)
