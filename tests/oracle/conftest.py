"""Other implementations judge what `sealgate.testing` makes: the same people wrote it and our verifier.

They are skipped where they are not installed; in CI that is a failure.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "clients"))

from attempts import Attempt, Case
from harness.programs import find
from other_verifiers import HERE, Cosign, SigstoreJs

from sealgate.testing.sigstore import PrivateSigstore


@pytest.fixture
def attempt(case: Case, private_sigstore: PrivateSigstore) -> Attempt:
    return case.attempt(private_sigstore)


@pytest.fixture(scope="session")
def sigstore_js() -> SigstoreJs:
    node = shutil.which("node")
    if node is None:
        missing("node")
    if not (HERE / "node_modules" / "@sigstore" / "verify").is_dir():
        missing("@sigstore/verify (`make oracle` installs it)")
    return SigstoreJs(node)


@pytest.fixture(params=["cosign2", "cosign3"])
def cosign(request: pytest.FixtureRequest, tmp_path: Path) -> Cosign:
    program = find(request.param)
    if program is None:
        missing(f"{request.param} (`make clients` installs it)")
    return Cosign(request.param, program, tmp_path)


def missing(what: str) -> None:
    told = f"not installed: {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)
