"""Keyless bundles, by sigstore-python's public API, and what it does not look at.

It is the last word on the chain, the SCT, the log and the signature. Before it our own steps give each refusal its
reason, and around it they check what it leaves out: the windows in which the root's keys are valid.
"""

import json
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sigstore.errors import CertValidationError, Error
from sigstore.models import Bundle as SigstoreBundle
from sigstore.verify import Verifier

from sealgate.adapters.keys import describe, verifies
from sealgate.adapters.signatures import certificate as fulcio
from sealgate.adapters.signatures import log_entry
from sealgate.adapters.signatures.bundle import OpenedBundle, check_statement
from sealgate.adapters.signatures.protojson import with_defaults
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import KeyRejected
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Bundle, KeylessSigner, LogProof, VerifiedSignature

_SHA256_CURVE: Final = "ecdsa-p256"  # the only leaf keys that sigstore-python verifies without leaking exceptions


class _AsksNothing:
    """A `VerificationPolicy` of sigstore-python's that asks nothing of the certificate.

    Identity and issuer are judged by `policy.decide`, on the facts that come of this verification.
    """

    def verify(self, cert: x509.Certificate) -> None:
        """Accept."""


class KeylessVerifier:
    """Verifies keyless bundles against one trusted root.

    Raises:
        ConfigurationInvalid: sigstore-python does not accept the root.
    """

    def __init__(self, root: TrustedRootFile) -> None:
        self._root = root
        self._verifier = Verifier(trusted_root=root.sigstore())

    def verify(self, candidate: Bundle, opened: OpenedBundle, now: datetime) -> VerifiedSignature:
        """Verify a bundle that was signed with a certificate.

        Raises:
            Rejected, Malformed: as in the steps.
        """
        # (1) What is signed is a signature of the digest in question.
        check_statement(opened.envelope, candidate.subject)
        # (2) Who the certificate says signed.
        leaf = fulcio.load(opened.certificate)
        signer = KeylessSigner(
            identity=fulcio.identity_of(leaf), issuer=fulcio.issuer_of(leaf), claims=fulcio.claims_of(leaf)
        )
        # (3) The log has it: an entry, with proof, that is that of this signature.
        if opened.entry is None:
            raise Rejected(Reason.LOG_ENTRY_MISSING, "a keyless signature without a log entry says nothing")
        if opened.entry.proof is None:
            raise Rejected(Reason.LOG_PROOF_MISSING, "its log entry comes without an inclusion proof")
        logged = log_entry.verify(opened.entry, self._root.logs, now)
        spki = leaf.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        log_entry.bind_dsse(opened.entry.body, opened.envelope.payload, opened.envelope.signature, spki)
        # (4) The certificate was valid when the log took the signature.
        if not leaf.not_valid_before_utc <= logged.at <= leaf.not_valid_after_utc:
            raise Rejected(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, "the certificate was not valid when it was signed")
        # (5) The certificate's key signed the envelope.
        self._check_signature(leaf, opened)
        # (6) Chain, SCT, key usage, and all of the above once more, by sigstore-python.
        self._check_with_sigstore(leaf, opened)
        # (7) The authority and the CT log were in their windows (sigstore-python looks only for a start to come).
        self._check_windows(leaf, logged.at)
        return VerifiedSignature(
            source=candidate.source,
            signer=signer,
            log=LogProof.INCLUSION,
            log_index=logged.index,
            signed_at=(logged.at,),
        )

    def _check_signature(self, leaf: x509.Certificate, opened: OpenedBundle) -> None:
        try:
            key = describe(leaf.public_key())
        except KeyRejected as bad:
            raise Rejected(Reason.CERTIFICATE_INVALID, f"the certificate's key is not accepted: {bad}") from bad
        if key.algorithm != _SHA256_CURVE:
            text = f"keyless signatures with {key.algorithm} are not supported yet"
            raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, text)
        if not verifies(key, opened.envelope.signature, opened.envelope.signed_bytes):
            raise Rejected(Reason.SIGNATURE_INVALID, "the signature was not made with the certificate's key")

    def _check_with_sigstore(self, leaf: x509.Certificate, opened: OpenedBundle) -> None:
        try:
            bundle = SigstoreBundle.from_json(json.dumps(with_defaults(opened.document)))
            if bundle.signing_certificate != leaf:
                raise Rejected(Reason.CERTIFICATE_INVALID, "the bundle's certificate can be read in two ways")
            kind, payload = self._verifier.verify_dsse(bundle, _AsksNothing())
        except CertValidationError as bad:
            text = "the certificate's chain does not end in the trusted root"
            raise Rejected(Reason.CERTIFICATE_CHAIN_UNTRUSTED, text) from bad
        except Error as bad:
            # What is left, for the steps before judged the log and the signature: the SCT, and what the key is for.
            raise Rejected(Reason.SCT_INVALID, f"the certificate is not vouched for: {bad}") from bad
        if (kind, payload) != (opened.envelope.payload_type, opened.envelope.payload):
            raise Rejected(Reason.SIGNATURE_INVALID, "the envelope can be read in two ways")

    def _check_windows(self, leaf: x509.Certificate, at: datetime) -> None:
        issuing = [
            authority
            for authority in self._root.authorities
            if any(certificate.subject == leaf.issuer for certificate in authority.certificates)
        ]
        if not any(authority.window.holds(at) for authority in issuing):
            raise Rejected(
                Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, "the certificate authority was not valid when it was signed"
            )
        stamps = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
        for stamp in stamps:
            log = self._root.ct_logs.get(stamp.log_id)
            if log is not None and log.window.holds(stamp.timestamp.replace(tzinfo=UTC)):
                return
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, "the CT log was not valid when the SCT was made")
