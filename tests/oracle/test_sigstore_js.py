"""`@sigstore/verify` over the table."""

import pytest
from attempts import Attempt, Case
from cases import CASES
from disagreements import expected
from other_verifiers import SigstoreJs


@pytest.mark.parametrize("case", [case for case in CASES if SigstoreJs.judges(case)], ids=str)
def test_sigstore_js_agrees(case: Case, attempt: Attempt, sigstore_js: SigstoreJs) -> None:
    verdict = sigstore_js.verify(attempt)
    assert verdict.accepted is expected(case, "sigstore-js"), verdict.reason
