"""Bundles that were signed with a certificate: sigstore-python is the last word on them.

Before it our own steps give each refusal its reason, and check what it leaves out: that the authority's, the CT log's
and the log's keys were within their validity when they were used.
"""

import json
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore.errors import CertValidationError
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import ClientTrustConfig
from sigstore.verify import Verifier

from sealgate.adapters.keys import read_spki, verifies
from sealgate.adapters.signatures import certificate, log_body, protojson, transparency_log
from sealgate.adapters.signatures.bundle import OpenedBundle, check_statement
from sealgate.adapters.signatures.certificate_log import check_sct
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Bundle, VerifiedSignature

_LEAF_KEY: Final = "ecdsa-p256"  # what cosign makes; with others sigstore-python fails in ways of their own


class KeylessVerifier:
    """Verifies keyless bundles against one trusted root.

    Raises:
        ConfigurationInvalid: sigstore-python does not accept the root.
    """

    def __init__(self, root: TrustedRootFile) -> None:
        self._root = root
        try:
            self._sigstore = Verifier(trusted_root=ClientTrustConfig.from_json(_trust_config(root)).trusted_root)
        except (SigstoreError, ValueError) as bad:
            raise ConfigurationInvalid(f"trusted root {root.name}: sigstore-python does not accept it: {bad}") from bad

    def verify(self, candidate: Bundle, opened: OpenedBundle, now: datetime) -> VerifiedSignature:
        """Verify a bundle that was signed with a certificate.

        Raises:
            Rejected: a step does not hold.
            Malformed: a part of it cannot be read.
        """
        # (1) What is signed is a signature of the digest in question.
        check_statement(opened.envelope, candidate.subject)
        # (2) The certificate's key signed it.
        leaf = certificate.load(opened.certificate)
        _check_signature(leaf, opened)
        # (3) The log has it, with proof, since when it says; and it is the entry of this signature (attacks A1).
        entry = opened.entry
        if entry is None:
            raise Rejected(Reason.LOG_ENTRY_MISSING, "a signature with a certificate counts only with a log entry")
        if entry.proof is None:
            raise Rejected(Reason.LOG_PROOF_MISSING, "its log entry comes without an inclusion proof")
        logged = transparency_log.verify(entry, self._root.logs, now)
        log_body.check_dsse(entry.body, opened.envelope.payload, opened.envelope.signature, opened.certificate)
        if logged.at is None:
            if opened.timestamped:
                text = "log entries that only a timestamp authority dates are not supported yet"
                raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, text)
            raise Rejected(Reason.TIMESTAMP_MISSING, "nobody vouches for the time of signing")
        # (4) The certificate was valid then, names one signer, is for signing code, and of a trusted authority.
        if not leaf.not_valid_before_utc <= logged.at <= leaf.not_valid_after_utc:
            text = f"the certificate was not valid at {logged.at:%Y-%m-%d %H:%M:%S} UTC, when the log took it"
            raise Rejected(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, text)
        certificate.check_purpose(leaf)
        signer = certificate.signer_of(leaf)
        issuer = self._issuer_of(leaf, logged.at)
        # (5) A CT log has the certificate.
        check_sct(leaf, issuer, self._root.ct_logs)
        # (6) All of that once more, and what else there is to check, by sigstore-python.
        if self._check_with_sigstore(opened) != leaf:
            raise Rejected(Reason.CERTIFICATE_INVALID, "the bundle's certificate can be read in two ways")
        return VerifiedSignature(
            source=candidate.source,
            signer=signer,
            log=logged.proof,
            log_index=logged.index,
            signed_at=(logged.at,),
        )

    def _issuer_of(self, leaf: x509.Certificate, at: datetime) -> x509.Certificate:
        """The authority's certificate that signed the leaf, of an authority that was to be trusted at the time."""
        issuers = [
            (authority, issuer)
            for authority in self._root.authorities
            for issuer in authority.certificates
            if _issued(leaf, issuer)
        ]
        if not issuers:
            text = "its certificate was issued by no authority of the trusted root"
            raise Rejected(Reason.CERTIFICATE_CHAIN_UNTRUSTED, text)
        for authority, issuer in issuers:
            if authority.window.holds(at):
                return issuer
        text = "the certificate authority was outside its validity when the log took it"
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, text)

    def _check_with_sigstore(self, opened: OpenedBundle) -> x509.Certificate | None:
        """The certificate that sigstore-python verified."""
        shown = _Shown()
        try:
            bundle = SigstoreBundle.from_json(json.dumps(protojson.with_defaults(opened.document)))
            content = self._sigstore.verify_dsse(bundle, shown)
        except CertValidationError as bad:
            text = f"its certificate's chain does not hold up to the trusted root: {bad}"
            raise Rejected(Reason.CERTIFICATE_CHAIN_UNTRUSTED, text) from bad
        except (SigstoreError, ValueError) as bad:  # the second: a timestamp token that is none
            raise Rejected(Reason.SIGNATURE_INVALID, f"sigstore-python refuses it: {bad}") from bad
        if content != (opened.envelope.payload_type, opened.envelope.payload):
            raise Rejected(Reason.SIGNATURE_INVALID, "its envelope can be read in two ways")
        return shown.certificate


class _Shown:
    """A `VerificationPolicy` that asks nothing of the certificate and remembers it.

    Whether identity and issuer are the right ones is for `policy.decide` to say.
    """

    def __init__(self) -> None:
        self.certificate: x509.Certificate | None = None

    def verify(self, cert: x509.Certificate) -> None:
        self.certificate = cert


def _check_signature(leaf: x509.Certificate, opened: OpenedBundle) -> None:
    try:
        key = read_spki(leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except KeyRejected as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, f"its certificate's key cannot be used: {bad}") from bad
    if key.algorithm != _LEAF_KEY:
        text = f"certificates for keys of the kind {key.algorithm} are not supported yet"
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, text)
    if not verifies(key, opened.envelope.signature, opened.envelope.signed_bytes):
        raise Rejected(Reason.SIGNATURE_INVALID, "it is not signed with the certificate's key, or was changed since")


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed the leaf. Names alone say nothing: an authority's new key keeps the old name."""
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _trust_config(root: TrustedRootFile) -> str:
    """The root as `ClientTrustConfig` has it: sigstore-python's only public way to a root that is not in a file."""
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": {"ctlogs": [], **root.document},  # protojson leaves an empty list out
            "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
        }
    )
