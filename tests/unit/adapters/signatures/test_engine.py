"""The engine's steps, in each format and for each kind of signer."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Attestation,
    Bundle,
    KeylessSigner,
    KeySigner,
    LogProof,
    RejectedCandidate,
    VerifiedSignature,
)
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import (
    CertificateAuthority,
    CertifiedKey,
    CtLog,
    PrivateSigstore,
    RekorV2Log,
    SigningKey,
    TimeRange,
    TimestampAuthority,
    TransparencyLog,
    as_version,
)
from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.signing import LOG_ENTRY, SIGNATURE, TIMESTAMP, Signer, promise_of

MANIFEST, OTHER = b"a manifest", b"another manifest"
BUNDLED = pytest.mark.parametrize("form", ["envelope", "message"])
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
KINDS = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"]


def made(world: PrivateSigstore, form: str, by: Signer, message: bytes = MANIFEST, **options: Any) -> JsonObject:
    """A bundle of one of the two forms."""
    if form == "envelope":
        return world.bundle(Digest.of(message), by, **options)
    return world.message_bundle(message, by, **options)


def entries_of(bundle: JsonObject) -> list[JsonObject]:
    found: list[JsonObject] = bundle["verificationMaterial"]["tlogEntries"]
    return found


def stamps_of(bundle: JsonObject) -> list[JsonObject]:
    found: list[JsonObject] = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    return found


def signature_of(bundle: JsonObject) -> bytes:
    if "dsseEnvelope" in bundle:
        return base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    return base64.b64decode(bundle["messageSignature"]["signature"])


# --- what is good -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestamped", [True, False])
def test_every_form_by_every_signer(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, timestamped: bool
) -> None:
    verdict = judge.signed(private_sigstore, form, by, timestamped=timestamped)
    assert isinstance(verdict, VerifiedSignature)
    assert verdict.signer == (
        KeySigner(by.key.fingerprint)
        if isinstance(by, SigningKey)
        else KeylessSigner(identity="dev@example.com", issuer="https://accounts.example.com")
    )
    assert verdict.log is (LogProof.PROMISE if form == "annotations" else LogProof.INCLUSION)
    assert [one.log_id for one in verdict.entries] == [private_sigstore.log.log_id.hex()]
    assert verdict.timestamps == ((private_sigstore.now,) if timestamped else ())
    assert verdict.signed_at == (private_sigstore.now,)


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_by_every_kind_of_key(judge: Any, private_sigstore: PrivateSigstore, form: str, kind: Any) -> None:
    key = SigningKey.generate(kind)
    keyless = private_sigstore.keyless(identity="dev@example.com", issuer="https://i.example", key=key)
    for by in (key, keyless):
        verdict = judge.signed(private_sigstore, form, by, timestamped=True)
        if form == "message" and kind in {"ecdsa-p384", "ecdsa-p521", "ed25519"}:
            assert_rejected(verdict, Reason.PAYLOAD_TYPE_UNKNOWN, "only with the artifact itself")
            raw = compact_json(private_sigstore.message_bundle(MANIFEST, by, timestamped=True))
            verdict = judge.verifier.verify_bundle(raw, MANIFEST, judge.public(key), judge.now)
        assert isinstance(verdict, VerifiedSignature), verdict.detail


@BUNDLED
@pytest.mark.parametrize("chained", [True, False])
@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3+json", "0.3"])
def test_every_version_is_read_alike(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, version: Any, chained: bool
) -> None:
    bundle = made(private_sigstore, form, by)
    chain = private_sigstore.authority.chain if chained else ()
    assert judge.bundle(as_version(bundle, version, chain=chain), by.key) == judge.bundle(bundle, by.key)


@BUNDLED
@pytest.mark.parametrize("kind", ["rekord/0.0.1", "intoto/0.0.1", "intoto/0.0.2"])
def test_older_kinds_of_log_entries(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, kind: Any
) -> None:
    verdict = judge.signed(private_sigstore, form, by, entry_kind=kind)
    assert verdict.log is LogProof.INCLUSION


@BUNDLED
@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256"])
def test_rekor_v2_gives_no_time_and_a_timestamp_does(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, algorithm: Any
) -> None:
    log = RekorV2Log(key=SigningKey.generate(algorithm))
    world = private_sigstore.with_parts(log=log)
    judge = replace(judge, sigstore=world)
    verdict = judge.signed(world, form, by, timestamped=True)
    assert (verdict.log, verdict.signed_at) == (LogProof.INCLUSION, (world.now,))
    assert [(one.log_id, one.at) for one in verdict.entries] == [(log.log_id.hex(), None)]
    undated = judge.signed(world, form, by)
    if by is by.key:
        assert (undated.log, undated.signed_at) == (LogProof.INCLUSION, ())
    else:
        assert_rejected(undated, Reason.TIMESTAMP_MISSING)


def test_a_key_needs_no_log_and_no_root(judge: Any, private_sigstore: PrivateSigstore, form: str) -> None:
    verifier = SigstoreVerifier({})
    key = SigningKey.generate()
    candidate = judge.candidate(private_sigstore, form, key, logged=False)
    assert verifier.verify(candidate, judge.public(key), judge.now).log is LogProof.NONE
    for options in ({"logged": True}, {"logged": False, "timestamped": True}):
        candidate = judge.candidate(private_sigstore, form, key, **options)
        unknown = {"annotations": Reason.LOG_PROMISE_INVALID}.get(form, Reason.LOG_CHECKPOINT_INVALID)
        verdict = verifier.verify(candidate, judge.public(key), judge.now)
        assert_rejected(verdict, unknown if options["logged"] else Reason.TIMESTAMP_INVALID)


# --- A1: what came with it is of this signature -----------------------------------------------------------------------


def test_a1_the_entry_of_another_signature_is_not_this_ones(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    """Of another artifact; and of the same one, by the same key, made twice."""
    for message in (OTHER, MANIFEST):
        if form == "annotations":
            mine, theirs = (private_sigstore.simple_signature(Digest.of(one), by) for one in (MANIFEST, message))
            annotations = {**mine.annotations, LOG_ENTRY: theirs.annotations[LOG_ENTRY]}
            verdict = judge.simple(replace(mine, annotations=annotations), by.key)
        else:
            bundle = made(private_sigstore, form, by)
            entries_of(bundle)[:] = entries_of(made(private_sigstore, form, by, message))
            verdict = judge.bundle(bundle, by.key)
        assert_rejected(verdict, Reason.LOG_ENTRY_MISMATCH)


def test_a1_the_entry_of_another_signer_is_not_this_ones(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    """The same content and signature; the log was told of another key or certificate for it."""
    other = (
        SigningKey.generate()
        if isinstance(by, SigningKey)
        else CertifiedKey(by.key, private_sigstore.issue(identity="e@e.e", issuer="https://e", public_key=by.key))
    )
    if form == "annotations":
        mine = private_sigstore.simple_signature(judge.subject, by)
        signature = base64.b64decode(mine.annotations[SIGNATURE])
        entry = private_sigstore.log.log_message(mine.payload, signature, other, private_sigstore.now)
        annotations = {**mine.annotations, LOG_ENTRY: json.dumps(promise_of(entry))}
        assert_rejected(judge.simple(replace(mine, annotations=annotations), by.key), Reason.LOG_ENTRY_MISMATCH)
        return
    bundle = made(private_sigstore, form, by)
    log, now = private_sigstore.log, private_sigstore.now
    entries_of(bundle)[:] = [
        log.log_envelope(bundle["dsseEnvelope"], other, now)
        if form == "envelope"
        else log.log_message(MANIFEST, signature_of(bundle), other, now)
    ]
    assert_rejected(judge.bundle(bundle, by.key), Reason.LOG_ENTRY_MISMATCH)


def test_a1_each_of_several_entries_is_of_this_signature(
    judge: Any, private_sigstore: PrivateSigstore, by: Signer
) -> None:
    bundle = private_sigstore.bundle(judge.subject, by)
    entries_of(bundle).append(entries_of(made(private_sigstore, "envelope", by, OTHER))[0])
    for _ in range(2):
        assert_rejected(judge.bundle(bundle, by.key), Reason.LOG_ENTRY_MISMATCH)
        entries_of(bundle).reverse()


# --- A3 to A6: times and logs -----------------------------------------------------------------------------------------


@BUNDLED
def test_a3_only_a_time_that_verified_is_one(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    """Proven and not promised: the time beside it is nobody's, also where a timestamp gives another."""
    bundle = made(private_sigstore, form, by, timestamped=True)
    (entry,) = entries_of(bundle)
    del entry["inclusionPromise"]
    entry["integratedTime"] = str(int(private_sigstore.now.timestamp()) - 99)
    assert judge.bundle(bundle, by.key).signed_at == (private_sigstore.now,)
    assert judge.bundle(bundle, by.key).entries[0].at is None


def test_a4_a_timestamp_that_does_not_verify_refuses_whatever_else_does(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    foreign = PrivateSigstore(now=private_sigstore.now).timestamp_authority
    for stamp in (b"junk", foreign.stamp(b"x", private_sigstore.now)):
        if form == "annotations":
            mine = private_sigstore.simple_signature(judge.subject, by)
            annotations = {**mine.annotations, TIMESTAMP: json.dumps({"SignedRFC3161Timestamp": b64(stamp)})}
            verdicts = [judge.simple(replace(mine, annotations=annotations), by.key)]
        else:
            bundle, verdicts = made(private_sigstore, form, by, timestamped=True), []
            stamps_of(bundle).append({"signedTimestamp": b64(stamp)})
            for _ in range(2):
                verdicts.append(judge.bundle(bundle, by.key))
                stamps_of(bundle).reverse()
        for verdict in verdicts:
            assert_rejected(verdict, Reason.TIMESTAMP_INVALID)


@BUNDLED
@pytest.mark.parametrize("late", [-1, 601])
def test_a4_the_certificate_is_valid_at_every_time(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey, form: str, late: int
) -> None:
    """One time within, one outside, whichever of the two vouches for it."""
    outside = private_sigstore.now + timedelta(seconds=late)
    for logged_at, stamped_at in ((private_sigstore.now, outside), (outside, private_sigstore.now)):
        bundle = made(private_sigstore, form, signer, at=logged_at)
        stamps = [private_sigstore.timestamp_authority.stamp(signature_of(bundle), stamped_at)]
        bundle["verificationMaterial"]["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": b64(stamp)} for stamp in stamps]
        }
        assert_rejected(judge.bundle(bundle), Reason.CERTIFICATE_NOT_VALID_AT_SIGNING)
    two = private_sigstore.timestamp_authority
    bundle = made(private_sigstore, form, signer, logged=False)
    bundle["verificationMaterial"]["timestampVerificationData"] = {
        "rfc3161Timestamps": [
            {"signedTimestamp": b64(two.stamp(signature_of(bundle), at))} for at in (private_sigstore.now, outside)
        ]
    }
    for _ in range(2):
        assert_rejected(judge.bundle(bundle), Reason.CERTIFICATE_NOT_VALID_AT_SIGNING)
        stamps_of(bundle).reverse()


@pytest.mark.parametrize("timestamped", [True, False])
@pytest.mark.parametrize("early", [SECOND, timedelta(seconds=5), timedelta(hours=1)])
def test_a5_what_is_yet_to_come_is_none(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, early: timedelta, timestamped: bool
) -> None:
    """By the log's time or by a timestamp's; a leaf that is not valid yet is one more reason."""
    options = {"logged": not timestamped, "timestamped": timestamped}
    verdict = judge.at(private_sigstore.now - early).signed(private_sigstore, form, by, **options)
    assert_rejected(verdict, Reason.SIGNED_IN_THE_FUTURE)
    verdict = judge.at(private_sigstore.now).signed(private_sigstore, form, by, **options)
    assert isinstance(verdict, VerifiedSignature)


def test_a6_one_log_is_one_log_however_often_it_speaks(
    judge: Any, private_sigstore: PrivateSigstore, by: Signer
) -> None:
    """Neither an entry twice, nor a log's second entry of the same, is the word of two."""
    bundle = private_sigstore.bundle(judge.subject, by)
    again = private_sigstore.log.log_envelope(bundle["dsseEnvelope"], by, private_sigstore.now)
    for more in (entries_of(bundle)[0], again):
        doubled = json.loads(json.dumps(bundle))
        entries_of(doubled).append(more)
        assert_rejected(judge.bundle(doubled, by.key), Reason.LOG_ENTRY_MISMATCH, "twice")


@BUNDLED
def test_a6_several_logs_and_authorities_are_each_recorded(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    world = private_sigstore.with_parts(
        logs=(private_sigstore.log, TransparencyLog("other.test"), RekorV2Log()),
        timestamp_authorities=[
            TimestampAuthority.create(start=private_sigstore.start, end=private_sigstore.end) for _ in range(2)
        ],
    )
    verdict = replace(judge, sigstore=world).signed(world, form, by, timestamped=True)
    assert [one.log_id for one in verdict.entries] == [log.log_id.hex() for log in world.logs]
    assert [one.at for one in verdict.entries] == [world.now, world.now, None]
    assert verdict.timestamps == (world.now, world.now)
    assert verdict.signed_at == (world.now,)
    for missing in range(3):  # one that nobody knows refuses all of it
        fewer = [log for number, log in enumerate(world.logs) if number != missing]
        verdict = replace(judge, sigstore=world.with_parts(logs=fewer)).signed(world, form, by)
        assert_rejected(verdict, Reason.LOG_CHECKPOINT_INVALID)


def test_the_strongest_proof_is_recorded(judge: Any, private_sigstore: PrivateSigstore, by: Signer) -> None:
    world = private_sigstore.with_parts(logs=(private_sigstore.log, TransparencyLog("other.test")))
    for promised, proofs in enumerate(([LogProof.PROMISE, LogProof.INCLUSION], [LogProof.INCLUSION, LogProof.PROMISE])):
        bundle = world.bundle(judge.subject, by)
        del entries_of(bundle)[promised]["inclusionProof"]
        verdict = replace(judge, sigstore=world).bundle(bundle, by.key)
        assert verdict.log is LogProof.INCLUSION
        assert [one.proof for one in verdict.entries] == proofs
        # The one that the log can still be asked about.
        assert verdict.entry.log == world.logs[promised].key.fingerprint


# --- A7 to A10: windows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestamped", [True, False])
def test_a7_the_times_are_recorded_for_the_windows_of_managed_keys(
    judge: Any, private_sigstore: PrivateSigstore, form: str, key: SigningKey, timestamped: bool
) -> None:
    """A policy's `not_before` and `not_after` are judged by these."""
    at = private_sigstore.now + DAY
    verdict = judge.signed(private_sigstore, form, key, at=at, logged=not timestamped, timestamped=timestamped)
    assert verdict.signed_at == (at,)


WINDOWS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "log": lambda root: root["tlogs"][0]["publicKey"]["validFor"],
    "ct log": lambda root: root["ctlogs"][0]["publicKey"]["validFor"],
    "certificate authority": lambda root: root["certificateAuthorities"][0]["validFor"],
    "timestamp authority": lambda root: root["timestampAuthorities"][0]["validFor"],
}


@pytest.mark.parametrize("part", WINDOWS)
def test_a9_each_key_of_the_root_counts_only_in_its_window(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, part: str
) -> None:
    concerns = by is not by.key or part in {"log", "timestamp authority"}

    def judged(name: str, moment: datetime) -> Any:
        bounded = judge.with_root(lambda root: WINDOWS[part](root).update({name: moment.isoformat()}))
        return bounded.signed(private_sigstore, form, by, timestamped=True)

    for name, moment in (("end", private_sigstore.now - SECOND), ("start", private_sigstore.now + SECOND)):
        if concerns:
            assert_rejected(judged(name, moment), Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY)
        else:
            assert isinstance(judged(name, moment), VerifiedSignature)
    for name in ("start", "end"):  # both ends are in it, for sigstore-python too
        assert isinstance(judged(name, private_sigstore.now), VerifiedSignature)


@BUNDLED
def test_a9_a_log_is_trusted_at_every_time(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    """What the log's time does not say, a timestamp does: an entry of Rekor v2 is dated by that alone."""
    ended = TimeRange(start=private_sigstore.start, end=private_sigstore.now - SECOND)
    for log in (RekorV2Log(valid_for=ended), TransparencyLog(valid_for=ended)):
        world = private_sigstore.with_parts(log=log)
        verdict = replace(judge, sigstore=world).signed(world, form, by, timestamped=True)
        assert_rejected(verdict, Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, "the log's key")


def test_a10_an_authority_that_had_expired_vouches_for_nothing(
    judge: Any, private_sigstore: PrivateSigstore, form: str
) -> None:
    """By its own certificates, whatever the root says of it, with a log entry and without."""
    start, past = private_sigstore.start, private_sigstore.now - SECOND
    intermediate = [TimeRange(start=start, end=past)]
    for authority in (
        CertificateAuthority.create(start=start, end=past),
        CertificateAuthority.create(start=start, end=private_sigstore.end, intermediates=intermediate),
    ):
        world = private_sigstore.with_parts(authority=authority)
        signer = world.keyless(identity="dev@example.com", issuer="https://i.example")
        for logged in (True, False):
            verdict = replace(judge, sigstore=world).signed(world, form, signer, logged=logged, timestamped=True)
            assert_rejected(verdict, Reason.CERTIFICATE_NOT_VALID_AT_SIGNING)


@BUNDLED
def test_a10_the_chain_is_valid_at_every_time(judge: Any, private_sigstore: PrivateSigstore, form: str) -> None:
    """The leaf is valid at both; what issued it ended between them."""
    start, now = private_sigstore.start, private_sigstore.now
    authority = CertificateAuthority.create(
        start=start, end=private_sigstore.end, intermediates=[TimeRange(start=start, end=now + timedelta(minutes=2))]
    )
    world = private_sigstore.with_parts(authority=authority)
    signer = world.keyless(identity="dev@example.com", issuer="https://i.example")
    bundle = made(world, form, signer)
    for minutes, good in ((1, True), (3, False)):
        stamp = world.timestamp_authority.stamp(signature_of(bundle), now + timedelta(minutes=minutes))
        bundle["verificationMaterial"]["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": b64(stamp)}]
        }
        verdict = replace(judge, sigstore=world).bundle(bundle)
        if good:
            assert verdict.signed_at == (now, now + timedelta(minutes=minutes))
        else:
            assert_rejected(verdict, Reason.CERTIFICATE_NOT_VALID_AT_SIGNING)


@pytest.mark.parametrize("ended", ["first", "second", "both"])
def test_any_authority_that_issued_it_and_held_then_will_do(
    judge: Any, private_sigstore: PrivateSigstore, ended: str
) -> None:
    """A root may name an authority anew, with another certificate for the same key."""
    start, end = private_sigstore.start, private_sigstore.end
    over, still = TimeRange(start=start, end=private_sigstore.now - SECOND), TimeRange(start=start)
    first = CertificateAuthority.create(start=start, end=end, intermediates=())
    second = replace(first, chain=(again(first),), valid_for=still if ended == "first" else over)
    first = replace(first, valid_for=still if ended == "second" else over)
    world = private_sigstore.with_parts(authorities=(first, second))
    signer = world.keyless(identity="dev@example.com", issuer="https://i.example")
    verdict = replace(judge, sigstore=world).signed(world, "envelope", signer)
    if ended == "both":
        assert_rejected(verdict, Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, "certificate authority")
    else:
        assert isinstance(verdict, VerifiedSignature)


def again(authority: CertificateAuthority) -> x509.Certificate:
    """Its certificate once more, by another number."""
    (old,) = authority.chain
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(authority.issuing_key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(authority.issuing_key.private, hashes.SHA384())


# --- A14: strength is the policy's ------------------------------------------------------------------------------------


@BUNDLED
@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3+json", "0.3"])
def test_a14_an_unsigned_media_type_makes_nothing_of_a_promise(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer, version: Any
) -> None:
    bundle = as_version(made(private_sigstore, form, by), version)
    del entries_of(bundle)[0]["inclusionProof"]
    assert judge.bundle(bundle, by.key).log is LogProof.PROMISE
    entries_of(bundle).clear()
    if by is by.key:
        assert judge.bundle(bundle, by.key).log is LogProof.NONE
    else:
        assert_rejected(judge.bundle(bundle), Reason.LOG_ENTRY_MISSING)


def test_a14_hints_and_kinds_beside_an_entry_choose_nothing(
    judge: Any, private_sigstore: PrivateSigstore, by: Signer
) -> None:
    bundle = private_sigstore.bundle(judge.subject, by)
    before = judge.bundle(bundle, by.key)
    for kind in ({"kind": "intoto", "version": "0.0.2"}, {}, None):
        entries_of(bundle)[0]["kindVersion"] = kind
        assert judge.bundle(bundle, by.key) == before


# --- A19, A22, A32: content, names, keys ------------------------------------------------------------------------------


def test_a19_what_is_signed_is_about_this_digest(
    judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer
) -> None:
    elsewhere = replace(judge, subject=Digest.of(OTHER))
    if form == "message":
        bundle = private_sigstore.message_bundle(MANIFEST, by)
        assert_rejected(elsewhere.bundle(bundle, by.key), Reason.SUBJECT_MISMATCH, str(judge.subject))
        del bundle["messageSignature"]["messageDigest"]  # nobody signed it, so it may be left out, or lie
        reason = Reason.KEY_NOT_TRUSTED if by is by.key else Reason.SIGNATURE_INVALID
        assert_rejected(elsewhere.bundle(bundle, by.key), reason)
        lie = {"algorithm": 1, "digest": b64(bytes.fromhex(elsewhere.subject.hex))}
        bundle["messageSignature"]["messageDigest"] = lie
        assert_rejected(elsewhere.bundle(bundle, by.key), reason)
        assert_rejected(judge.bundle(bundle, by.key), Reason.SUBJECT_MISMATCH)
        bundle["messageSignature"]["messageDigest"]["algorithm"] = "SHA2_512"
        assert isinstance(judge.bundle(bundle, by.key), VerifiedSignature)
    else:
        verdict = elsewhere.signed(private_sigstore, form, by)
        assert isinstance(verdict, VerifiedSignature)
        moved = replace(judge.candidate(private_sigstore, form, by), subject=elsewhere.subject)
        assert_rejected(judge.verifier.verify(moved, judge.public(by.key), judge.now), Reason.SUBJECT_MISMATCH)


LOOK_ALIKES = [
    "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main\n",
    "https://github.com/acme-evil/app/.github/workflows/release.yml@refs/heads/main",
    "https://github.com/evil/x?u=https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
    "https://GitHub.com/acme/app/.github/workflows/release.yml@refs/heads/main",
    "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main%0a",
]


@pytest.mark.parametrize("identity", LOOK_ALIKES)
def test_a22_an_identity_is_what_the_certificate_says_to_the_byte(
    judge: Any, private_sigstore: PrivateSigstore, form: str, identity: str
) -> None:
    verdict = judge.signed(private_sigstore, form, private_sigstore.keyless(identity=identity, issuer="https://i"))
    assert verdict.signer.identity == identity


@pytest.mark.parametrize("kind", KINDS)
def test_a32_a_signature_over_the_hash_of_the_message_is_none(
    judge: Any, private_sigstore: PrivateSigstore, kind: Any
) -> None:
    """A digest is not hashed again, and a message is never taken for one."""
    key = SigningKey.generate(kind)
    digest = bytes.fromhex(judge.subject.hex)
    bundle = private_sigstore.message_bundle(MANIFEST, key, logged=False)
    bundle["messageSignature"]["signature"] = b64(key.sign(digest))
    for artifact in (MANIFEST, judge.subject):
        verdict = judge.verifier.verify_bundle(compact_json(bundle), artifact, judge.public(key), judge.now)
        assert isinstance(verdict, RejectedCandidate)


@pytest.mark.parametrize("kind", ["ecdsa-p384", "ecdsa-p521"])
def test_older_signatures_by_larger_keys_are_over_sha256(
    judge: Any, private_sigstore: PrivateSigstore, kind: Any
) -> None:
    key = SigningKey.generate(kind)
    bundle = private_sigstore.message_bundle(MANIFEST, key, hash_name="sha256")
    assert judge.bundle(bundle, key).log is LogProof.INCLUSION


# --- several roots ----------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(private_sigstore: PrivateSigstore) -> PrivateSigstore:
    return PrivateSigstore(now=private_sigstore.now)


def roots_of(**worlds: PrivateSigstore) -> dict[str, TrustedRootFile]:
    return {name: TrustedRootFile.parse(world.trusted_root_json(), name) for name, world in worlds.items()}


def test_a_certificate_is_judged_with_the_root_whose_authority_issued_it(
    judge: Any, private_sigstore: PrivateSigstore, acme: PrivateSigstore, form: str
) -> None:
    verifier = SigstoreVerifier(roots_of(default=private_sigstore, acme=acme))
    for world, name in ((private_sigstore, "default"), (acme, "acme")):
        signer = world.keyless(identity="dev@example.com", issuer="https://i.example")
        verdict = verifier.verify(judge.candidate(world, form, signer, timestamped=True), (), judge.now)
        assert verdict.signer.trusted_root == name
        # The other's log and timestamp authority are nobody's in it.
        other = acme if world is private_sigstore else private_sigstore
        for mixed in (world.with_parts(log=other.log), world.with_parts(timestamp_authority=other.timestamp_authority)):
            candidate = judge.candidate(mixed, form, signer, timestamped=True)
            assert isinstance(verifier.verify(candidate, (), judge.now), RejectedCandidate)


def test_what_a_key_signed_is_judged_with_the_root_called_default(
    judge: Any, private_sigstore: PrivateSigstore, acme: PrivateSigstore, form: str, key: SigningKey
) -> None:
    verifier = SigstoreVerifier(roots_of(default=private_sigstore, acme=acme))
    candidate = judge.candidate(acme, form, key)
    assert isinstance(verifier.verify(candidate, judge.public(key), judge.now), RejectedCandidate)
    candidate = judge.candidate(private_sigstore, form, key)
    assert isinstance(verifier.verify(candidate, judge.public(key), judge.now), VerifiedSignature)


def test_two_roots_share_no_authority(private_sigstore: PrivateSigstore, acme: PrivateSigstore) -> None:
    """Else one signature would be of two roots, and a policy that trusts one of them would not know."""
    both = acme.with_parts(authorities=(acme.authority, private_sigstore.authority))
    with pytest.raises(ConfigurationInvalid, match="acme and default name the same certificate authority"):
        SigstoreVerifier(roots_of(default=private_sigstore, acme=both))
    intermediate = replace(private_sigstore.authority, chain=private_sigstore.authority.chain[:1])
    with pytest.raises(ConfigurationInvalid, match="same certificate authority"):
        SigstoreVerifier(roots_of(default=private_sigstore, acme=acme.with_parts(authority=intermediate)))


def test_the_digest_of_the_roots_covers_names_and_contents(
    private_sigstore: PrivateSigstore, acme: PrivateSigstore
) -> None:
    worlds: Sequence[dict[str, PrivateSigstore]] = (
        {},
        {"default": private_sigstore},
        {"default": acme},
        {"acme": acme},
        {"default": private_sigstore, "acme": acme},
        {"default": acme, "acme": private_sigstore},
    )
    digests = [SigstoreVerifier(roots_of(**one)).trusted_roots_digest for one in worlds]
    assert len(set(digests)) == len(digests)
    again = SigstoreVerifier(dict(reversed(roots_of(**worlds[4]).items())))
    assert again.trusted_roots_digest == digests[4]


# --- verify_bundle ----------------------------------------------------------------------------------------------------


@BUNDLED
def test_a_file_needs_no_registry(judge: Any, private_sigstore: PrivateSigstore, form: str, by: Signer) -> None:
    raw = compact_json(made(private_sigstore, form, by))
    for artifact in (MANIFEST, judge.subject):
        verdict = judge.verifier.verify_bundle(raw, artifact, judge.public(by.key), judge.now)
        assert verdict.log is LogProof.INCLUSION
    for other in (OTHER, Digest.of(OTHER), Digest.of(OTHER, "sha512")):
        assert isinstance(judge.verifier.verify_bundle(raw, other, judge.public(by.key), judge.now), RejectedCandidate)


def test_a_file_that_is_at_hand_is_signed_or_not(judge: Any, private_sigstore: PrivateSigstore) -> None:
    """Also with keys of which nothing can be said without it."""
    key, other = SigningKey.generate("ed25519"), SigningKey.generate("ed25519")
    raw = compact_json(private_sigstore.message_bundle(MANIFEST, key))
    for artifact, keys in ((MANIFEST, judge.public(other)), (OTHER, judge.public(key))):
        bundle = json.loads(raw)
        del bundle["messageSignature"]["messageDigest"]
        verdict = judge.verifier.verify_bundle(compact_json(bundle), artifact, keys, judge.now)
        assert_rejected(verdict, Reason.KEY_NOT_TRUSTED)


def test_a_digest_of_another_kind_signs_nothing(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    raw = compact_json(private_sigstore.message_bundle(MANIFEST, key))
    verdict = judge.verifier.verify_bundle(raw, Digest.of(MANIFEST, "sha512"), judge.public(key), judge.now)
    assert_rejected(verdict, Reason.PAYLOAD_TYPE_UNKNOWN, "SHA-256")


def test_an_attestation_says_something_of_a_file(judge: Any, private_sigstore: PrivateSigstore, by: Signer) -> None:
    bundle = private_sigstore.bundle(judge.subject, by, predicate_type="https://slsa.dev/provenance/v1")
    assert_rejected(judge.bundle(bundle, by.key), Reason.PREDICATE_TYPE_MISMATCH)
    verdict = judge.verifier.verify_bundle(compact_json(bundle), MANIFEST, judge.public(by.key), judge.now)
    assert verdict.log is LogProof.INCLUSION


def test_an_attestation_that_is_asked_for_is_any_statement(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    bundle = private_sigstore.bundle(judge.subject, key, predicate_type="https://slsa.dev/provenance/v1", logged=False)
    places = {"source": judge.source, "subject": judge.subject}
    for candidate in (
        Attestation(**places, envelope=compact_json(bundle["dsseEnvelope"]), annotations={}),
        Bundle(**places, raw=compact_json(bundle), attested=True),
    ):
        assert isinstance(judge.verifier.verify(candidate, judge.public(key), judge.now), VerifiedSignature)


# --- certificates that come with it -----------------------------------------------------------------------------------


def test_an_authority_that_only_the_signature_brings_along_vouches_for_nothing(
    judge: Any, private_sigstore: PrivateSigstore, form: str
) -> None:
    """Also where the trusted root names the one that issued it: an organisation's root issues many."""
    whole = private_sigstore.authority
    world = private_sigstore.with_parts(authority=replace(whole, chain=whole.chain[-1:]))
    signer = private_sigstore.keyless(identity="dev@example.com", issuer="https://i.example")
    if form == "annotations":
        verdict = replace(judge, sigstore=world).signed(private_sigstore, form, signer)
    else:
        bundle = as_version(made(private_sigstore, form, signer), "0.3", chain=whole.chain[:1])
        verdict = replace(judge, sigstore=world).bundle(bundle)
    assert_rejected(verdict, Reason.CERTIFICATE_CHAIN_UNTRUSTED)


def test_what_comes_beside_the_certificate_changes_nothing(
    judge: Any, private_sigstore: PrivateSigstore, signer: CertifiedKey
) -> None:
    theirs = PrivateSigstore(now=private_sigstore.now).authority.chain
    bundle = private_sigstore.bundle(judge.subject, signer)
    assert judge.bundle(as_version(bundle, "0.2", chain=theirs)) == judge.bundle(bundle)
    junk = as_version(bundle, "0.2")
    junk["verificationMaterial"]["x509CertificateChain"]["certificates"].append({"rawBytes": b64(b"junk")})
    assert_rejected(judge.bundle(junk), Reason.CERTIFICATE_INVALID)


def test_a_root_without_ct_logs_vouches_for_no_certificate(
    judge: Any, private_sigstore: PrivateSigstore, form: str, signer: CertifiedKey
) -> None:
    judge = judge.with_root(lambda root: root.pop("ctlogs"))
    assert_rejected(judge.signed(private_sigstore, form, signer), Reason.SCT_INVALID, "does not name")


def test_an_sct_is_judged_at_its_own_time(judge: Any, private_sigstore: PrivateSigstore) -> None:
    """The certificate was logged while the CT log's key was good, and used when it was not any more."""
    ended = CtLog(valid_for=TimeRange(start=private_sigstore.start, end=private_sigstore.now))
    world = private_sigstore.with_parts(ct_logs=(ended,))
    signer = world.keyless(identity="dev@example.com", issuer="https://i.example")
    bundle = world.bundle(judge.subject, signer, at=private_sigstore.now + timedelta(minutes=5))
    assert isinstance(replace(judge, sigstore=world).bundle(bundle), VerifiedSignature)


def assert_rejected(verdict: object, reason: Reason, told: str = "") -> None:
    assert isinstance(verdict, RejectedCandidate), verdict
    assert verdict.reason is reason, verdict.detail
    assert told in verdict.detail
