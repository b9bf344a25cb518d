"""Bundles about one digest, good and bad. A verifier accepts the good ones and refuses the bad ones."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey
from sealgate.testing.sigstore.authority import LEAF_LIFETIME
from sealgate.testing.sigstore.dsse import COSIGN_SIGN
from sealgate.testing.sigstore.encoding import JsonObject, b64

IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0"
ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = Digest.of(b"a manifest")
OTHER_SUBJECT = Digest.of(b"another manifest")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A bundle, and what a verifier is told to demand of it; without a key it is to be keyless."""

    bundle: JsonObject
    trusted_root: JsonObject
    key: SigningKey | None = None
    identity: str = IDENTITY
    issuer: str = ISSUER
    predicate_type: str = COSIGN_SIGN
    logged: bool = True

    @property
    def log_entry(self) -> JsonObject:
        return self.bundle["verificationMaterial"]["tlogEntries"][0]


Build: TypeAlias = Callable[[PrivateSigstore], Attempt]


@dataclass(frozen=True)
class Case:
    name: str
    build: Build
    accepted: bool
    keyless: bool
    otherwise: frozenset[str]  # verifiers whose own rules say the opposite; the case says why

    def __str__(self) -> str:
        return self.name

    def expected_of(self, verifier: str) -> bool:
        return self.accepted != (verifier in self.otherwise)


CASES: list[Case] = []


def case(*, accepted: bool, keyless: bool = True, otherwise: frozenset[str] = frozenset()) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        CASES.append(Case(build.__name__, build, accepted, keyless, otherwise))
        return build

    return register


def signer(world: PrivateSigstore, identity: str = IDENTITY) -> CertifiedKey:
    claims = {"source_repository_uri": "https://github.com/acme/app", "github_workflow_trigger": "push"}
    return world.keyless(identity=identity, issuer=ISSUER, claims=claims)


def keyless(world: PrivateSigstore, **options: bool) -> Attempt:
    return Attempt(bundle=world.bundle(SUBJECT, signer(world), **options), trusted_root=world.trusted_root())


def managed(world: PrivateSigstore, algorithm: str = "ecdsa-p256", *, logged: bool = True) -> Attempt:
    # With P-384 and P-521 cosign 3.1.3 signs with the curve's hash, but it and @sigstore/verify verify only SHA-256.
    key = SigningKey.generate(algorithm)
    payload = base64.b64decode(world.bundle(SUBJECT, key, logged=False)["dsseEnvelope"]["payload"])
    bundle = world.bundle_of(payload, key, hash_name="sha256", logged=logged)
    return Attempt(bundle=bundle, trusted_root=world.trusted_root(), key=key, logged=logged)


def other(world: PrivateSigstore) -> PrivateSigstore:
    return PrivateSigstore(now=world.now)


def flipped(encoded: str) -> str:
    """The same base64 text with the last bit of what it encodes flipped."""
    raw = base64.b64decode(encoded)
    return b64(raw[:-1] + bytes([raw[-1] ^ 1]))


# --- good -------------------------------------------------------------------------------------------------------------


case(accepted=True)(keyless)


@case(accepted=True)
def keyless_of_a_person(world: PrivateSigstore) -> Attempt:
    bundle = world.bundle(SUBJECT, signer(world, "dev@example.com"))
    return Attempt(bundle=bundle, trusted_root=world.trusted_root(), identity="dev@example.com")


@case(accepted=True)
def keyless_with_a_timestamp_too(world: PrivateSigstore) -> Attempt:
    return keyless(world, timestamped=True)


@case(accepted=True)
def keyless_with_a_timestamp_and_no_promise(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world, timestamped=True)
    del attempt.log_entry["inclusionPromise"]
    return attempt


@case(accepted=True)
def keyless_attestation(world: PrivateSigstore) -> Attempt:
    provenance = "https://slsa.dev/provenance/v1"
    bundle = world.bundle(SUBJECT, signer(world), predicate_type=provenance, predicate={"buildDefinition": {}})
    return Attempt(bundle=bundle, trusted_root=world.trusted_root(), predicate_type=provenance)


@case(accepted=True)
def keyless_in_a_log_that_grew(world: PrivateSigstore) -> Attempt:
    for _ in range(5):
        keyless(world)
    attempt = keyless(world)
    in_tree = int(attempt.log_entry["inclusionProof"]["logIndex"])
    keyless(world)
    attempt.log_entry["inclusionProof"] = world.log.inclusion_proof(in_tree)
    return attempt


for _algorithm in ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"):
    for _logged in (True, False):

        def _managed(world: PrivateSigstore, algorithm: str = _algorithm, logged: bool = _logged) -> Attempt:
            return managed(world, algorithm, logged=logged)

        _managed.__name__ = f"managed_{_algorithm}_{'logged' if _logged else 'not_logged'}"
        case(accepted=True, keyless=False)(_managed)


# --- bad: what is signed, and who signed ------------------------------------------------------------------------------


@case(accepted=False)
def payload_changed(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    statement = base64.b64decode(attempt.bundle["dsseEnvelope"]["payload"]).decode()
    forged = statement.replace(SUBJECT.hex, OTHER_SUBJECT.hex).encode()
    attempt.bundle["dsseEnvelope"]["payload"] = b64(forged)
    return attempt


@case(accepted=False, keyless=False)
def payload_changed_under_a_managed_key(world: PrivateSigstore) -> Attempt:
    attempt = managed(world, logged=False)
    attempt.bundle["dsseEnvelope"]["payload"] = b64(b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}')
    return attempt


@case(accepted=False)
def payload_type_changed(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    attempt.bundle["dsseEnvelope"]["payloadType"] = "application/json"
    return attempt


@case(accepted=False)
def a13_two_signatures(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    attempt.bundle["dsseEnvelope"]["signatures"] *= 2
    return attempt


@case(accepted=False)
def signed_by_another_key_than_the_certificate_has(world: PrivateSigstore) -> Attempt:
    impostor = replace(signer(world), key=SigningKey.generate())
    return Attempt(bundle=world.bundle(SUBJECT, impostor), trusted_root=world.trusted_root())


@case(accepted=False, keyless=False)
def signed_by_another_managed_key(world: PrivateSigstore) -> Attempt:
    return replace(managed(world), key=SigningKey.generate())


@case(accepted=False, keyless=False)
def signed_by_another_managed_key_under_the_hint_of_the_trusted_one(world: PrivateSigstore) -> Attempt:
    attempt, trusted = managed(world, logged=False), SigningKey.generate()
    attempt.bundle["verificationMaterial"]["publicKey"]["hint"] = trusted.hint
    return replace(attempt, key=trusted)


@case(accepted=False)
def another_identity(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world), identity=IDENTITY.replace("acme", "evil"))


@case(accepted=False)
def a22_identity_that_only_begins_alike(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world), identity=IDENTITY[:-1])


@case(accepted=False)
def another_issuer(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world), issuer="https://accounts.google.com")


# --- bad: the certificate ---------------------------------------------------------------------------------------------


@case(accepted=False)
def certificate_of_another_authority(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world.with_parts(authority=other(world).authority)), trusted_root=world.trusted_root())


@case(accepted=False)
def certificate_expired_when_it_was_logged(world: PrivateSigstore) -> Attempt:
    late = world.now + LEAF_LIFETIME + timedelta(seconds=1)
    return Attempt(bundle=world.bundle(SUBJECT, signer(world), at=late), trusted_root=world.trusted_root())


@case(accepted=False)
def certificate_not_yet_valid_when_it_was_logged(world: PrivateSigstore) -> Attempt:
    early = world.now - timedelta(seconds=1)
    return Attempt(bundle=world.bundle(SUBJECT, signer(world), at=early), trusted_root=world.trusted_root())


@case(accepted=False)
def certificate_without_an_sct(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world.with_parts(ct_logs=())), trusted_root=world.trusted_root())


@case(accepted=False)
def sct_of_another_ct_log(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world.with_parts(ct_logs=other(world).ct_logs)), trusted_root=world.trusted_root())


# --- bad: the log -----------------------------------------------------------------------------------------------------


@case(accepted=False)
def a1_log_entry_of_another_artifact(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    stapled = world.bundle(OTHER_SUBJECT, signer(world))["verificationMaterial"]["tlogEntries"]
    attempt.bundle["verificationMaterial"]["tlogEntries"] = stapled
    return attempt


@case(accepted=False, keyless=False)
def a1_log_entry_of_another_artifact_by_the_same_key(world: PrivateSigstore) -> Attempt:
    attempt = managed(world)
    assert attempt.key is not None
    stapled = world.bundle(OTHER_SUBJECT, attempt.key)["verificationMaterial"]["tlogEntries"]
    attempt.bundle["verificationMaterial"]["tlogEntries"] = stapled
    return attempt


@case(accepted=False)
def log_entry_of_another_log(world: PrivateSigstore) -> Attempt:
    return replace(keyless(world.with_parts(log=other(world).log)), trusted_root=world.trusted_root())


@case(accepted=False)
def log_entry_missing(world: PrivateSigstore) -> Attempt:
    return keyless(world, logged=False)


@case(accepted=False, keyless=False)
def log_entry_missing_of_a_managed_key(world: PrivateSigstore) -> Attempt:
    return replace(managed(world, logged=False), logged=True)


@case(accepted=False)
def promise_changed(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    promise = attempt.log_entry["inclusionPromise"]
    promise["signedEntryTimestamp"] = flipped(promise["signedEntryTimestamp"])
    return attempt


@case(accepted=False)
def a2_promise_over_another_index(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    attempt.log_entry["logIndex"] = str(int(attempt.log_entry["logIndex"]) + 1)
    return attempt


@case(accepted=False)
def a3_integrated_time_moved(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    attempt.log_entry["integratedTime"] = str(int(attempt.log_entry["integratedTime"]) + 1)
    return attempt


@case(accepted=False)
def log_body_changed(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    body = json.loads(base64.b64decode(attempt.log_entry["canonicalizedBody"]))
    body["spec"]["payloadHash"]["value"] = "0" * 64
    attempt.log_entry["canonicalizedBody"] = b64(json.dumps(body).encode())
    return attempt


@case(accepted=False)
def inclusion_proof_changed(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    hashes = attempt.log_entry["inclusionProof"]["hashes"]
    hashes[0] = flipped(hashes[0])
    return attempt


@case(accepted=False)
def inclusion_proof_at_another_place(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    attempt.log_entry["inclusionProof"]["logIndex"] = "1"
    return attempt


# @sigstore/verify never reads this copy: it compares the root it computed with the one in the checkpoint.
@case(accepted=False, otherwise=frozenset({"sigstore-js"}))
def a15_root_hash_changed(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    proof = attempt.log_entry["inclusionProof"]
    proof["rootHash"] = flipped(proof["rootHash"])
    return attempt


@case(accepted=False)
def a15_checkpoint_of_another_tree(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    size = int(attempt.log_entry["inclusionProof"]["treeSize"])
    attempt.log_entry["inclusionProof"]["checkpoint"]["envelope"] = world.log.checkpoint(bytes(32), size)
    return attempt


@case(accepted=False)
def a15_checkpoint_signed_by_another_log(world: PrivateSigstore) -> Attempt:
    attempt = keyless(world)
    proof = attempt.log_entry["inclusionProof"]
    forged = other(world).log.checkpoint(base64.b64decode(proof["rootHash"]), int(proof["treeSize"]))
    proof["checkpoint"]["envelope"] = forged
    return attempt
