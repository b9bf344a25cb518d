"""containerd's files; `tests/clients/test_configuration.py` compares most of these verdicts with containerd itself."""

import pytest

from sealgate.doctor import File, Gate, examine_folder, examine_hosts

GATE = Gate.at("gate.example")
GOOD = b'server = "https://gate.example"\n[host]\n'


def hosts(text: bytes, directory: str = "_default"):
    return examine_hosts(File("hosts.toml", text), directory, GATE)


def bypasses(text: bytes, directory: str = "_default") -> bool:
    return any(finding.bypass for finding in hosts(text, directory))


def test_the_gate_and_nobody_else():
    assert hosts(GOOD) == []


def test_every_field_that_containerd_knows():
    fields = b"""
capabilities = ["pull", "Resolve", "push"]
ca = ["a.crt", "b.crt"]
client = ["c.pem", ["c.crt", "c.key"]]
skip_verify = false
override_path = true
dial_timeout = "1m2.5s"
[%b.header]
x-node = "n"
x-more = ["a", "b"]
"""
    gate = b'[host."https://gate.example"]'
    server = b'server = "https://gate.example"' + fields.replace(b"[%b.header]", b"[header]")
    assert hosts(server + gate + fields.replace(b"%b", gate[1:-1])) == []


@pytest.mark.parametrize(
    "text",
    [
        b'server = "https://ghcr.io"\n[host."https://gate.example"]\n',
        b'[host."https://gate.example"]\n',
        b'server = "https://gate.example"\n[host."https://ghcr.io"]\n',
        b'server = "https://gate.example"\n',
        b'server = "http://gate.example"\n[host]\n',  # another port
        b'server = "https://gate.example.evil.example"\n[host]\n',
        b'server = "https://gate.example@evil.example"\n[host]\n',
        b'server = ""\n[host]\n',
        b"",
        b" \n",
        b"\xff",
        b"server =",
        b"server = 5\n[host]\n",
        b'server = "https://gate.example"\nhost = []\n',
        b'server = "https://gate.example"\n[host]\nx = 1\n',
        b'server = "https://gate.example"\ncapabilities = ["pul"]\n[host]\n',
        b'server = "https://gate.example"\ncapabilities = [["pull"]]\n[host]\n',
        b'server = "https://gate.example"\ncapabilities = "pull"\n[host]\n',
        b'server = "https://gate.example"\nskip_verify = "no"\n[host]\n',
        b'server = "https://gate.example"\nca = 1\n[host]\n',
        b'server = "https://gate.example"\nca = [1]\n[host]\n',
        b'server = "https://gate.example"\nclient = [["a"]]\n[host]\n',
        b'server = "https://gate.example"\nclient = 1\n[host]\n',
        b'server = "https://gate.example"\nheader = 1\n[host]\n',
        b'server = "https://gate.example"\nheader = {x = 1}\n[host]\n',
        b'server = "https://gate.example"\ndial_timeout = 3\n[host]\n',
        b'server = "https://gate.example"\ndial_timeout = "soon"\n[host]\n',
        b'server = "https://gate.example"\n[host."https://gate.example"]\noverride_path = 1\n',
    ],
)
def test_what_leads_elsewhere_or_is_ignored_by_containerd(text):
    assert bypasses(text)


@pytest.mark.parametrize("text", [b"server =", b"", b'server = "https://gate.example"\n', b"[host]\n"])
def test_the_gates_own_directory_leads_to_the_gate_whatever_is_in_it(text):
    assert not bypasses(text, "gate.example")
    assert bypasses(text, "ghcr.io")


@pytest.mark.parametrize("directory", ["gate.example_5000_", "gate.example:5000"])
def test_a_directory_of_a_registry_with_a_port(directory):
    found = examine_hosts(File("f", b'[host."http://x:1"]\n'), directory, Gate.at("gate.example:5000"))
    assert [finding.place for finding in found] == ['host."http://x:1"']


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        (b'server = "https://gate.example"\nskip_verify = true\n[host]\n', "gate.example"),
        (b'server = "https://gate.example"\n[host."https://gate.example"]\nskip_verify = true\n', "gate.example"),
        (b'server = "http://gate.example"\n[host]\n', "http://gate.example"),
    ],
)
def test_a_gate_that_is_not_verified_is_warned_of(text, gate):
    (finding,) = examine_hosts(File("f", text), "_default", Gate.at(gate))
    assert not finding.bypass
    assert "can answer in its place" in finding.text


def test_every_directory_of_the_folder_counts():
    given = {"_default": GOOD, "docker.io": b"server =", "quay.io": None, "gate.example": None}
    found = examine_folder("certs.d", given, GATE)
    assert [finding.file for finding in found] == ["certs.d/docker.io/hosts.toml", "certs.d/quay.io"]


def test_without_a_default_most_registries_are_asked_directly():
    (finding,) = examine_folder("certs.d", {"docker.io": GOOD}, GATE)
    assert finding.bypass
    assert "there is no _default" in finding.text
    assert 'server = "https://gate.example"' in finding.fix
