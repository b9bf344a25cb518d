"""Our own verifier over the table that the others judge."""

from datetime import timedelta

import pytest
from sigstore_cases import CASES, SUBJECT, Attempt, Case

from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.signature import Bundle, KeylessSigner, KeySigner, LogProof, Source, VerifiedSignature
from sealgate.testing.sigstore.encoding import compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME

OTHERWISE = {
    "keyless_attestation",  # an attestation is no signature
    "keyless_with_a_timestamp_and_no_promise",  # not supported yet
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sealgate_agrees(case: Case, attempt: Attempt) -> None:
    assert accepts(attempt) is (case.expected_of("sealgate") != (case.name in OTHERWISE))


def accepts(attempt: Attempt) -> bool:
    verifier = SigstoreVerifier(TrustedRootFile.parse(compact_json(attempt.trusted_root), "private"))
    candidate = Bundle(source=Source(SUBJECT, 0), subject=SUBJECT, raw=compact_json(attempt.bundle))
    keys = [] if attempt.key is None else [read_public_key(attempt.key.public_pem)]
    verdict = verifier.verify(candidate, keys, SIGNING_TIME + timedelta(days=1))
    wanted = (
        KeylessSigner(identity=attempt.identity, issuer=attempt.issuer)
        if attempt.key is None
        else KeySigner(attempt.key.fingerprint)
    )
    return (
        isinstance(verdict, VerifiedSignature)
        and verdict.signer == wanted
        and (not attempt.logged or verdict.log is LogProof.INCLUSION)
    )
