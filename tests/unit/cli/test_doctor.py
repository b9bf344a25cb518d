"""`sealgate doctor`: which files it takes, what people and programs read, and the exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sealgate.cli.main import app

GOOD = 'server = "https://gate.example"\n[host]\n'
AWAY = 'server = "https://ghcr.io"\n[host."https://gate.example"]\n'
REWRITTEN = '[[registry]]\nprefix = "docker.io"\nlocation = "gate.example/docker.io"\n'
ONLY = {"default": [{"type": "reject"}], "transports": {"docker": {"docker.io": [{"type": "insecureAcceptAnything"}]}}}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def doctor(*words: str | Path, gate: str = "gate.example", **environment: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *(["--gate", gate] if gate else []), *map(str, words)], env=environment)


def test_files_that_no_pull_goes_around(tmp_path):
    write(tmp_path, {"certs.d/_default/hosts.toml": GOOD, "certs.d/..data/x": "", "certs.d/note.txt": ""})
    result = doctor(tmp_path / "certs.d")
    assert (result.exit_code, result.stdout) == (0, "By these files no pull goes around gate.example.\n")


def test_what_a_person_reads(tmp_path):
    write(tmp_path, {"docker.io/hosts.toml": AWAY})
    result = doctor(tmp_path / "docker.io" / "hosts.toml")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"bypass: containerd: {tmp_path}/docker.io/hosts.toml: server: server is https://ghcr.io: when the hosts here "
        "refuse, https://ghcr.io is asked",
        '  fix: write server = "https://gate.example" and an empty [host] table, nothing else',
        "Pulls can go around gate.example.",
    ]


def test_what_a_program_reads(tmp_path):
    write(tmp_path, {"docker.io/hosts.toml": AWAY})
    result = doctor("--json", tmp_path / "docker.io" / "hosts.toml")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["gate"], told["bypass"]) == ("gate.example", True)
    (finding,) = told["findings"]
    assert {name: finding[name] for name in ("client", "place", "bypass")} == {
        "client": "containerd", "place": "server", "bypass": True,
    }  # fmt: skip


def test_a_warning_alone_is_no_way_around(tmp_path):
    write(tmp_path, {"_default/hosts.toml": "skip_verify = true\n" + GOOD})
    result = doctor(tmp_path / "_default" / "hosts.toml")
    assert result.exit_code == 0
    assert result.stdout.startswith("warning: containerd: ")


def test_one_file_of_several_is_enough(tmp_path):
    write(tmp_path, {"_default/hosts.toml": GOOD, "daemon.json": "{}"})
    assert doctor(tmp_path / "_default" / "hosts.toml", tmp_path / "daemon.json").exit_code == 1


def test_what_podman_reads_beside_registries_conf_is_read_too(tmp_path):
    write(tmp_path, {"registries.conf": REWRITTEN})
    assert doctor(tmp_path / "registries.conf").exit_code == 1
    write(tmp_path, {"policy.json": json.dumps(ONLY)})
    assert doctor(tmp_path / "registries.conf").exit_code == 0
    write(tmp_path, {"registries.conf.d/9.conf": '[[registry]]\nlocation = "docker.io"\n', "registries.conf.d/no": "x"})
    assert doctor(tmp_path / "registries.conf").exit_code == 1


def test_what_k3s_reads_beside_registries_yaml_is_read_too(tmp_path):
    write(tmp_path, {"registries.yaml": 'mirrors: {"*": {endpoint: ["https://gate.example"]}}'})
    assert doctor(tmp_path / "registries.yaml").exit_code == 1
    write(tmp_path, {"config.yaml": "disable-default-registry-endpoint: true"})
    assert doctor(tmp_path / "registries.yaml").exit_code == 0


def test_a_machine_configuration_of_talos(tmp_path):
    mirror = 'kind: RegistryMirrorConfig\nname: "*"\nendpoints: [{url: "https://gate.example"}]\nskipFallback: true'
    write(tmp_path, {"machine.yaml": mirror})
    assert doctor(tmp_path / "machine.yaml").exit_code == 0


def test_the_gate_may_be_named_by_the_variable_that_serve_reads(tmp_path):
    write(tmp_path, {"_default/hosts.toml": GOOD})
    path = tmp_path / "_default" / "hosts.toml"
    assert doctor(path, gate="", SEALGATE_PUBLIC_URL="https://gate.example").exit_code == 0
    assert doctor(path, gate="", SEALGATE_PUBLIC_URL="https://other.example").exit_code == 1


@pytest.mark.parametrize(
    ("files", "path", "told"),
    [
        ({}, "absent.toml", "there is no such file"),
        ({"file.txt": ""}, "file.txt", "none of the files"),
        ({"file": ""}, "file", "none of the files"),
        ({"policy.json": "{}"}, "policy.json", "give the registries.conf beside it"),
        ({"daemon.json": "{"}, "daemon.json", "daemon.json: not JSON"),
        ({"registries.conf": "["}, "registries.conf", "registries.conf: not TOML"),
        ({"registries.yaml": "a: b: c"}, "registries.yaml", "registries.yaml:1: not YAML"),
        ({"some/file": ""}, "some", "no certs.d folder"),
    ],
)
def test_what_cannot_be_judged_is_no_verdict(tmp_path, files, path, told):
    write(tmp_path, files)
    result = doctor(tmp_path / path)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize("gate", ["", "a b", "https://user@gate.example"])
def test_without_a_gate_there_is_nothing_to_judge_by(tmp_path, gate):
    write(tmp_path, {"_default/hosts.toml": GOOD})
    assert doctor(tmp_path / "_default" / "hosts.toml", gate=gate).exit_code == 2


def test_help_says_what_it_reads_and_what_it_exits_with():
    told = CliRunner().invoke(app, ["doctor", "--help"], env={"COLUMNS": "200"}).stdout
    for word in ("hosts.toml", "daemon.json", "registries.conf", "registries.yaml", "Talos", "Exit status", "--gate"):
        assert word in told
