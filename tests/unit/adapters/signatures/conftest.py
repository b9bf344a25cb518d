"""A private Sigstore whose signatures are judged, and what it takes to make signatures that no tool makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import Bundle, RejectedCandidate, SimpleSigning, Source, VerifiedSignature
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey, SimpleSignature, der
from sealgate.testing.sigstore.certificates import issued_by, key_usage
from sealgate.testing.sigstore.ct_log import sct_extension
from sealgate.testing.sigstore.encoding import JsonObject, compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME

Verdict = VerifiedSignature | RejectedCandidate


@dataclass(frozen=True)
class Judge:
    """Our verifier, with the root of one Sigstore."""

    sigstore: PrivateSigstore
    subject: Digest = Digest.of(b"a manifest")  # noqa: RUF009 - it is a value
    source: Source = Source(Digest.of(b"a carrier"), 0)  # noqa: RUF009
    now: datetime = SIGNING_TIME + timedelta(days=30)
    edit: Callable[[JsonObject], None] = field(default=lambda _: None)

    def simple(self, signature: SimpleSignature, *keys: SigningKey) -> Verdict:
        """What becomes of a simple signing signature."""
        return self.verifier.verify(self.simple_candidate(signature), [public(key) for key in keys], self.now)

    def simple_candidate(self, signature: SimpleSignature) -> SimpleSigning:
        return SimpleSigning(
            source=self.source,
            subject=self.subject,
            payload=signature.payload,
            annotations=signature.annotations,
        )

    def bundle(self, bundle: JsonObject | bytes, *keys: SigningKey) -> Verdict:
        """What becomes of a bundle."""
        raw = bundle if isinstance(bundle, bytes) else compact_json(bundle)
        candidate = Bundle(source=self.source, subject=self.subject, raw=raw)
        return self.verifier.verify(candidate, [public(key) for key in keys], self.now)

    @property
    def verifier(self) -> SigstoreVerifier:
        root = self.sigstore.trusted_root()
        self.edit(root)
        return SigstoreVerifier(TrustedRootFile.parse(compact_json(root), "private"))

    def at(self, now: datetime) -> "Judge":
        """The same at another time."""
        return replace(self, now=now)

    def with_root(self, edit: Callable[[JsonObject], None]) -> "Judge":
        """The same with a trusted root that was edited."""
        return replace(self, edit=edit)


def public(key: SigningKey) -> PublicKey:
    return read_public_key(key.public_pem)


@pytest.fixture
def judge(private_sigstore: PrivateSigstore) -> Judge:
    return Judge(private_sigstore)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def signer(private_sigstore: PrivateSigstore) -> CertifiedKey:
    return private_sigstore.keyless(identity="dev@example.com", issuer="https://accounts.example.com")


@pytest.fixture
def certify(private_sigstore: PrivateSigstore) -> Callable[..., CertifiedKey]:
    """Makes certificates that Fulcio does not make."""

    def certify(
        *,
        names: Sequence[x509.GeneralName] = (x509.RFC822Name("dev@example.com"),),
        fulcio: Mapping[int, bytes] = {8: der.utf8("https://accounts.example.com")},
        purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CODE_SIGNING,
        signs_certificates: bool = False,
        key: SigningKey | None = None,
        scts: int = 1,
        sct: x509.ExtensionType | None = None,
        more: Sequence[x509.ExtensionType] = (),
    ) -> CertifiedKey:
        world, key = private_sigstore, key or SigningKey.generate()
        issuing = world.authority.intermediate
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuing.subject)
            .public_key(key.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(world.now)
            .not_valid_after(world.now + timedelta(minutes=10))
            .add_extension(key_usage(signs_certificates=signs_certificates), critical=True)
            .add_extension(issued_by(issuing), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        for number, value in fulcio.items():
            oid = ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        authority = world.authority.intermediate_key
        if scts:
            draft = builder.sign(authority.private, hashes.SHA384()).tbs_certificate_bytes
            promises = [world.ct_logs[0].promise(draft, authority.key_id, world.now) for _ in range(scts)]
            builder = builder.add_extension(sct or sct_extension(promises), critical=False)
        return CertifiedKey(key, builder.sign(authority.private, hashes.SHA384()), world.authority.chain)

    return certify


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A real signature, recorded from a public registry; it lies beside the repository, not in it."""
    path = Path(__file__).parents[5] / "shared" / "corpus" / "keyless-github"
    if not path.is_dir():
        pytest.skip(f"the recorded signature is not at {path}")
    return path
