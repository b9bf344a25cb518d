"""The short form of `make chaos`: a gate that is killed with SIGKILL loses no acknowledged push (attacks F11)."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.client("docker-registry", "cosign2", "cosign3")

CHAOS = Path(__file__).resolve().parents[1] / "chaos"
SECONDS = 400


def told(program: str, *words: str) -> str:
    """What it printed; it must have ended well."""
    command = [sys.executable, str(CHAOS / program), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.client("pg_ctlcluster")
@pytest.mark.parametrize("state", ["sqlite", "postgresql"])
def test_f11_killed_at_any_moment_the_gate_loses_no_acknowledged_push(state: str) -> None:
    assert "violations" in told("run.py", "--kills", "3", "--state", state)


def test_b2_whatever_a_tag_serves_was_admitted_though_32_clients_move_and_sign_it_at_once() -> None:
    assert "violations" in told("retag.py", "--seconds", "4")
