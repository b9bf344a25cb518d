"""Our own verifier over the table that the others judge."""

from datetime import timedelta

from attempts import IMAGE, SUBJECT, Attempt
from other_verifiers import Verdict

from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.signature import (
    Bundle,
    KeylessSigner,
    KeySigner,
    LogProof,
    RejectedCandidate,
    SimpleSigning,
    Source,
)
from sealgate.testing.sigstore.dsse import COSIGN_SIGN
from sealgate.testing.sigstore.encoding import compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME

NOW = SIGNING_TIME + timedelta(days=1)
SOURCE = Source(SUBJECT, 0)


def verify(attempt: Attempt) -> Verdict:
    verifier = SigstoreVerifier({"default": TrustedRootFile.parse(compact_json(attempt.trusted_root), "private")})
    keys = [] if attempt.key is None else [read_public_key(attempt.key.public_pem)]
    if attempt.simple is not None:
        payload, annotations = attempt.simple.payload, attempt.simple.annotations
        candidate = SimpleSigning(source=SOURCE, subject=SUBJECT, payload=payload, annotations=annotations)
        found = verifier.verify(candidate, keys, NOW)
    elif "dsseEnvelope" in attempt.document and attempt.predicate_type == COSIGN_SIGN:
        bundle = Bundle(source=SOURCE, subject=SUBJECT, raw=compact_json(attempt.bundle))
        found = verifier.verify(bundle, keys, NOW)
    else:  # as `sealgate verify-bundle` does
        found = verifier.verify_bundle(compact_json(attempt.bundle), IMAGE.manifest, keys, NOW)
    if isinstance(found, RejectedCandidate):
        return Verdict(False, f"{found.reason}: {found.detail}")
    wanted = (
        KeylessSigner(identity=attempt.identity, issuer=attempt.issuer)
        if attempt.key is None
        else KeySigner(attempt.key.fingerprint)
    )
    if found.signer != wanted:
        return Verdict(False, f"signed by {found.signer}")
    enough = {LogProof.INCLUSION} | ({LogProof.PROMISE} if attempt.promise else set())
    return Verdict(not attempt.logged or found.log in enough, f"its log entry is proven by {found.log}")
