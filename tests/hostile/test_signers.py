"""Signatures that verify, by somebody who was not asked for: attacks A6 and A21 to A24, from policy to decision.

Every signature here is genuine, in the log and by an authority that is trusted; asserted: whose they are decides.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Bundle,
    Candidate,
    Evidence,
    RejectedCandidate,
    SimpleSigning,
    Source,
    VerifiedSignature,
)
from sealgate.oci.artifact import IMAGE, Kind
from sealgate.oci.digest import Digest
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Subject
from sealgate.policy.load import RingKey, Sources, load
from sealgate.policy.model import Operation, Unmatched
from sealgate.testing.sigstore import PrivateSigstore, RekorV2Log, SigningKey, TransparencyLog
from sealgate.testing.sigstore.encoding import JsonObject, compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.signing import Signer

IMAGE_DIGEST = Digest.of(b"a manifest")
IDENTITY = "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class World:
    """Our verifier with two Sigstores, and policies over what it finds."""

    default: PrivateSigstore
    acme: PrivateSigstore

    def verifier(self) -> SigstoreVerifier:
        worlds = {"default": self.default, "acme": self.acme}
        return SigstoreVerifier(
            {name: TrustedRootFile.parse(world.trusted_root_json(), name) for name, world in worlds.items()}
        )

    def decide(self, policy: JsonObject, candidates: Sequence[Candidate], ring: dict[str, SigningKey]) -> Decision:
        """What a policy, given as its file says it, makes of an image with these signatures."""
        (problems, made) = _loaded(policy, ring)
        assert problems == []
        resolved = made.policy_set(Unmatched.DENY).resolve("prod/app", Operation.PULL)
        now = self.default.now + timedelta(days=1)
        verifier = self.verifier()
        found = [verifier.verify(candidate, resolved.keys, now) for candidate in candidates]
        evidence = Evidence(
            subject=IMAGE_DIGEST,
            signatures=tuple(one for one in found if isinstance(one, VerifiedSignature)),
            rejected=tuple(one for one in found if isinstance(one, RejectedCandidate)),
        )
        return decide(resolved, Subject(digest=IMAGE_DIGEST, kinds=(Kind(IMAGE),)), evidence, now)


def _loaded(policy: JsonObject, ring: dict[str, SigningKey]) -> tuple[list[str], Any]:
    def read_file(_: str, name: str) -> bytes:
        raise ConfigurationInvalid(f"{name}: there is no such file")

    keys = {name: RingKey(key=read_public_key(key.public_pem)) for name, key in ring.items()}
    sources = Sources(
        ring=keys, read_key=read_public_key, read_file=read_file, trusted_roots=frozenset({"default", "acme"})
    )
    made = load([("p.yaml", json.dumps(policy).encode())], sources)
    return [str(problem) for problem in made.errors], made


@pytest.fixture
def world() -> World:
    return World(PrivateSigstore(now=SIGNING_TIME), PrivateSigstore(now=SIGNING_TIME))


def policy_of(**rule: Any) -> JsonObject:
    return {"name": "p", "repositories": ["prod/**"], "rules": [{"name": "r", **rule}]}


def asking(identity: str = IDENTITY, issuer: str = ISSUER, **more: Any) -> JsonObject:
    return {"type": "keyless", "certificate_identity": identity, "certificate_oidc_issuer": issuer, **more}


def bundle(world: PrivateSigstore, by: Signer, number: int = 0, **options: Any) -> Bundle:
    source = Source(Digest.of(b"a carrier"), number)
    return Bundle(source=source, subject=IMAGE_DIGEST, raw=compact_json(world.bundle(IMAGE_DIGEST, by, **options)))


def workflow(world: PrivateSigstore, identity: str = IDENTITY, issuer: str = ISSUER) -> Signer:
    return world.keyless(identity=identity, issuer=issuer)


def reason_of(decision: Decision) -> Reason:
    assert not decision.admitted
    assert decision.finding is not None
    return decision.finding.reason


# --- A6: a threshold counts signers -----------------------------------------------------------------------------------


def test_a6_a_key_under_two_names_is_one_signer(world: World) -> None:
    """Under two names of the ring, and once more as text; two signatures, each with a log entry of its own."""
    key, other = SigningKey.generate(), SigningKey.generate()
    ring = {"ann": key, "alias": key, "bob": other}
    named = {"type": "key", "public_key": key.public_pem.decode()}
    rule = policy_of(trusted_keys=["ann", "alias", "bob"], key_requirements=[named], threshold=2)
    twice = [bundle(world.default, key, number) for number in range(2)]
    assert reason_of(world.decide(rule, twice, ring)) is Reason.THRESHOLD_NOT_MET
    assert world.decide(rule, [*twice, bundle(world.default, other, 2)], ring).admitted


def test_a6_an_identity_twice_is_one_signer(world: World) -> None:
    """Each time with a certificate, a key and a log entry of its own, and by the authorities of two roots."""
    anybody = {
        "type": "keyless",
        "certificate_identity": "https://github.com/org/*/.github/workflows/r.yml@refs/heads/main",
        "certificate_oidc_issuer": ISSUER,
    }
    rule = policy_of(key_requirements=[anybody, {**anybody, "trusted_root": "acme"}], threshold=2)
    twice = [bundle(world.default, workflow(world.default), number) for number in range(2)]
    elsewhere = bundle(world.acme, workflow(world.acme), 2)
    assert reason_of(world.decide(rule, [*twice, elsewhere], {})) is Reason.THRESHOLD_NOT_MET
    another = workflow(world.default, IDENTITY.replace("/app/", "/lib/"))
    assert world.decide(rule, [*twice, bundle(world.default, another, 3)], {}).admitted


@pytest.mark.parametrize("keyless", [True, False])
@pytest.mark.parametrize("make", [TransparencyLog, RekorV2Log])
def test_a6_entries_of_several_logs_make_no_second_signer(
    world: World, make: Callable[[str], TransparencyLog | RekorV2Log], keyless: bool
) -> None:
    """One signature in two logs; and two signatures, each in one of them."""
    logs = (world.default.log, make("second.private.test"))
    world = World(world.default.with_parts(logs=logs), world.acme)
    key, other = SigningKey.generate(), SigningKey.generate()
    by = workflow(world.default) if keyless else key
    lib = IDENTITY.replace("/app/", "/lib/")
    wanted = {"key_requirements": [asking(), asking(lib)]} if keyless else {"trusted_keys": ["ann", "bob"]}
    rule, ring = policy_of(**wanted, threshold=2), {"ann": key, "bob": other}
    in_both = bundle(world.default, by, timestamped=True)
    apart = [
        bundle(world.default.with_parts(logs=(log,)), by, number, timestamped=True)
        for number, log in enumerate(logs, 1)
    ]
    assert reason_of(world.decide(rule, [in_both, *apart], ring)) is Reason.THRESHOLD_NOT_MET
    second = workflow(world.default, lib) if keyless else other
    assert world.decide(rule, [in_both, bundle(world.default, second, 3, timestamped=True)], ring).admitted


# --- A21: every constraint counts by itself ---------------------------------------------------------------------------


ALL_BUT_ONE: dict[str, tuple[Callable[[World], Candidate], Reason]] = {
    "identity": (lambda it: bundle(it.acme, workflow(it.acme, f"{IDENTITY}x")), Reason.IDENTITY_MISMATCH),
    "issuer": (lambda it: bundle(it.acme, workflow(it.acme, issuer=f"{ISSUER}x")), Reason.ISSUER_MISMATCH),
    "trusted root": (lambda it: bundle(it.default, workflow(it.default)), Reason.IDENTITY_MISMATCH),
    "log entry": (
        lambda it: bundle(it.acme, workflow(it.acme), logged=False, timestamped=True),
        Reason.LOG_ENTRY_MISSING,
    ),
    "inclusion proof": (
        lambda it: simple(it.acme, workflow(it.acme), "gate.example/prod/app"),
        Reason.LOG_PROOF_MISSING,
    ),
}


@pytest.mark.parametrize("missing", ALL_BUT_ONE)
def test_a21_whatever_is_asked_for_is_asked_for_by_itself(world: World, missing: str) -> None:
    rule = policy_of(key_requirements=[asking(trusted_root="acme")])
    assert world.decide(rule, [bundle(world.acme, workflow(world.acme))], {}).admitted
    make, reason = ALL_BUT_ONE[missing]
    assert reason_of(world.decide(rule, [make(world)], {})) is reason


@pytest.mark.parametrize("late", [True, False])
def test_a21_the_window_of_a_key_is_asked_for_by_itself(world: World, late: bool) -> None:
    key, now = SigningKey.generate(), world.default.now
    window = {"not_after": now - SECOND} if late else {"not_before": now + SECOND}
    for moved, good in ((timedelta(0), False), (SECOND, True)):
        bounds = {
            name: (moment + (moved if late else -moved)).strftime("%Y-%m-%dT%H:%M:%SZ")
            for name, moment in window.items()
        }
        wanted = {"type": "key", "public_key": key.public_pem.decode(), **bounds}
        decision = world.decide(policy_of(key_requirements=[wanted]), [bundle(world.default, key)], {})
        assert decision.admitted is good
        if not good:
            assert reason_of(decision) is Reason.KEY_OUTSIDE_VALIDITY


# --- A22: who only looks like the one asked for -----------------------------------------------------------------------


LOOK_ALIKES = [
    "https://github.com/org",
    "https://github.com/org-evil/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app-evil/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main\n",
    "\nhttps://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    " https://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main ",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main\x00",
    "https://githubXcom/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com.evil.example/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://evil.example/?u=https://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://evil.example/https://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/rXyml@refs/heads/main",
    "https://github.com/ORG/app/.github/workflows/r.yml@refs/heads/main",
    "HTTPS://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "http://github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/x/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org//.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/mainly",
    "https://github.com/org/app/.github/workflows/r.yml@refs/heads/main?x",
    "https://user@github.com/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com:443/org/app/.github/workflows/r.yml@refs/heads/main",
    "https://github.com/org/app/.github/workflows/r.yml@refs%2Fheads/main",
    "https://xn--gthub-n4a.com/org/app/.github/workflows/r.yml@refs/heads/main",
]
PATTERNS = [
    asking(),
    asking("https://github.com/org/???/.github/workflows/r.yml@refs/*/main"),
    {
        "type": "keyless",
        "certificate_identity_regexp": r"https://github\.com/org/[a-z]{3}/\.github/workflows/r\.yml@refs/heads/main",
        "certificate_oidc_issuer_regexp": r"https://token\.actions\.githubusercontent\.com",
    },
]


def test_a22_the_one_asked_for_is_admitted(world: World) -> None:
    signed = [bundle(world.default, workflow(world.default))]
    for wanted in PATTERNS:
        assert world.decide(policy_of(key_requirements=[wanted]), signed, {}).admitted


@pytest.mark.parametrize("evil", LOOK_ALIKES)
def test_a22_nobody_who_looks_like_the_one_asked_for_is(world: World, evil: str) -> None:
    """With a genuine certificate to that name, however the policy says whom it asks for."""
    signed = [bundle(world.default, workflow(world.default, evil))]
    for wanted in PATTERNS:
        decision = world.decide(policy_of(key_requirements=[wanted]), signed, {})
        assert reason_of(decision) is Reason.IDENTITY_MISMATCH


# --- A23: an issuer that is empty is no issuer ------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ["", " ", f"{ISSUER}/", f"{ISSUER}.evil.example", f"{ISSUER}\n", ISSUER.upper()])
def test_a23_the_issuer_is_the_one_asked_for(world: World, issuer: str) -> None:
    signed = [bundle(world.default, workflow(world.default, issuer=issuer))]
    for wanted in PATTERNS:
        decision = world.decide(policy_of(key_requirements=[wanted]), signed, {})
        assert reason_of(decision) in {Reason.ISSUER_MISMATCH, Reason.CERTIFICATE_INVALID}
        assert (reason_of(decision) is Reason.CERTIFICATE_INVALID) is (issuer == "")


@pytest.mark.parametrize("issuer", ["", " ", None])
def test_a23_a_policy_that_asks_for_no_issuer_does_not_load(issuer: str | None) -> None:
    problems, _ = _loaded(policy_of(key_requirements=[asking() | {"certificate_oidc_issuer": issuer}]), {})
    assert any("certificate_oidc_issuer" in problem for problem in problems)


# --- A24: which name was signed ---------------------------------------------------------------------------------------


def simple(world: PrivateSigstore, by: Signer, reference: str) -> SimpleSigning:
    made = world.simple_signature(IMAGE_DIGEST, by, docker_reference=reference)
    return SimpleSigning(
        source=Source(Digest.of(b"a carrier"), 0),
        subject=IMAGE_DIGEST,
        payload=made.payload,
        annotations=made.annotations,
    )


def test_a24_a_name_that_was_signed_counts_where_the_policy_asks_for_it(world: World) -> None:
    """Copied beside the same digest in another repository: admitted, for digests are signed; never where it says so."""
    rule = {"key_requirements": [asking()], "rekor": {"proof": "promise"}}
    copied = [simple(world.default, workflow(world.default), "gate.example/elsewhere/app")]
    assert world.decide(policy_of(**rule), copied, {}).admitted
    asked = policy_of(**rule, signed_reference="repository")
    problems, _ = _loaded(asked, {})
    assert any("signed_reference" in one for one in problems) or not world.decide(asked, copied, {}).admitted
