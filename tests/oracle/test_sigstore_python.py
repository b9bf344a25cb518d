"""sigstore-python accepts and refuses what `sealgate.testing` makes; it knows no managed keys."""

import json
from pathlib import Path

import pytest
from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity
from sigstore_cases import CASES, Attempt, Case


@pytest.mark.parametrize("case", [case for case in CASES if case.keyless], ids=str)
def test_sigstore_python_agrees(case: Case, attempt: Attempt, tmp_path: Path) -> None:
    root = tmp_path / "trusted_root.json"
    root.write_text(json.dumps(attempt.trusted_root))
    assert accepts(attempt, root) is case.expected_of("sigstore-python")


def accepts(attempt: Attempt, root: Path) -> bool:
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
    try:
        bundle = Bundle.from_json(json.dumps(attempt.bundle))
        verifier.verify_dsse(bundle, Identity(identity=attempt.identity, issuer=attempt.issuer))
    except Error:
        return False
    return True
