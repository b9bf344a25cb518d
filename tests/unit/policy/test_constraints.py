"""Attacks A21 (Kyverno CVE-2025-29778): every field that a policy can hold is enforced, or refused at load.

For each of them, one artifact that satisfies the policy, and one that satisfies all of it but that field: it is denied,
with that field's reason. A field of the schema without a row here fails.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Evidence,
    KeylessSigner,
    KeySigner,
    LogProof,
    Source,
    Stated,
    VerifiedAttestation,
    VerifiedSignature,
)
from sealgate.oci.artifact import IMAGE, Kind
from sealgate.oci.digest import Digest
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.policy import schema
from sealgate.policy.cover import cover
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Outcome, Subject
from sealgate.policy.load import RingKey, Sources, load
from sealgate.policy.model import Operation, Unmatched

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SLSA = "https://slsa.dev/provenance/v1"
DIGEST, OTHER, INDEX = (Digest.of(name) for name in (b"an image", b"another", b"an index"))
ISSUER = "https://token.actions.example"
IDENTITY = "https://github.example/org/app/release.yml@refs/heads/main"
NAMES = Names([NamedRegistry(name="default", address="registry.example")], "gate.example")
CLAIMS = schema.schema("policy")["$defs"]["requirement"]["properties"]["claims"]["properties"]

ASKS_NOTHING = frozenset(
    {"/name", "/description", "/fix", "/mode", "/allow_unsigned", "/exceptions/reason", "/exceptions/approved_by",
     "/on_unsigned_push", "/immutable_tags", "/signature_repository",
     "rule/name", "rule/fix", "rule/required", "rule/allow_unsigned"}
)  # fmt: skip
"""Fields that ask nothing of an artifact: what they do is shown where their words are."""


def key(name: str) -> PublicKey:
    return PublicKey(fingerprint=hashlib.sha256(name.encode()).hexdigest(), spki=b"", algorithm="ed25519")


SOURCES = Sources(
    ring={name: RingKey(key=key(name)) for name in ("release", "other", "third")},
    read_key=lambda pem: key(pem.decode()),
    read_file=lambda _policy, name: name.removesuffix(".pub").encode(),
    trusted_roots=frozenset({"default", "acme"}),
    names=NAMES,
    compile_condition=lambda _text: None,
)


def at(number: int) -> Source:
    return Source(Digest.of(b"a carrier"), number)


def by_key(name: str = "release", number: int = 0, **more: Any) -> VerifiedSignature:
    facts = {"source": at(number), "signer": KeySigner(key(name).fingerprint), "log": LogProof.INCLUSION}
    return VerifiedSignature(**(facts | {"signed_at": (NOW - timedelta(days=1),)} | more))


def keyless(identity: str = IDENTITY, issuer: str = ISSUER, **more: Any) -> VerifiedSignature:
    signer = KeylessSigner(
        identity=identity,
        issuer=issuer,
        trusted_root=more.pop("root", "default"),
        claims=MappingProxyType(more.pop("claims", {})),
    )
    facts = {"source": at(0), "signer": signer, "log": LogProof.INCLUSION, "signed_at": (NOW - timedelta(days=1),)}
    return VerifiedSignature(**(facts | more))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, and what is known about its artifact."""

    signatures: tuple[VerifiedSignature, ...] = ()
    attestations: tuple[VerifiedAttestation, ...] = ()
    digest: Digest = DIGEST
    kinds: tuple[Kind, ...] = (Kind(IMAGE),)
    repository: str = "team/app"
    operation: Operation = Operation.PULL
    tag: str | None = None
    now: datetime = NOW
    index: tuple[VerifiedSignature, ...] | None = None  # those on an index that lists it


def policy(**more: Any) -> dict[str, Any]:
    return {"name": "p", "repositories": ["team/**"], "rules": [rule()]} | more


def rule(**more: Any) -> dict[str, Any]:
    asks = {} if {"trusted_keys", "key_requirements"} & more.keys() else {"trusted_keys": ["release"]}
    return {"name": "r", **asks} | more


def ruled(**more: Any) -> dict[str, Any]:
    return policy(rules=[rule(**more)])


def required(**more: Any) -> dict[str, Any]:
    return ruled(key_requirements=[more])


def keyless_policy(**more: Any) -> dict[str, Any]:
    fields = {"type": "keyless", "certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER} | more
    return required(**{name: value for name, value in fields.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class Row:
    """A field, a policy with it, what satisfies that policy, and what satisfies all but the field."""

    field: str
    policy: Mapping[str, Any]
    good: Asked
    bad: Asked
    reason: Reason
    note: str = field(default="")


SIGNED = Asked(signatures=(by_key(),))
BY_WORKFLOW = Asked(signatures=(keyless(),))
NOBODY = Asked()
EXCEPTED = policy(exceptions=[{"digest": str(DIGEST), "reason": "incident 12", "expires": "2026-11-24T00:00:00Z"}])


def rows() -> Iterator[Row]:
    uncovered = Reason.REPOSITORY_NOT_COVERED
    yield Row(
        field="/repositories", policy=policy(), good=SIGNED, bad=replace(SIGNED, repository="x"), reason=uncovered
    )
    yield Row(
        field="/exclude_repositories", policy=policy(exclude_repositories=["team/x"]),
        good=SIGNED, bad=replace(SIGNED, repository="team/x"), reason=uncovered,
    )  # fmt: skip
    yield Row(
        field="/operations", policy=policy(operations=["pull"]),
        good=SIGNED, bad=replace(SIGNED, operation=Operation.PUSH), reason=uncovered,
    )  # fmt: skip
    pushed = replace(SIGNED, operation=Operation.PUSH, tag="v1")
    yield Row(
        field="/tags", policy=policy(operations=["push"], tags=["v*"]),
        good=pushed, bad=replace(pushed, tag="x"), reason=uncovered,
    )  # fmt: skip
    yield Row(
        field="/rules", policy=policy(rules=[rule(), rule(name="s", trusted_keys=["other"])]),
        good=Asked(signatures=(by_key(), by_key("other", 1))), bad=SIGNED, reason=Reason.KEY_NOT_TRUSTED,
    )  # fmt: skip
    missing, expired = Reason.SIGNATURE_MISSING, Reason.EXCEPTION_EXPIRED
    yield Row(field="/exceptions", policy=EXCEPTED, good=NOBODY, bad=replace(NOBODY, digest=OTHER), reason=missing)
    yield Row(
        field="/exceptions/digest", policy=EXCEPTED, good=NOBODY, bad=replace(NOBODY, digest=OTHER), reason=missing
    )
    over = replace(NOBODY, now=datetime(2026, 11, 24, tzinfo=UTC))
    second = replace(over, now=over.now - timedelta(seconds=1))
    yield Row(field="/exceptions/expires", policy=EXCEPTED, good=second, bad=over, reason=expired)
    for name, bad in {
        str(DIGEST): SIGNED,
        IDENTITY: Asked(signatures=(by_key(), keyless(source=at(1)))),
        "*://github.example/**": Asked(signatures=(by_key(), keyless(source=at(1)))),
        "other": Asked(signatures=(by_key(), by_key("other", 1))),
    }.items():
        good = replace(bad, digest=OTHER) if name == str(DIGEST) else SIGNED
        denied = Reason.DENIED_BY_POLICY
        yield Row(field="/denied", policy=policy(denied=[name]), good=good, bad=bad, reason=denied, note=name)
    yield from rule_rows()
    yield from requirement_rows()
    yield from attestation_rows()


def rule_rows() -> Iterator[Row]:
    helm = replace(SIGNED, kinds=(Kind(frozenset({"helm"})),))
    yield Row(
        field="rule/artifact_types", policy=ruled(artifact_types=["oci"]),
        good=SIGNED, bad=helm, reason=Reason.ARTIFACT_TYPE_NOT_COVERED,
    )  # fmt: skip
    gpg = policy(rules=[rule(), {"name": "g", "signature_type": "gpg", "artifact_types": ["helm"]}])
    later = Reason.SIGNATURE_TYPE_NOT_SUPPORTED_YET
    yield Row(field="rule/signature_type", policy=gpg, good=SIGNED, bad=helm, reason=later)
    stranger = Asked(signatures=(by_key("other"),))
    for name, asks in {
        "rule/key_requirements": ruled(key_requirements=[{"type": "key", "public_key": "release.pub"}]),
        "requirement/public_key": required(type="key", public_key="release.pub"),
        "rule/trusted_keys": ruled(trusted_keys=["release", "third"]),
    }.items():
        yield Row(field=name, policy=asks, good=SIGNED, bad=stranger, reason=Reason.KEY_NOT_TRUSTED)
    yield Row(
        field="rule/threshold", policy=ruled(trusted_keys=["release", "other"], threshold=2),
        good=Asked(signatures=(by_key(), by_key("other", 1))), bad=Asked(signatures=(by_key(), by_key(number=1))),
        reason=Reason.THRESHOLD_NOT_MET,
    )  # fmt: skip
    unlogged, promised = (Asked(signatures=(by_key(log=log),)) for log in (LogProof.NONE, LogProof.PROMISE))
    for name in ("rule/rekor", "rule/rekor/required"):
        asks = ruled(rekor={"required": True})
        yield Row(field=name, policy=asks, good=SIGNED, bad=unlogged, reason=Reason.LOG_ENTRY_MISSING)
    yield Row(
        field="rule/rekor/proof", policy=ruled(rekor={"proof": "offline"}),
        good=SIGNED, bad=promised, reason=Reason.LOG_PROOF_MISSING,
    )  # fmt: skip
    here, there, nowhere = (
        Asked(signatures=(by_key(reference=reference),))
        for reference in ("gate.example/team/app", "gate.example/x", "")
    )
    for bad in (there, nowhere):
        yield Row(
            field="rule/signed_reference", policy=ruled(signed_reference="repository"),
            good=here, bad=bad, reason=Reason.REFERENCE_MISMATCH,
        )  # fmt: skip
    old, timeless = (Asked(signatures=(by_key(signed_at=times),)) for times in ((NOW - timedelta(days=2),), ()))
    for bad in (old, timeless):
        stale = Reason.SIGNATURE_TOO_OLD
        yield Row(field="rule/max_age", policy=ruled(max_age="2d"), good=SIGNED, bad=bad, reason=stale)
        since = ruled(min_signed_at="2026-11-22T12:00:00Z")
        yield Row(field="rule/min_signed_at", policy=since, good=SIGNED, bad=bad, reason=stale)
    unsigned, signed = (Asked(signatures=own, index=(by_key(),)) for own in ((), (by_key(),)))
    yield Row(field="rule/index", policy=ruled(index="each"), good=signed, bad=unsigned, reason=Reason.CHILD_NOT_SIGNED)


def attested(number: int = 0, kind: str = SLSA, **verdicts: Any) -> VerifiedAttestation:
    """An attestation by the release key; `verdicts` are what came of each condition, "" for the schema alone."""
    fact = by_key(number=number, stated=Stated(predicate_type=kind, payload=b"{}"))
    tests = {
        PredicateTest(conditions=(f"predicate.{name}",)): PredicateVerdict(reason=reason, text=name)
        for name, reason in verdicts.items()
    }
    return VerifiedAttestation(fact=fact, verdicts=tests)


def attestation_rows() -> Iterator[Row]:
    plain = ruled(signature_type="attestation", predicate_type="slsaprovenance1")
    good = Asked(attestations=(attested(),))
    other = Reason.PREDICATE_TYPE_MISMATCH
    yield Row(
        field="rule/predicate_type",
        policy=plain,
        good=good,
        bad=Asked(attestations=(attested(kind="x:y"),)),
        reason=other,
    )
    for conditions in ("predicate.a", ["predicate.a"]):
        yield Row(
            field="rule/condition", policy=ruled(**plain["rules"][0] | {"condition": conditions}),
            good=Asked(attestations=(attested(a=None),)),
            bad=Asked(attestations=(attested(a=Reason.CONDITION_FALSE),)), reason=Reason.CONDITION_FALSE,
        )  # fmt: skip
    test = PredicateTest(schema='{"type":"object"}')
    passed, failed = (
        replace(attested(), verdicts={test: PredicateVerdict(reason=reason)})
        for reason in (None, Reason.PREDICATE_REJECTED)
    )
    yield Row(
        field="rule/predicate_schema", policy=ruled(**plain["rules"][0] | {"predicate_schema": {"type": "object"}}),
        good=Asked(attestations=(passed,)), bad=Asked(attestations=(failed,)), reason=Reason.PREDICATE_REJECTED,
    )  # fmt: skip


def requirement_rows() -> Iterator[Row]:
    stranger = Asked(signatures=(keyless("https://github.example/evil/app/release.yml@refs/heads/main"),))
    untrusted = Asked(signatures=(keyless(issuer="https://issuer.evil.example"),))
    whose, issued = Reason.IDENTITY_MISMATCH, Reason.ISSUER_MISMATCH
    identity = {"certificate_identity": None, "certificate_identity_regexp": "https://github\\.example/org/.*"}
    issuer = {"certificate_oidc_issuer": None, "certificate_oidc_issuer_regexp": "https://token\\.[a-z]+\\.example"}
    for name, asks, bad, reason in (
        ("type", keyless_policy(), SIGNED, Reason.KEY_NOT_TRUSTED),
        ("certificate_identity", keyless_policy(), stranger, whose),
        ("certificate_identity_regexp", keyless_policy(**identity), stranger, whose),
        ("certificate_oidc_issuer", keyless_policy(), untrusted, issued),
        ("certificate_oidc_issuer_regexp", keyless_policy(**issuer), untrusted, issued),
        ("trusted_root", keyless_policy(), Asked(signatures=(keyless(root="acme"),)), whose),
    ):
        yield Row(field=f"requirement/{name}", policy=asks, good=BY_WORKFLOW, bad=bad, reason=reason)
    for name, value in {"not_before": "2026-11-22T12:00:01Z", "not_after": "2026-11-22T11:59:59Z"}.items():
        window = {"not_before": "2026-11-22T00:00:00Z", "not_after": "2026-11-23T00:00:00Z", name: value}
        early, late = (by_key(signed_at=(NOW - timedelta(days=1, seconds=offset),)) for offset in (2, -2))
        good, bad = (late, early) if name == "not_before" else (early, late)
        yield Row(
            field=f"requirement/{name}", policy=required(type="key", public_key="release.pub", **window),
            good=Asked(signatures=(good,)), bad=Asked(signatures=(bad,)), reason=Reason.KEY_OUTSIDE_VALIDITY,
        )  # fmt: skip
    everything = dict.fromkeys(CLAIMS, "as asked/for")
    mismatch = Reason.CLAIM_MISMATCH
    for name in ("", *(f"/{claim}" for claim in CLAIMS)):
        claim = name.removeprefix("/") or "build_trigger"
        without = {other: value for other, value in everything.items() if other != claim}
        for wanted in ("as asked/for", "as*/f?r"):
            for lacking in ({}, {claim: "as asked/forx"}, {claim: ""}):
                yield Row(
                    field=f"requirement/claims{name}", policy=keyless_policy(claims=dict.fromkeys(CLAIMS, wanted)),
                    good=Asked(signatures=(keyless(claims=everything),)),
                    bad=Asked(signatures=(keyless(claims=without | lacking),)), reason=mismatch,
                )  # fmt: skip


ROWS = list(rows())


def ask(document: Mapping[str, Any], asked: Asked) -> Decision:
    loaded = load([("p.yaml", json.dumps(document).encode())], SOURCES)
    assert loaded.errors == ()
    resolved = loaded.policy_set(Unmatched.DENY).resolve(asked.repository, asked.operation, asked.tag)
    subject = Subject(digest=asked.digest, kinds=asked.kinds)
    evidence = Evidence(subject=asked.digest, signatures=asked.signatures, attestations=asked.attestations)
    decision = decide(resolved, subject, evidence, asked.now)
    if asked.index is not None:
        about = Evidence(subject=INDEX, signatures=asked.index)
        index = decide(resolved, Subject(digest=INDEX, kinds=asked.kinds), about, asked.now)
        return cover(decision, [index], resolved, asked.now)
    return decision


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.field} {row.note}".strip())
def test_a21_what_lacks_one_thing_only_is_denied_for_it(row: Row) -> None:
    good, bad = ask(row.policy, row.good), ask(row.policy, row.bad)
    assert good.outcome is Outcome.ADMIT
    assert bad.outcome is Outcome.DENY
    assert bad.finding is not None
    assert bad.finding.reason is row.reason


def fields(properties: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, part in properties.items():
        yield f"{prefix}/{name}"
        below = part.get("items", part)
        yield from fields(below.get("properties", {}), f"{prefix}/{name}")


def test_a21_every_field_of_the_schema_has_a_row() -> None:
    root = schema.schema("policy")
    every = {
        *fields(root["properties"], ""),
        *(name for part, found in root["$defs"].items() for name in fields(found["properties"], part)),
    }
    assert every == {row.field for row in ROWS} | ASKS_NOTHING
