"""Docker's `daemon.json`.

Docker asks the registry that an image's name begins with; no setting changes that. `registry-mirrors` are for Docker
Hub alone, and on any answer but a good one Docker goes on to Docker Hub itself.
"""

from collections.abc import Iterator
from typing import Final

from sealgate.doctor.finding import Client, File, Finding
from sealgate.doctor.gate import Gate
from sealgate.errors import Malformed
from sealgate.oci import strict_json
from sealgate.oci.strict_json import Json

_WALL: Final = "let the machine reach no registry but the gate (a firewall)"


def examine_daemon(file: File, gate: Gate) -> list[Finding]:
    """A `daemon.json`.

    Raises:
        Malformed: it is not JSON with one meaning; dockerd does not start with it, or might read it otherwise.
    """
    said = strict_json.loads(file.raw)
    if not isinstance(said, dict):
        raise Malformed("a daemon.json is an object")
    return list(_examine(file.name, said, gate))


def _examine(name: str, said: dict[str, Json], gate: Gate) -> Iterator[Finding]:
    for mirror in _texts(said, "registry-mirrors"):
        told = f"{mirror} is asked first for images of Docker Hub; when it refuses, Docker Hub is asked itself"
        yield _finding(name, told, f"remove it, write {gate.place}/docker.io/… in image names", "registry-mirrors")
    told = f"an image whose name does not begin with {gate.place}/ is pulled from its registry directly"
    yield _finding(
        name, f"{told}: Docker has no setting against it", f"write {gate.place}/… in image names, and {_WALL}"
    )
    if any(gate.is_at(each) or gate.is_at(f"http://{each}") for each in _texts(said, "insecure-registries")):
        told = "the gate's certificate is not verified: whoever is on the way can answer in its place"
        fix = f"remove it; put the gate's authority into /etc/docker/certs.d/{gate.place}/ca.crt"
        yield _finding(name, told, fix, "insecure-registries", bypass=False)


def _texts(said: dict[str, Json], key: str) -> list[str]:
    found = said.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Malformed(f"{key} is not a list of texts: dockerd does not start with it")
    return [each for each in found if isinstance(each, str)]


def _finding(file: str, text: str, fix: str, place: str = "", *, bypass: bool = True) -> Finding:
    return Finding(client=Client.DOCKER, file=file, place=place, text=text, fix=fix, bypass=bypass)
