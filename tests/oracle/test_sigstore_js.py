"""`@sigstore/verify` accepts and refuses what `sealgate.testing` makes."""

import pytest
from other_verifiers import SigstoreJs
from sigstore_cases import CASES, Attempt, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sigstore_js_agrees(case: Case, attempt: Attempt, sigstore_js: SigstoreJs) -> None:
    verdict = sigstore_js.verify(attempt)
    assert verdict.accepted is case.expected_of("sigstore-js"), verdict.reason
