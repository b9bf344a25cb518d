"""A private Sigstore whose signatures are judged, and what it takes to make signatures that no tool makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import Bundle, Candidate, RejectedCandidate, SimpleSigning, Source, VerifiedSignature
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey, SimpleSignature, der
from sealgate.testing.sigstore.authority import CertificateAuthority
from sealgate.testing.sigstore.certificates import issued_by, key_usage
from sealgate.testing.sigstore.ct_log import sct_extension
from sealgate.testing.sigstore.encoding import JsonObject, compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.signing import Signer

MANIFEST = b"a manifest"
FORMS = ("annotations", "envelope", "message")
Verdict = VerifiedSignature | RejectedCandidate


@dataclass(frozen=True)
class Judge:
    """Our verifier, with the root of one Sigstore."""

    sigstore: PrivateSigstore
    subject: Digest = Digest.of(MANIFEST)  # noqa: RUF009 - it is a value
    source: Source = Source(Digest.of(b"a carrier"), 0)  # noqa: RUF009
    now: datetime = SIGNING_TIME + timedelta(days=30)
    edit: Callable[[JsonObject], None] = field(default=lambda _: None)

    def signed(self, world: PrivateSigstore, form: str, by: Signer, **options: Any) -> Verdict:
        """What becomes of a signature over the subject, in one of `FORMS`, that a Sigstore's parts have made."""
        return self.verifier.verify(self.candidate(world, form, by, **options), self.public(by.key), self.now)

    def candidate(self, world: PrivateSigstore, form: str, by: Signer, **options: Any) -> Candidate:
        match form:
            case "annotations":
                return self.simple_candidate(world.simple_signature(self.subject, by, **options))
            case "envelope":
                bundle = world.bundle(self.subject, by, **options)
            case _:
                bundle = world.message_bundle(MANIFEST, by, **options)
        return Bundle(source=self.source, subject=self.subject, raw=compact_json(bundle))

    def public(self, *keys: SigningKey) -> list[PublicKey]:
        """The keys as a policy names them."""
        return [public(key) for key in keys]

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
        return SigstoreVerifier({"default": TrustedRootFile.parse(compact_json(root), "private")})

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


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """Each format in turn."""
    return str(request.param)


@pytest.fixture(params=["key", "keyless"])
def by(request: pytest.FixtureRequest, key: SigningKey, signer: CertifiedKey) -> Signer:
    """Each kind of signer in turn."""
    return key if request.param == "key" else signer


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
        authority: CertificateAuthority | None = None,
        more: Sequence[x509.ExtensionType] = (),
    ) -> CertifiedKey:
        world, key = private_sigstore, key or SigningKey.generate()
        authority = authority or world.authority
        issuing = authority.intermediate
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
        issuing_key = authority.issuing_key
        if scts:
            draft = builder.sign(issuing_key.private, hashes.SHA384()).tbs_certificate_bytes
            promises = [world.ct_logs[0].promise(draft, issuing_key.key_id, world.now) for _ in range(scts)]
            builder = builder.add_extension(sct or sct_extension(promises), critical=False)
        return CertifiedKey(key, builder.sign(issuing_key.private, hashes.SHA384()), authority.chain)

    return certify


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A real signature, recorded from a public registry; it lies beside the repository, not in it."""
    path = Path(__file__).parents[5] / "shared" / "corpus" / "keyless-github"
    if not path.is_dir():
        pytest.skip(f"the recorded signature is not at {path}")
    return path
