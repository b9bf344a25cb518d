"""The verifier: one candidate in, one fact out, whatever is in the candidate."""

import logging
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Final

from sealgate.adapters.signatures import key_bundle, simple_signing
from sealgate.adapters.signatures.bundle import open_bundle
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import Malformed
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Candidate, RejectedCandidate, SimpleSigning, VerifiedSignature
from sealgate.oci.wire import printable

_log: Final = logging.getLogger(__name__)

_RULES: Final = 1  # counts the changes of this package that judge the same candidate differently
_DETAIL_CHARACTERS: Final = 400


class SigstoreVerifier:
    """`ports.SignatureVerifier` on sigstore-python (for certificates) and `cryptography`.

    Args:
        root: the trusted root for log entries and certificates. Signatures by key without a log entry need none.

    Raises:
        ConfigurationInvalid: sigstore-python does not accept the root.
    """

    def __init__(self, root: TrustedRootFile) -> None:
        # Here and not above: it takes over half a second, and commands that verify nothing import this module too.
        from sealgate.adapters.signatures.keyless_bundle import KeylessVerifier  # noqa: PLC0415

        self._root = root
        self._keyless = KeylessVerifier(root)
        self._version = f"{_RULES} sigstore-{version('sigstore')} cryptography-{version('cryptography')}"

    @property
    def version(self) -> str:
        """Changes with our rules and with the libraries that verify."""
        return self._version

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
        except (KeyboardInterrupt, SystemExit):
            raise
        # The one seam for what foreign code may raise: no crash reads as a success (attacks A31). A panic of the Rust
        # code below `cryptography` is no `Exception`.
        except BaseException:  # noqa: BLE001
            _log.warning("verifying %s ended in an error", candidate.source, exc_info=True)
            reason, detail = Reason.SIGNATURE_INVALID, "verifying it ended in an error"
        return RejectedCandidate(source=candidate.source, reason=reason, detail=printable(detail, _DETAIL_CHARACTERS))

    def _verify(self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime) -> VerifiedSignature:
        if isinstance(candidate, SimpleSigning):
            return simple_signing.verify(candidate, keys, self._root.logs, now)
        opened = open_bundle(candidate.raw)
        if opened.certificate:
            return self._keyless.verify(candidate, opened, now)
        return key_bundle.verify(candidate, opened, keys, self._root.logs, now)
