"""Our own verifier over the table that the others judge; and the table of disagreements is about that table."""

import pytest
import sealgate_verifier
from attempts import Attempt, Case
from cases import CASES
from disagreements import LOOSER, NARROWER, Disagreement


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sealgate_judges_rightly(case: Case, attempt: Attempt) -> None:
    verdict = sealgate_verifier.verify(attempt)
    assert verdict.accepted is case.accepted, verdict.reason


@pytest.mark.parametrize(("table", "accepted"), [(NARROWER, True), (LOOSER, False)], ids=["narrower", "looser"])
def test_every_disagreement_is_about_a_case(table: tuple[Disagreement, ...], accepted: bool) -> None:
    for one in table:
        for pattern in one.cases:
            covered = [case for case in CASES if Disagreement(one.verifiers, (pattern,), "").covers(case)]
            assert any(case.accepted is accepted for case in covered), pattern
