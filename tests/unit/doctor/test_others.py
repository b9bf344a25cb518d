"""Docker's, podman's and Kubernetes distributions' files."""

import json

import pytest

from sealgate.doctor import (
    File,
    Gate,
    examine_daemon,
    examine_k3s,
    examine_registries,
    examine_talos,
    is_talos,
)
from sealgate.errors import Malformed

GATE = Gate.at("gate.example")
REWRITTEN = b'[[registry]]\nprefix = "docker.io"\nlocation = "gate.example/docker.io"\n'
ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]
FLAG = File("config.yaml", b"disable-default-registry-endpoint: true\n")


def texts(found):
    return [finding.text for finding in found if finding.bypass]


def policy(default=REJECT, **docker):
    scopes = {name.replace("_", "."): value for name, value in docker.items()}
    return File("policy.json", json.dumps({"default": default, "transports": {"docker": scopes}}).encode())


def registries(*files, beside=None):
    return examine_registries([File(f"{at}.conf", raw) for at, raw in enumerate(files)], beside or policy(), GATE)


# --- daemon.json


def test_docker_can_always_be_given_another_name():
    (told,) = texts(examine_daemon(File("daemon.json", b"{}"), GATE))
    assert "pulled from its registry directly" in told


def test_a_mirror_of_docker_falls_back():
    found = examine_daemon(File("daemon.json", b'{"registry-mirrors": ["https://gate.example"]}'), GATE)
    assert "Docker Hub is asked itself" in texts(found)[0]


@pytest.mark.parametrize(("host", "warned"), [("gate.example", 1), ("gate.example:443", 1), ("other.example", 0)])
def test_a_gate_whose_certificate_docker_does_not_verify_is_warned_of(host, warned):
    found = examine_daemon(File("daemon.json", json.dumps({"insecure-registries": [host]}).encode()), GATE)
    assert len([finding for finding in found if not finding.bypass]) == warned


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"a": 1, "A": 2}', b'{"registry-mirrors": "x"}', b'{"registry-mirrors": [1]}']
)
def test_a_daemon_json_that_docker_does_not_start_with_is_no_verdict(raw):
    with pytest.raises(Malformed):
        examine_daemon(File("daemon.json", raw), GATE)


# --- registries.conf


def test_a_rewritten_registry_and_a_policy_that_rejects_the_rest():
    assert registries(REWRITTEN, beside=policy(docker_io=ACCEPT, gate_example=ACCEPT)) == []


def test_blocked_registries_have_their_mirrors_alone():
    blocked = b'[[registry]]\nlocation = "docker.io"\nblocked = true\n[[registry.mirror]]\nlocation = "gate.example"\n'
    assert registries(blocked) == []
    assert texts(registries(blocked.replace(b"gate.example", b"ghcr.io"))) == ["the mirror ghcr.io is asked"]
    assert texts(registries(blocked.replace(b"true", b"false"))) == ["when the mirrors refuse, docker.io is asked"]


def test_a_later_file_takes_the_place_of_an_earlier_one():
    away = b'[[registry]]\nlocation = "docker.io"\n'
    assert texts(registries(REWRITTEN, away)) == ["docker.io is asked"]
    assert registries(away, REWRITTEN) == []


def test_a_prefix_without_a_location_is_asked_itself():
    assert texts(registries(b'[[registry]]\nprefix = "*.example.com"\n')) == ["*.example.com is asked"]


def test_a_gate_that_podman_does_not_verify_is_warned_of():
    (finding,) = registries(REWRITTEN + b"insecure = true\n")
    assert not finding.bypass


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        (policy(ACCEPT), "a registry that no [[registry]] names is asked directly"),
        (policy([{"type": "signedBy"}]), "a registry that no [[registry]] names is asked directly"),
        (policy(REJECT, **{"": ACCEPT}), "a registry that no [[registry]] names is asked directly"),
        (policy(quay_io=ACCEPT), "images of quay.io are accepted, and no [[registry]] sends them to the gate"),
        (policy(docker_io_evil=ACCEPT), "images of docker.io.evil are accepted, and no [[registry]] sends them to the gate"),  # noqa: E501
        (policy(ACCEPT, **{"": REJECT}), None),
        (policy(**{"docker.io/library": ACCEPT}), None),
        (policy(docker_io=[*ACCEPT, *REJECT]), None),
    ],
)  # fmt: skip
def test_what_becomes_of_the_other_registries(beside, told):
    assert texts(registries(REWRITTEN, beside=beside)) == ([told] if told else [])


def test_without_a_policy_other_registries_are_asked():
    (told,) = texts(examine_registries([File("registries.conf", REWRITTEN)], None, GATE))
    assert "there is no policy.json" in told


@pytest.mark.parametrize(
    "raw",
    [
        b"registry =", b"[registry]\n", b"[[registry]]\n", b'[[registry]]\nprefix = 1\n',
        b'[[registry]]\nlocation = "x"\nblocked = "no"\n', b'[registries.search]\nregistries = ["docker.io"]\n',
        b'[[registry]]\nlocation = "x"\nmirror = "y"\n',
    ],
)  # fmt: skip
def test_files_that_podman_stops_at_are_no_verdict(raw):
    with pytest.raises(Malformed):
        registries(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"transports": 1}', b'{"transports": {"docker": 1}}', b'{"Default": []}']
)
def test_a_policy_that_podman_stops_at_is_no_verdict(raw):
    with pytest.raises(Malformed):
        registries(REWRITTEN, beside=File("policy.json", raw))


# --- registries.yaml of k3s, and Talos


def k3s(text: bytes, config: File | None = FLAG):
    return texts(examine_k3s(File("registries.yaml", text), config, GATE))


def test_k3s_with_one_endpoint_for_all_and_without_the_default():
    assert k3s(b'mirrors: {"*": {endpoint: ["https://gate.example"]}}') == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'mirrors: {docker.io: {endpoint: ["https://gate.example"]}}', 'there is no mirror "*"'),
        (b"configs: {}", 'there is no mirror "*"'),
        (b'mirrors: {"*": {endpoint: ["https://gate.example", "https://ghcr.io"]}}', "ghcr.io is asked"),
        (b'mirrors: {"*": {endpoint: ["https://gate.example"]}, ghcr.io: {}}', "no endpoint is named"),
        (b'mirrors: {"*": {endpoint: ["https://gate.example"]}}\nconfigs: {ghcr.io: {}}', "k3s asks ghcr.io directly"),
    ],
)
def test_k3s_that_asks_others(text, told):
    (found,) = k3s(text)
    assert told in found


def test_the_gate_may_stand_in_configs_of_k3s():
    assert k3s(b'mirrors: {"*": {endpoint: ["https://gate.example"]}}\nconfigs: {gate.example: {}, "*": {}}') == []


@pytest.mark.parametrize(
    "config", [None, b"{}", b"disable-default-registry-endpoint: false", b"disable-default-registry-endpoint: 'true'"]
)
def test_k3s_that_falls_back(config):
    (found,) = k3s(b'mirrors: {"*": {endpoint: ["https://gate.example"]}}', config and File("config.yaml", config))
    assert "k3s asks the registry itself" in found


@pytest.mark.parametrize(
    "text",
    [
        b'machine: {registries: {mirrors: {"*": {endpoints: ["https://gate.example"], skipFallback: true}}}}',
        b'kind: RegistryMirrorConfig\nname: "*"\nendpoints: [{url: "https://gate.example"}]\nskipFallback: true',
    ],
)
def test_talos(text):
    def found(changed):
        file = File("machine.yaml", changed)
        assert is_talos(file)
        return texts(examine_talos(file, GATE))

    assert found(text) == []
    assert found(text.replace(b"true", b"false")) == ["when the mirrors refuse, Talos asks the registry itself"]
    assert found(text.replace(b"gate.example", b"ghcr.io")) == ["ghcr.io is asked"]
    assert 'there is no mirror "*"' in found(text.replace(b"*", b"docker.io"))[0]


@pytest.mark.parametrize(
    "text",
    [
        b"- x",
        b"mirrors: 1",
        b"mirrors: {a: 1}",
        b"mirrors: {a: {endpoint: x}}",
        b"a: &b 1",
        b"mirrors: {a: {endpoint: [{x: y}]}}",
    ],
)
def test_yaml_that_is_no_configuration_is_no_verdict(text):
    with pytest.raises(Malformed):
        examine_k3s(File("registries.yaml", text), None, GATE)


@pytest.mark.parametrize(
    "text", [b"machine: 1", b"machine: {registries: 1}", b"machine: {registries: {mirrors: {a: 1}}}"]
)
def test_a_machine_configuration_that_is_none_is_no_verdict(text):
    with pytest.raises(Malformed):
        examine_talos(File("machine.yaml", text), GATE)
