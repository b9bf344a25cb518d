"""What decisions are kept under changes with everything that can change a decision (attacks F14).

A field that is new needs a line here, and a place in the digest.
"""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from sealgate.evidence.keys import PublicKey
from sealgate.evidence.predicate import PredicateTest
from sealgate.evidence.signature import LogProof
from sealgate.oci.digest import Digest
from sealgate.policy.matchers import Exact
from sealgate.policy.model import (
    Denied,
    Exemption,
    KeylessRequirement,
    KeyRequirement,
    Mode,
    OnUnsignedPush,
    Operation,
    Policy,
    PolicySet,
    Rule,
    SignatureType,
    Unmatched,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = (PublicKey(fingerprint=name, spki=name.encode(), algorithm="ed25519") for name in "12")


class Everything:
    text = "**"

    def capture(self, name):
        return {}


KEY = KeyRequirement(name="k", key=ONE)
KEYLESS = KeylessRequirement(identity=Exact("a"), issuer=Exact("i"))
RULE = Rule(name="r", alternatives=(KEY, KEYLESS))
EXEMPTION = Exemption(digest=Digest.of(b"1"), reason="r", expires=NOW)
POLICY = Policy(name="p", repositories=(Everything(),), rules=(RULE,), exemptions=(EXEMPTION,))

# What covers is told by which policies there are in the resolved set.
COVERS = {"repositories", "exclude_repositories", "operations", "tags"}
CHANGES = {
    Policy: {
        "name": "q", "description": "d", "fix": "f", "mode": Mode.WARN, "allow_unsigned": True, "rules": (),
        "exemptions": (), "denied": Denied(digests=frozenset({Digest.of(b"2")})),
        "on_unsigned_push": OnUnsignedPush.HOLD, "immutable_tags": (Exact("1"),),
        "signature_repository": Exact("signatures/app"),
    },
    Rule: {
        "name": "s", "signature_type": SignatureType.ATTESTATION, "required": False,
        "artifact_types": frozenset({"oci"}), "alternatives": (KEY,), "threshold": 2, "log": LogProof.PROMISE,
        "fetches_proof": True, "references": frozenset({"a"}), "max_age": timedelta(1), "min_signed_at": NOW,
        "covers_children": False, "allow_unsigned": True, "fix": "f", "predicate_type": "https://t.example",
        "predicate": PredicateTest(schema="{}"),
    },
    KeyRequirement: {"name": "l", "key": TWO, "sign_with": "s", "not_before": NOW, "not_after": NOW},
    KeylessRequirement: {
        "identity": Exact("b"), "issuer": Exact("j"), "trusted_root": "acme", "claims": {"c": Exact("v")},
    },
    Exemption: {
        "digest": Digest.of(b"2"), "reason": "s", "expires": NOW + timedelta(1), "approved_by": "ann",
    },
    PredicateTest: {"schema": "{}", "conditions": ("true",)},
    Denied: {"digests": frozenset({Digest.of(b"3")}), "identities": (Exact("x"),), "keys": (KEY,)},
}  # fmt: skip


def policy(kind, name):
    """The policy with this field of one of its parts changed."""
    change = {name: CHANGES[kind][name]}
    match kind.__name__:
        case "Policy":
            return replace(POLICY, **change)
        case "Rule":
            return replace(POLICY, rules=(replace(RULE, **change),))
        case "Exemption":
            return replace(POLICY, exemptions=(replace(EXEMPTION, **change),))
        case "PredicateTest":
            return replace(POLICY, rules=(replace(RULE, predicate=PredicateTest(**change)),))
        case "Denied":
            return replace(POLICY, denied=Denied(**change))
    changed = tuple(replace(one, **change) if isinstance(one, kind) else one for one in RULE.alternatives)
    return replace(POLICY, rules=(replace(RULE, alternatives=changed),))


def digests(one, unmatched=Unmatched.DENY):
    made = PolicySet(policies=(one,), unmatched=unmatched)
    return made.resolve("a", Operation.PULL).digest, made.digest


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, each.name) for kind in CHANGES for each in fields(kind) if each.name not in COVERS]
)
def test_f14_every_field_changes_the_digest(kind, name):
    assert not set(digests(policy(kind, name))) & set(digests(POLICY))


def test_f14_what_becomes_of_uncovered_repositories_changes_it():
    assert not set(digests(POLICY, Unmatched.WARN)) & set(digests(POLICY))
