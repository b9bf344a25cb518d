"""A certificate authority that issues as Fulcio does (fulcio's certificate-specification.md and oid-info.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.testing.sigstore import der
from sealgate.testing.sigstore.certificates import authority_chain, issued_by, key_usage
from sealgate.testing.sigstore.ct_log import CtLog, sct_extension
from sealgate.testing.sigstore.keys import SigningKey
from sealgate.testing.sigstore.time_range import TimeRange

LEAF_LIFETIME: Final = timedelta(minutes=10)

_FULCIO: Final = "1.3.6.1.4.1.57264.1"
_ISSUER_V1, _ISSUER_V2 = 1, 8
_RAW_CLAIMS: Final = {  # deprecated extensions, whose value is the bare text
    "github_workflow_trigger": 2,
    "github_workflow_sha": 3,
    "github_workflow_name": 4,
    "github_workflow_repository": 5,
    "github_workflow_ref": 6,
}
_CLAIMS: Final = {  # whose value is a UTF8String
    "build_signer_uri": 9,
    "build_signer_digest": 10,
    "runner_environment": 11,
    "source_repository_uri": 12,
    "source_repository_digest": 13,
    "source_repository_ref": 14,
    "source_repository_identifier": 15,
    "source_repository_owner_uri": 16,
    "source_repository_owner_identifier": 17,
    "build_config_uri": 18,
    "build_config_digest": 19,
    "build_trigger": 20,
    "run_invocation_uri": 21,
    "source_repository_visibility_at_signing": 22,
    "deployment_environment": 23,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority:
    """A root and the authorities below it, all ECDSA P-384, that issue short-lived leaves for an identity.

    Args:
        chain: their certificates, the issuing one first.
        issuing_key: the key of that one.
        valid_for: when a trusted root trusts it; None: as long as the Sigstore it is a part of.
    """

    chain: tuple[x509.Certificate, ...]
    issuing_key: SigningKey = field(repr=False)
    valid_for: TimeRange | None = None

    @classmethod
    def create(
        cls,
        *,
        start: datetime,
        end: datetime,
        intermediates: Sequence[TimeRange] | None = None,
        valid_for: TimeRange | None = None,
    ) -> "CertificateAuthority":
        """A new authority, whose certificates are valid from `start` to `end`.

        Args:
            start: when the root begins to be valid.
            end: when it ceases to be.
            intermediates: another range for each of the authorities below the root, from the root down; none: the root
                itself issues. Not given: one, valid as long as the root.
            valid_for: when a trusted root trusts it.
        """
        chain, key = authority_chain(
            "fulcio",
            start=start,
            end=end,
            intermediates=(TimeRange(start=start),) if intermediates is None else intermediates,
            usage=ExtendedKeyUsageOID.CODE_SIGNING,
        )
        return cls(chain=chain, issuing_key=key, valid_for=valid_for)

    @property
    def intermediate(self) -> x509.Certificate:
        """The issuing certificate."""
        return self.chain[0]

    @property
    def intermediate_key(self) -> SigningKey:
        """The issuing key."""
        return self.issuing_key

    def issue(
        self,
        *,
        identity: str,
        issuer: str,
        public_key: SigningKey | CertificatePublicKeyTypes,
        at: datetime,
        claims: Mapping[str, str] | None = None,
        ct_logs: Sequence[CtLog] = (),
    ) -> x509.Certificate:
        """Issue a leaf.

        Args:
            identity: its one subject alternative name: a URI where there is a `://` in it, else an e-mail address.
            issuer: the OIDC issuer, written into both of Fulcio's issuer extensions.
            public_key: the key it is for; only its public half is used.
            at: from when it is valid, for `LEAF_LIFETIME`.
            claims: further extensions, by their names in oid-info.md: `source_repository_uri`, `build_trigger`, …
            ct_logs: each adds one SCT; Fulcio's leaves have exactly one.
        """
        draft = self._leaf(identity, issuer, public_key, at, claims or {})
        if not ct_logs:
            return draft.sign(self.issuing_key.private, hashes.SHA384())
        # The logs sign the certificate without their own extension, so it is built first, and again with it at the end.
        precertificate = draft.sign(self.issuing_key.private, hashes.SHA384()).tbs_certificate_bytes
        scts = [log.promise(precertificate, self.issuing_key.key_id, at) for log in ct_logs]
        return draft.add_extension(sct_extension(scts), critical=False).sign(self.issuing_key.private, hashes.SHA384())

    def _leaf(
        self,
        identity: str,
        issuer: str,
        public_key: SigningKey | CertificatePublicKeyTypes,
        at: datetime,
        claims: Mapping[str, str],
    ) -> x509.CertificateBuilder:
        public = public_key.private.public_key() if isinstance(public_key, SigningKey) else public_key
        alternative = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.chain[0].subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(at)
            .not_valid_after(at + LEAF_LIFETIME)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issued_by(self.chain[0]), critical=False)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=True)
            .add_extension(_raw_extension(_ISSUER_V1, issuer.encode()), critical=False)
            .add_extension(_raw_extension(_ISSUER_V2, der.utf8(issuer)), critical=False)
        )
        for claim, value in claims.items():
            extension = (
                _raw_extension(_RAW_CLAIMS[claim], value.encode())
                if claim in _RAW_CLAIMS
                else _raw_extension(_CLAIMS[claim], der.utf8(value))
            )
            builder = builder.add_extension(extension, critical=False)
        return builder


def _raw_extension(number: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_FULCIO}.{number}"), value)
