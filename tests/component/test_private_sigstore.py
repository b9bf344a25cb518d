"""The private Sigstore: its parts fit together, and sigstore-python accepts what they make."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from rfc3161_client import decode_timestamp_response
from sigstore.errors import Error as SigstoreError
from sigstore.errors import VerificationError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from sealgate.evidence.payload import parse_envelope, parse_simple_signing, parse_statement
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, ImageManifest, Index, parse_manifest
from sealgate.oci.media_types import OCI_MANIFEST
from sealgate.testing.sigstore import (
    CertificateAuthority,
    CertifiedKey,
    CtLog,
    OciObject,
    PrivateSigstore,
    RekorV2Log,
    SigningKey,
    TimeRange,
    TimestampAuthority,
    TransparencyLog,
    Witness,
    as_version,
    bundle_object,
    fallback_index,
    merkle,
    simple_signing_object,
    without_defaults,
)
from sealgate.testing.sigstore.encoding import JsonObject, canonical_json
from sealgate.testing.sigstore.keys import Algorithm
from sealgate.testing.sigstore.signing import CERTIFICATE, CHAIN, LOG_ENTRY, SIGNATURE, TIMESTAMP, BundleVersion

WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
PERSON = "dev@example.com"
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = Digest.of(b"a manifest")
ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048")


@pytest.fixture
def verifier(private_sigstore: PrivateSigstore, tmp_path: Path) -> Verifier:
    path = tmp_path / "trusted_root.json"
    path.write_bytes(private_sigstore.trusted_root_json())
    return Verifier(trusted_root=TrustedRoot.from_file(str(path)))


def signer(world: PrivateSigstore, identity: str = WORKFLOW) -> CertifiedKey:
    return world.keyless(identity=identity, issuer=ISSUER)


def verify(verifier: Verifier, bundle: JsonObject, identity: str = WORKFLOW) -> bytes:
    _, payload = verifier.verify_dsse(Bundle.from_json(json.dumps(bundle)), Identity(identity=identity, issuer=ISSUER))
    return payload


def verify_with(spki: bytes, signature: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> None:
    match load_der_public_key(spki):
        case ec.EllipticCurvePublicKey() as key:
            key.verify(signature, message, ec.ECDSA(algorithm))
        case rsa.RSAPublicKey() as key:
            key.verify(signature, message, padding.PKCS1v15(), algorithm)
        case ed25519.Ed25519PublicKey() as key:
            key.verify(signature, message)


# --- keyless ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestamped", [False, True])
@pytest.mark.parametrize("identity", [WORKFLOW, PERSON])
def test_sigstore_python_accepts_a_keyless_bundle(
    private_sigstore: PrivateSigstore, verifier: Verifier, identity: str, timestamped: bool
) -> None:
    bundle = private_sigstore.bundle(SUBJECT, signer(private_sigstore, identity), timestamped=timestamped)
    statement = parse_statement(verify(verifier, bundle, identity))
    assert statement.subjects == (SUBJECT,)
    assert statement.predicate_type == "https://sigstore.dev/cosign/sign/v1"


def test_sigstore_python_accepts_the_timestamp_alone(private_sigstore: PrivateSigstore, verifier: Verifier) -> None:
    bundle = private_sigstore.bundle(SUBJECT, signer(private_sigstore), timestamped=True)
    del bundle["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]
    verify(verifier, bundle)


def test_sigstore_python_accepts_every_place_in_a_growing_log(
    private_sigstore: PrivateSigstore, verifier: Verifier
) -> None:
    bundles = [private_sigstore.bundle(SUBJECT, signer(private_sigstore)) for _ in range(6)]
    for bundle in bundles:
        entry = bundle["verificationMaterial"]["tlogEntries"][0]
        entry["inclusionProof"] = private_sigstore.log.inclusion_proof(int(entry["inclusionProof"]["logIndex"]))
        verify(verifier, bundle)


def test_another_sigstore_does_not_vouch(private_sigstore: PrivateSigstore, verifier: Verifier) -> None:
    foreign = PrivateSigstore(now=private_sigstore.now)
    with pytest.raises(VerificationError):
        verify(verifier, foreign.bundle(SUBJECT, signer(foreign)))


def test_a_copy_with_another_part_leaves_the_original_as_it_was(
    private_sigstore: PrivateSigstore, verifier: Verifier
) -> None:
    hostile = private_sigstore.with_parts(ct_logs=(), log=PrivateSigstore(now=private_sigstore.now).log)
    with pytest.raises(VerificationError):
        verify(verifier, hostile.bundle(SUBJECT, signer(hostile)))
    verify(verifier, private_sigstore.bundle(SUBJECT, signer(private_sigstore)))


def test_a_leaf_says_who_it_is_for(private_sigstore: PrivateSigstore) -> None:
    claims = {"source_repository_uri": "https://github.com/acme/app", "github_workflow_trigger": "push"}
    leaf = private_sigstore.keyless(identity=WORKFLOW, issuer=ISSUER, claims=claims).certificate
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert alternative.critical
    assert alternative.value.get_values_for_type(x509.UniformResourceIdentifier) == [WORKFLOW]
    assert fulcio_extension(leaf, 1) == ISSUER.encode()
    assert fulcio_extension(leaf, 8) == b"\x0c" + bytes([len(ISSUER)]) + ISSUER.encode()
    assert fulcio_extension(leaf, 12) == b"\x0c\x1bhttps://github.com/acme/app"
    assert fulcio_extension(leaf, 2) == b"push"
    assert leaf.not_valid_before_utc == private_sigstore.now
    assert leaf.not_valid_after_utc == private_sigstore.now + timedelta(minutes=10)
    assert leaf.subject == x509.Name([])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_leaf_has_an_sct_of_each_ct_log(private_sigstore: PrivateSigstore, count: int) -> None:
    leaf = signer(private_sigstore.with_parts(ct_logs=private_sigstore.ct_logs * count)).certificate
    kinds = [extension.oid for extension in leaf.extensions]
    assert (x509.ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS in kinds) is (count > 0)
    if count:
        scts = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
        assert [sct.log_id for sct in scts] == [private_sigstore.ct_logs[0].key.key_id] * count


# --- parts of other kinds ---------------------------------------------------------------------------------------------


def accepted(world: PrivateSigstore, bundle: JsonObject, tmp_path: Path, message: bytes | None = None) -> bool:
    """Whether sigstore-python accepts a bundle of `WORKFLOW` under the trusted root of a Sigstore."""
    path = tmp_path / "root.json"
    path.write_bytes(world.trusted_root_json())
    verifier, who = Verifier(trusted_root=TrustedRoot.from_file(str(path))), Identity(identity=WORKFLOW, issuer=ISSUER)
    try:
        parsed = Bundle.from_json(json.dumps(bundle))
        if message is None:
            verifier.verify_dsse(parsed, who)
        else:
            verifier.verify_artifact(message, parsed, who)
    except SigstoreError:
        return False
    return True


@pytest.mark.parametrize(
    "log",
    [
        RekorV2Log,
        lambda: RekorV2Log(key=SigningKey.generate("ecdsa-p256")),
        lambda: RekorV2Log(witnesses=[Witness(), Witness("witness2.private.test")]),
        lambda: RekorV2Log(fresh=True, witnesses=[Witness()]),
        lambda: TransparencyLog(fresh=True),
    ],
    ids=["v2", "v2-ecdsa", "v2-cosigned", "v2-fresh", "v1-fresh"],
)
def test_sigstore_python_accepts_every_log(
    private_sigstore: PrivateSigstore, tmp_path: Path, log: Callable[[], TransparencyLog | RekorV2Log]
) -> None:
    world = private_sigstore.with_parts(log=log())
    assert accepted(world, world.bundle(SUBJECT, signer(world), timestamped=True), tmp_path)
    assert accepted(world, world.message_bundle(b"m", signer(world), timestamped=True), tmp_path, b"m")


def test_rekor_v2_says_no_time(private_sigstore: PrivateSigstore, tmp_path: Path) -> None:
    world = private_sigstore.with_parts(log=RekorV2Log())
    bundle = world.bundle(SUBJECT, signer(world))
    assert not {"integratedTime", "inclusionPromise"} & bundle["verificationMaterial"]["tlogEntries"][0].keys()
    assert not accepted(world, bundle, tmp_path)


def test_a_witness_cosigns_what_it_saw_and_when(private_sigstore: PrivateSigstore) -> None:
    witness = Witness()
    log = RekorV2Log(witnesses=[witness])
    text, _, lines = log.checkpoint(bytes(32), 7, private_sigstore.now).partition("\n\n")
    assert text == f"{log.host}\n7\n{base64.b64encode(bytes(32)).decode()}"
    own, theirs = (line.split(" ") for line in lines.splitlines())
    assert own[:2] == ["\N{EM DASH}", log.host]
    assert base64.b64decode(own[2])[:4] == log.log_id[:4]
    assert theirs[:2] == ["\N{EM DASH}", witness.name]
    hint, seconds, signature = (base64.b64decode(theirs[2])[part] for part in (slice(4), slice(4, 12), slice(12, None)))
    assert hint == hashlib.sha256(witness.name.encode() + b"\n\x04" + witness.key.raw).digest()[:4]
    at = int.from_bytes(seconds, "big")
    assert at == private_sigstore.now.timestamp()
    verify_with(witness.key.spki, signature, f"cosignature/v1\ntime {at}\n{text}\n".encode(), hashes.SHA256())


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3+json", "0.3"])
def test_sigstore_python_accepts_every_version_of_the_bundle(
    private_sigstore: PrivateSigstore, tmp_path: Path, version: BundleVersion
) -> None:
    made = private_sigstore.bundle(SUBJECT, signer(private_sigstore))
    changed = as_version(made, version)
    assert accepted(private_sigstore, changed, tmp_path)
    assert ("x509CertificateChain" in changed["verificationMaterial"]) is (version in {"0.1", "0.2"})
    assert "certificate" in made["verificationMaterial"], "it is a copy"


def test_a_bundle_with_a_chain_has_the_leaf_first(private_sigstore: PrivateSigstore) -> None:
    alice = signer(private_sigstore)
    changed = as_version(private_sigstore.bundle(SUBJECT, alice), "0.3", chain=alice.chain)
    listed = changed["verificationMaterial"]["x509CertificateChain"]["certificates"]
    found = [x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"])) for one in listed]
    assert found == [alice.certificate, *alice.chain]


def test_defaults_are_left_out_as_protojson_does(private_sigstore: PrivateSigstore) -> None:
    world = private_sigstore.with_parts(log=TransparencyLog(fresh=True))
    bundle = world.bundle(SUBJECT, signer(world))
    (entry,) = without_defaults(bundle)["verificationMaterial"]["tlogEntries"]
    (whole,) = bundle["verificationMaterial"]["tlogEntries"]
    assert whole.keys() - entry.keys() == {"logIndex"}
    assert whole["inclusionProof"].keys() - entry["inclusionProof"].keys() == {"logIndex", "hashes"}


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_an_authority_of_any_depth(private_sigstore: PrivateSigstore, tmp_path: Path, levels: int) -> None:
    always = TimeRange(start=private_sigstore.start)
    authority, timestamps = (
        kind.create(start=private_sigstore.start, end=private_sigstore.end, intermediates=[always] * levels)
        for kind in (CertificateAuthority, TimestampAuthority)
    )
    world = private_sigstore.with_parts(authority=authority, log=RekorV2Log(), timestamp_authority=timestamps)
    assert len(authority.chain) == levels + 1
    assert accepted(world, world.bundle(SUBJECT, signer(world), timestamped=True), tmp_path)


def test_a10_an_intermediate_may_expire_before_it_signs(private_sigstore: PrivateSigstore, tmp_path: Path) -> None:
    ended = TimeRange(start=private_sigstore.start, end=private_sigstore.now - timedelta(days=1))
    authority = CertificateAuthority.create(
        start=private_sigstore.start, end=private_sigstore.end, intermediates=[ended]
    )
    world = private_sigstore.with_parts(authority=authority)
    assert authority.intermediate.not_valid_after_utc == ended.end
    assert not accepted(world, world.bundle(SUBJECT, signer(world)), tmp_path)


def test_every_part_is_in_the_trusted_root_for_its_own_time(private_sigstore: PrivateSigstore) -> None:
    ended = TimeRange(start=private_sigstore.start, end=private_sigstore.now)
    span = {"start": private_sigstore.start, "end": private_sigstore.end, "valid_for": ended}
    root = private_sigstore.with_parts(
        authorities=[private_sigstore.authority, CertificateAuthority.create(**span)],
        ct_logs=[*private_sigstore.ct_logs, CtLog(valid_for=ended)],
        logs=[private_sigstore.log, TransparencyLog(valid_for=ended), RekorV2Log(valid_for=ended)],
        timestamp_authorities=[private_sigstore.timestamp_authority, TimestampAuthority.create(**span)],
    ).trusted_root()
    for kind, count in (("certificateAuthorities", 2), ("ctlogs", 2), ("tlogs", 3), ("timestampAuthorities", 2)):
        current, *retired = [part.get("publicKey", part)["validFor"] for part in root[kind]]
        assert current == {"start": "2025-01-15T12:00:00Z"}
        assert retired == [{"start": "2025-01-15T12:00:00Z", "end": "2026-01-15T12:00:00Z"}] * (count - 1)
    assert root["tlogs"][2]["publicKey"]["keyDetails"] == "PKIX_ED25519"


def test_several_logs_and_authorities_each_add_their_own(private_sigstore: PrivateSigstore) -> None:
    other = PrivateSigstore(now=private_sigstore.now)
    world = private_sigstore.with_parts(
        logs=[private_sigstore.log, RekorV2Log()],
        timestamp_authorities=[private_sigstore.timestamp_authority, other.timestamp_authority],
    )
    for bundle in (
        world.bundle(SUBJECT, signer(world), timestamped=True),
        world.message_bundle(b"m", signer(world), timestamped=True),
    ):
        material = bundle["verificationMaterial"]
        assert [entry["kindVersion"]["version"] for entry in material["tlogEntries"]] == ["0.0.1", "0.0.2"]
        assert len(material["timestampVerificationData"]["rfc3161Timestamps"]) == 2


def test_the_kinds_of_rekor_v1(private_sigstore: PrivateSigstore) -> None:
    key = SigningKey.generate()
    made = [
        private_sigstore.bundle(SUBJECT, key, entry_kind="intoto/0.0.1"),
        private_sigstore.bundle(SUBJECT, key, entry_kind="intoto/0.0.2"),
        private_sigstore.message_bundle(b"m", key, entry_kind="rekord/0.0.1"),
    ]
    entries = [bundle["verificationMaterial"]["tlogEntries"][0] for bundle in made]
    kinds = [(entry["kindVersion"]["kind"], entry["kindVersion"]["version"]) for entry in entries]
    assert kinds == [("intoto", "0.0.1"), ("intoto", "0.0.2"), ("rekord", "0.0.1")]
    for entry, kind in zip(entries, kinds, strict=True):
        body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
        assert (body["kind"], body["apiVersion"]) == kind


def test_a_token_can_hold_anybodys_certificates(private_sigstore: PrivateSigstore) -> None:
    authority, foreign = private_sigstore.timestamp_authority, PrivateSigstore(now=private_sigstore.now)
    listed = [foreign.timestamp_authority.leaf, authority.leaf]
    token = decode_timestamp_response(authority.stamp(b"s", private_sigstore.now, certificates=listed))
    found = [x509.load_der_x509_certificate(one) for one in token.signed_data.certificates]
    assert set(found) == set(listed)


def test_rsa_with_pss(private_sigstore: PrivateSigstore) -> None:
    key = SigningKey.generate("rsa-pss-2048")
    bundle = private_sigstore.message_bundle(b"m", key, logged=False)
    public = key.private.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    made = base64.b64decode(bundle["messageSignature"]["signature"])
    public.verify(made, b"m", padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256())


def fulcio_extension(leaf: x509.Certificate, number: int) -> bytes:
    oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
    extension = leaf.extensions.get_extension_for_oid(oid).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    return extension.value


# --- managed keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_managed_key_signs_a_bundle(private_sigstore: PrivateSigstore, algorithm: Algorithm) -> None:
    key = SigningKey.generate(algorithm)
    bundle = private_sigstore.bundle(SUBJECT, key, logged=False)
    hint = base64.b64encode(hashlib.sha256(key.spki).digest()).decode()
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": hint}}
    envelope = parse_envelope(bundle["dsseEnvelope"])
    verify_with(key.spki, envelope.signature, envelope.signed_bytes, hash_of(algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_managed_key_makes_a_simple_signature(private_sigstore: PrivateSigstore, algorithm: Algorithm) -> None:
    key = SigningKey.generate(algorithm)
    signature = private_sigstore.simple_signature(SUBJECT, key, docker_reference="registry.test/app", logged=False)
    assert signature.annotations.keys() == {SIGNATURE}
    made = base64.b64decode(signature.annotations[SIGNATURE])
    verify_with(key.spki, made, signature.payload, hash_of(algorithm))
    payload = parse_simple_signing(signature.payload)
    assert (payload.digest, payload.docker_reference) == (SUBJECT, "registry.test/app")


def test_a_key_can_sign_with_another_hash_than_its_own(private_sigstore: PrivateSigstore) -> None:
    key = SigningKey.generate("ecdsa-p384")
    bundle = private_sigstore.bundle_of(b"{}", key, hash_name="sha256", logged=False)
    envelope = parse_envelope(bundle["dsseEnvelope"])
    verify_with(key.spki, envelope.signature, envelope.signed_bytes, hashes.SHA256())


def test_a_promise_in_annotations_is_signed_by_the_log(private_sigstore: PrivateSigstore) -> None:
    signature = private_sigstore.simple_signature(SUBJECT, signer(private_sigstore), timestamped=True)
    assert signature.annotations.keys() == {SIGNATURE, CERTIFICATE, CHAIN, LOG_ENTRY, TIMESTAMP}
    entry = json.loads(signature.annotations[LOG_ENTRY])
    promise = base64.b64decode(entry["SignedEntryTimestamp"])
    verify_with(private_sigstore.log.key.spki, promise, canonical_json(entry["Payload"]), hashes.SHA256())
    body = json.loads(base64.b64decode(entry["Payload"]["body"]))
    assert body["spec"]["data"]["hash"]["value"] == hashlib.sha256(signature.payload).hexdigest()
    assert body["spec"]["signature"]["content"] == signature.annotations[SIGNATURE]
    assert (
        base64.b64decode(body["spec"]["signature"]["publicKey"]["content"]).decode()
        == (signature.annotations[CERTIFICATE])
    )


def hash_of(algorithm: Algorithm) -> hashes.HashAlgorithm:
    return {"ecdsa-p384": hashes.SHA384(), "ecdsa-p521": hashes.SHA512()}.get(algorithm, hashes.SHA256())


# --- OCI objects ------------------------------------------------------------------------------------------------------


def test_simple_signatures_become_the_manifest_at_the_sig_tag(private_sigstore: PrivateSigstore) -> None:
    signatures = [
        private_sigstore.simple_signature(SUBJECT, SigningKey.generate(), docker_reference=name) for name in ("a", "b")
    ]
    stored = simple_signing_object(SUBJECT, signatures)
    manifest = assert_lists_its_blobs(stored)
    assert stored.tag == f"sha256-{SUBJECT.hex}.sig"
    assert [dict(layer.annotations) for layer in manifest.layers] == [dict(s.annotations) for s in signatures]
    config = json.loads(stored.blobs[manifest.config.digest])
    assert config["rootfs"]["diff_ids"] == [str(layer.digest) for layer in manifest.layers]


def test_a_bundle_becomes_a_referrer(private_sigstore: PrivateSigstore) -> None:
    image = Descriptor(media_type=OCI_MANIFEST, digest=SUBJECT, size=10)
    bundle = private_sigstore.bundle(SUBJECT, signer(private_sigstore))
    stored = bundle_object(bundle, image, created=private_sigstore.now)
    manifest = assert_lists_its_blobs(stored)
    assert stored.tag is None
    assert manifest.subject == image
    assert manifest.artifact_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert json.loads(stored.blobs[manifest.layers[0].digest]) == bundle
    assert manifest.annotations["org.opencontainers.image.created"] == "2026-01-15T12:00:00Z"
    index = fallback_index(SUBJECT, [stored])
    assert index.tag == f"sha256-{SUBJECT.hex}"
    parsed = parse_manifest(index.manifest, index.media_type)
    assert isinstance(parsed, Index)
    assert [entry.digest for entry in parsed.manifests] == [stored.digest]


def assert_lists_its_blobs(stored: OciObject) -> ImageManifest:
    manifest = parse_manifest(stored.manifest, stored.media_type)
    assert isinstance(manifest, ImageManifest)
    assert manifest.blobs == stored.blobs.keys()
    for descriptor in (manifest.config, *manifest.layers):
        assert descriptor.digest.matches(stored.blobs[descriptor.digest])
        assert descriptor.size == len(stored.blobs[descriptor.digest])
    assert stored.descriptor == Descriptor(
        media_type=OCI_MANIFEST, digest=Digest.of(stored.manifest), size=len(stored.manifest)
    )
    return manifest


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_the_tree_is_that_of_rfc_6962() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    leaves.append(bytes(range(0x60, 0x70)))
    # The vector that certificate transparency's implementations share.
    assert merkle.root_hash([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root_hash(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert [node.hex() for node in merkle.inclusion_path(0, leaves)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
