"""Real cosigns over the whole table."""

import pytest
from attempts import Attempt, Case
from cases import CASES
from disagreements import expected
from other_verifiers import Cosign


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cosign_agrees(case: Case, attempt: Attempt, cosign: Cosign) -> None:
    verdict = cosign.verify(attempt)
    assert verdict.accepted is expected(case, cosign.name), verdict.reason
