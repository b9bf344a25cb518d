"""Attestations, told apart from signatures by what was signed."""

from dataclasses import replace
from typing import Any

import pytest

from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Bundle, RejectedCandidate, Stated, VerifiedSignature
from sealgate.limits import ATTESTATION_BYTES, BUNDLE_BYTES
from sealgate.testing.sigstore import PrivateSigstore, SigningKey
from sealgate.testing.sigstore.encoding import compact_json

SLSA = "https://slsa.dev/provenance/v1"


def bundle(judge: Any, world: PrivateSigstore, key: SigningKey, **options: Any) -> Bundle:
    raw = compact_json(world.bundle(judge.subject, key, **options))
    return Bundle(source=judge.source, subject=judge.subject, raw=raw, attested=True)


def verified(judge: Any, candidate: Bundle, *keys: SigningKey) -> Any:
    return judge.verifier.verify(candidate, judge.public(*keys), judge.now)


def test_what_is_stated_comes_with_the_fact(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    made = verified(judge, bundle(judge, private_sigstore, key, predicate_type=SLSA, predicate={"a": 1}), key)
    assert isinstance(made, VerifiedSignature)
    assert isinstance(made.stated, Stated)
    assert made.stated.predicate_type == SLSA
    assert b'"a":1' in made.stated.payload


def test_cosigns_own_statement_is_a_signature(judge: Any, private_sigstore: PrivateSigstore, key: SigningKey) -> None:
    made = verified(judge, bundle(judge, private_sigstore, key), key)
    assert isinstance(made, VerifiedSignature)
    assert made.stated is None


def test_a11_a_rejected_one_says_what_it_claims_to_be(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey
) -> None:
    for options, attested in (({"predicate_type": SLSA}, True), ({}, False)):
        bad = verified(judge, bundle(judge, private_sigstore, key, **options), SigningKey.generate())
        assert isinstance(bad, RejectedCandidate)
        assert (bad.reason, bad.attested) == (Reason.KEY_NOT_TRUSTED, attested)
    world = private_sigstore
    for made in (
        world.message_bundle(b"another file", key),
        world.bundle_of(b"no statement", key),
    ):
        candidate = Bundle(source=judge.source, subject=judge.subject, raw=compact_json(made), attested=True)
        bad = verified(judge, candidate, key)
        assert isinstance(bad, RejectedCandidate)
        assert not bad.attested


@pytest.mark.parametrize(("attested", "most"), [(True, ATTESTATION_BYTES), (False, BUNDLE_BYTES)])
def test_it_may_be_large_where_it_is_asked_for(
    judge: Any, private_sigstore: PrivateSigstore, key: SigningKey, attested: bool, most: int
) -> None:
    good = replace(bundle(judge, private_sigstore, key), attested=attested)
    assert isinstance(verified(judge, replace(good, raw=good.raw.ljust(most)), key), VerifiedSignature)
    assert isinstance(verified(judge, replace(good, raw=good.raw.ljust(most + 1)), key), RejectedCandidate)
