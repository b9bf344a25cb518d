"""The verifier: one candidate in, one fact out, whatever is in the candidate."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.adapters.signatures import engine
from sealgate.adapters.signatures.bundle import open_bundle
from sealgate.adapters.signatures.engine import Trusted
from sealgate.adapters.signatures.opened import Opened
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.simple_signing import open_attestation, open_simple_signing
from sealgate.adapters.signatures.subject import Subject, attests
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import ConfigurationInvalid, Malformed
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Attestation,
    Bundle,
    Candidate,
    RejectedCandidate,
    SimpleSigning,
    Source,
    VerifiedSignature,
)
from sealgate.limits import ATTESTATION_BYTES, BUNDLE_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.wire import printable

_log: Final = logging.getLogger(__name__)

_RULES: Final = 3  # counts the changes of this package that judge the same candidate differently
_DETAIL_CHARACTERS: Final = 400


class SigstoreVerifier:
    """`ports.SignatureVerifier` on `cryptography` and `rfc3161-client`, with sigstore-python's veto on certificates.

    Args:
        roots: the trusted roots, by the name that policies know them by. A certificate is judged with the root whose
            authority issued it; log entries and timestamps of what is signed with a key, with the one called
            `default`. Signatures with a key and nothing else need none.

    Raises:
        ConfigurationInvalid: two roots share an authority, and so a signature could be of either; or sigstore-python
            does not accept one.
    """

    def __init__(self, roots: Mapping[str, TrustedRootFile]) -> None:
        _check_apart(roots)
        self._trusted = {name: Trusted(root=roots[name], opinion=_opinion(roots[name])) for name in sorted(roots)}
        listed = "".join(f"{len(name)}:{name} {roots[name].digest}\n" for name in sorted(roots))
        self._digest = hashlib.sha256(listed.encode()).hexdigest()
        libraries = (f"{name}-{version(name)}" for name in ("sigstore", "cryptography", "rfc3161-client"))
        self._version = " ".join((str(_RULES), *libraries))

    @property
    def version(self) -> str:
        """Changes with our rules and with the libraries that verify."""
        return self._version

    @property
    def trusted_roots_digest(self) -> str:
        """SHA-256 of the trusted roots and their names, in hexadecimal."""
        return self._digest

    def verify(
        self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime
    ) -> VerifiedSignature | RejectedCandidate:
        """Establish who signed the candidate's subject. Total: it raises nothing, and calls nobody."""

        def opened() -> Opened:
            match candidate:
                case SimpleSigning():
                    return open_simple_signing(candidate.payload, candidate.annotations)
                case Attestation():
                    return open_attestation(candidate.envelope, candidate.annotations)
                case Bundle():
                    most = ATTESTATION_BYTES if candidate.attested else BUNDLE_BYTES
                    return open_bundle(candidate.raw, candidate.subject, most=most)

        attested = isinstance(candidate, Attestation) or (isinstance(candidate, Bundle) and candidate.attested)
        subject = Subject(digest=candidate.subject, attested=attested)
        return self._verify(opened, subject, candidate.source, keys, now)

    def verify_bundle(
        self, raw: bytes, artifact: bytes | Digest, keys: Sequence[PublicKey], now: datetime
    ) -> VerifiedSignature | RejectedCandidate:
        """The same for a bundle and any artifact, which need not be in a registry; any statement about it will do.

        Args:
            raw: the bundle.
            artifact: the artifact, or its SHA-256 digest. With the digest alone, message signatures by keys that hash
                in another way (P-384, P-521, Ed25519) cannot be judged.
            keys: those that may have signed it.
            now: the present.
        """
        digest, content = (Digest.of(artifact), artifact) if isinstance(artifact, bytes) else (artifact, None)
        source = Source(Digest.of(raw), 0)
        return self._verify(
            lambda: open_bundle(raw, digest, content), Subject(digest=digest, attested=True), source, keys, now
        )

    def _verify(
        self,
        opened: Callable[[], Opened],
        subject: Subject,
        source: Source,
        keys: Sequence[PublicKey],
        now: datetime,
    ) -> VerifiedSignature | RejectedCandidate:
        attested = False
        try:
            made = opened()
            attested = attests(made.content)
            return engine.verify(made, subject, source, keys, self._trusted, now)
        except Rejected as step:
            reason, detail = step.reason, step.detail
        except Malformed as bad:
            reason, detail = Reason.PAYLOAD_MALFORMED, f"it cannot be read: {bad}"
        except (KeyboardInterrupt, SystemExit):
            raise
        # The one seam for what foreign code may raise: no crash reads as a success (attacks A31). A panic of the Rust
        # code below `cryptography` is no `Exception`.
        except BaseException:  # noqa: BLE001
            _log.warning("verifying %s ended in an error", source, exc_info=True)
            reason, detail = Reason.SIGNATURE_INVALID, "verifying it ended in an error"
        told = printable(detail, _DETAIL_CHARACTERS)
        return RejectedCandidate(source=source, reason=reason, detail=told, attested=attested)


def _opinion(root: TrustedRootFile) -> engine.SecondOpinion | None:
    """sigstore-python's, which takes a root only with a log and an authority; without them no certificate counts."""
    if not root.logs or not root.authorities:
        return None
    # Here and not above: it takes over half a second, and commands that verify nothing import this module too.
    from sealgate.adapters.signatures.second_opinion import SigstorePython  # noqa: PLC0415

    return SigstorePython(root)


def _check_apart(roots: Mapping[str, TrustedRootFile]) -> None:
    """That each certificate authority is of one root only, as a signature is judged with one and is of one."""
    seen: dict[bytes, str] = {}
    for name in sorted(roots):
        keys = {
            one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            for authority in roots[name].authorities
            for one in authority.certificates
        }
        shared = next((seen[key] for key in sorted(keys) if key in seen), None)
        if shared is not None:
            raise ConfigurationInvalid(f"trusted roots {shared} and {name} name the same certificate authority")
        seen |= dict.fromkeys(keys, name)
