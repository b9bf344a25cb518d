"""sigstore-python over what it can read of the table."""

from pathlib import Path

import pytest
from attempts import Attempt, Case
from cases import CASES
from disagreements import expected
from other_verifiers import SigstorePython


@pytest.mark.parametrize("case", [case for case in CASES if SigstorePython.judges(case)], ids=str)
@pytest.mark.filterwarnings("ignore:this bundle contains a root CA")
def test_sigstore_python_agrees(case: Case, attempt: Attempt, tmp_path: Path) -> None:
    verdict = SigstorePython(tmp_path).verify(attempt)
    assert verdict.accepted is expected(case, "sigstore-python"), verdict.reason
