"""What is written on nodes: read by the doctor, mended, left when the program stops, and never over somebody else's."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sealgate.cli.main import app

GATE = "https://gate.example"
SECONDS = 20.0


@pytest.fixture
def program(helm: Any, tmp_path: Path) -> Path:
    """The program as a pod has it, which looks more often than every 30 seconds."""
    path = tmp_path / "nodes" / "node.py"
    path.parent.mkdir()
    text = (helm.chart / "files" / "node.py").read_text()
    path.write_text(text.replace("LOOK_SECONDS = 30", "LOOK_SECONDS = 0.1"))
    assert path.read_text() != text
    return path


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    folder = tmp_path / "certs.d"
    folder.mkdir()
    return folder


@contextmanager
def running(program: Path, certs: Path, how: str = "write") -> Iterator[subprocess.Popen[str]]:
    """The program; it ends when it is told to, and without an error."""
    command = [sys.executable, str(program), how, str(certs), GATE, "/etc/containerd/certs.d"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def bypass(certs: Path) -> bool:
    told = CliRunner().invoke(app, ["doctor", "--json", "--gate", "gate.example", str(certs)])
    verdict: bool = json.loads(told.output)["bypass"]
    return verdict


def test_nodes_pull_through_the_gate_and_from_nowhere_else(program: Path, certs: Path) -> None:
    assert bypass(certs)
    with running(program, certs):
        until((certs / "_default" / "hosts.toml").is_file)
    assert (certs / "_default" / "hosts.toml").read_text().endswith(f'server = "{GATE}"\n\n[host]\n')
    assert not bypass(certs)


def test_the_gates_authority_is_written_where_containerd_finds_it(program: Path, certs: Path) -> None:
    (program.parent / "gate-ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    with running(program, certs):
        until((certs / "_default" / "hosts.toml").is_file)
    assert 'ca = "/etc/containerd/certs.d/_default/gate-ca.crt"' in (certs / "_default" / "hosts.toml").read_text()
    assert (certs / "_default" / "gate-ca.crt").read_text() == "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize("change", ["changed", "removed", "link"])
def test_it_is_mended(program: Path, certs: Path, tmp_path: Path, change: str) -> None:
    file = certs / "_default" / "hosts.toml"
    with running(program, certs):
        until(file.is_file)
        text = file.read_text()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text(text)
        if change == "changed":
            file.write_text('server = "https://registry-1.docker.io"\n')
        else:
            file.unlink()
            if change == "link":
                file.symlink_to(elsewhere)
        until(lambda: file.is_file() and not file.is_symlink() and file.read_text() == text)
        assert elsewhere.read_text() == text


def test_it_stays_when_the_program_stops_and_goes_when_it_is_told(program: Path, certs: Path) -> None:
    file = certs / "_default" / "hosts.toml"
    with running(program, certs):
        until(file.is_file)
    assert file.is_file()
    with running(program, certs, "remove"):
        until(lambda: not file.exists())


@pytest.mark.parametrize("how", ["write", "remove"])
def test_somebody_elses_file_is_left_alone(program: Path, certs: Path, how: str) -> None:
    file = certs / "_default" / "hosts.toml"
    file.parent.mkdir()
    file.write_text('server = "https://mirror.example"\n')
    command = [sys.executable, str(program), how, str(certs), GATE, "/etc/containerd/certs.d"]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert told.returncode == 1
    assert "/etc/containerd/certs.d/_default/hosts.toml is somebody else's" in told.stderr
    assert file.read_text() == 'server = "https://mirror.example"\n'


def test_the_pods_readiness_is_the_doctors_verdict(helm: Any, program: Path, certs: Path) -> None:
    """A folder of another registry beside `_default` goes around the gate: such a node is not ready."""
    (nodes,) = [each for each in helm.objects(name="everything") if each["kind"] == "DaemonSet"]
    (container,) = nodes["spec"]["template"]["spec"]["containers"]
    _, *command = container["readinessProbe"]["exec"]["command"]
    assert command == ["doctor", "--gate", "gate.example", "/host/certs.d"]
    command[-1] = str(certs)
    with running(program, certs):
        until((certs / "_default" / "hosts.toml").is_file)
        assert CliRunner().invoke(app, command).exit_code == 0
        (certs / "docker.io").mkdir()
        assert CliRunner().invoke(app, command).exit_code == 1


def test_only_the_nodes_pod_sees_the_node_and_of_it_that_folder_alone(helm: Any) -> None:
    (nodes,) = [each for each in helm.objects(name="everything") if each["kind"] == "DaemonSet"]
    spec = nodes["spec"]["template"]["spec"]
    assert [each["hostPath"] for each in spec["volumes"] if "hostPath" in each] == [
        {"path": "/etc/containerd/certs.d", "type": "DirectoryOrCreate"}
    ]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    security = spec["containers"][0]["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
