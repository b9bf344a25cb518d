"""The verifier: one candidate in, one fact out, whatever is in the candidate."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sealgate.adapters.signatures import bundle, simple_signing
from sealgate.adapters.signatures.keyless import KeylessVerifier
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import Malformed
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Candidate, RejectedCandidate, SimpleSigning, VerifiedSignature
from sealgate.oci.wire import printable

_log: Final = logging.getLogger(__name__)

_DETAIL_CHARACTERS: Final = 400


class SigstoreVerifier:
    """`ports.SignatureVerifier` on sigstore-python and `cryptography`.

    Args:
        root: the trusted root for log entries and certificates. Signatures by key without a log entry need none.
    """

    version: Final = "1"

    def __init__(self, root: TrustedRootFile) -> None:
        self._root = root
        self._keyless = KeylessVerifier(root)

    @property
    def trusted_roots_digest(self) -> str:
        """SHA-256 of the trusted root, in hexadecimal."""
        return self._root.digest

    def verify(
        self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime
    ) -> VerifiedSignature | RejectedCandidate:
        """Establish who signed the candidate's subject. Total: it raises nothing, and calls nobody."""
        try:
            return self._verify(candidate, keys, now)
        except Rejected as step:
            reason, detail = step.reason, step.detail
        except Malformed as bad:
            reason, detail = Reason.PAYLOAD_MALFORMED, f"it cannot be read: {bad}"
        except Exception:  # noqa: BLE001 - the one seam for what foreign code may raise: no crash reads as a success (A31)
            _log.warning("a signature could not be verified", exc_info=True)
            reason, detail = Reason.SIGNATURE_INVALID, "verifying it ended in an error"
        return RejectedCandidate(source=candidate.source, reason=reason, detail=printable(detail, _DETAIL_CHARACTERS))

    def _verify(self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime) -> VerifiedSignature:
        if isinstance(candidate, SimpleSigning):
            return simple_signing.verify(candidate, keys, self._root.logs, now)
        opened = bundle.open_bundle(candidate.raw)
        if opened.certificate:
            return self._keyless.verify(candidate, opened, now)
        return bundle.verify_with_keys(candidate, opened, keys, self._root.logs, now)
