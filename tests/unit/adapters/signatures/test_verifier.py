"""The verifier as a whole: total, whatever it is given, and never more than was signed."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealgate.adapters.signatures import engine, proofs, second_opinion, signing_key, subject, verifier
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import (
    Bundle,
    Candidate,
    LogProof,
    RejectedCandidate,
    SimpleSigning,
    Source,
    VerifiedSignature,
)
from sealgate.oci.digest import Digest
from sealgate.ports import SignatureVerifier
from sealgate.testing.sigstore import CertifiedKey, PrivateSigstore, SigningKey
from sealgate.testing.sigstore.encoding import compact_json
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.signing import LOG_ENTRY

# One world for every example: making another for each would be all that these tests do.
WORLD = PrivateSigstore(now=SIGNING_TIME)
NOW = SIGNING_TIME + timedelta(days=1)
MANIFEST = b"a manifest"
SUBJECT = Digest.of(MANIFEST)
SOURCE = Source(Digest.of(b"a carrier"), 3)
KEY = SigningKey.generate()
SIGNER = WORLD.keyless(identity="dev@example.com", issuer="https://accounts.example.com")
KEYS = (PublicKey(fingerprint=KEY.fingerprint, spki=KEY.spki, algorithm=KEY.algorithm),)
VERIFIER: SignatureVerifier = SigstoreVerifier({"default": TrustedRootFile.parse(WORLD.trusted_root_json(), "private")})
BUNDLES = {
    "key": WORLD.bundle(SUBJECT, KEY),
    "keyless": WORLD.bundle(SUBJECT, SIGNER),
    "keyless, timestamped": WORLD.bundle(SUBJECT, SIGNER, timestamped=True),
    "message": WORLD.message_bundle(MANIFEST, KEY),
    "message, keyless, timestamped": WORLD.message_bundle(MANIFEST, SIGNER, timestamped=True),
}
SIMPLE = WORLD.simple_signature(SUBJECT, KEY)
SIMPLE_KEYLESS = WORLD.simple_signature(SUBJECT, SIGNER, timestamped=True)
CANDIDATES: dict[str, Candidate] = {
    **{name: Bundle(source=SOURCE, subject=SUBJECT, raw=compact_json(document)) for name, document in BUNDLES.items()},
    "simple": SimpleSigning(
        source=SOURCE, subject=SUBJECT, payload=SIMPLE.payload, annotations=dict(SIMPLE.annotations)
    ),
    "simple, keyless": SimpleSigning(
        source=SOURCE, subject=SUBJECT, payload=SIMPLE_KEYLESS.payload, annotations=dict(SIMPLE_KEYLESS.annotations)
    ),
}
STRENGTH = [LogProof.NONE, LogProof.PROMISE, LogProof.INCLUSION]
JUNK: list[Any] = [None, "", "x", "AAAA", 0, -1, 2**62, 1.5, True, [], {}, [[]], {"a": None}, "\n" * 99]


def judge(candidate: Candidate) -> VerifiedSignature | RejectedCandidate:
    return VERIFIER.verify(candidate, KEYS, NOW)


GOOD = {name: judge(candidate) for name, candidate in CANDIDATES.items()}


def assert_no_more_than(good: VerifiedSignature | RejectedCandidate, verdict: Any) -> None:
    """Refused, or the same fact; of what the log proves, less at most."""
    assert isinstance(good, VerifiedSignature)
    assert verdict.source == SOURCE
    if isinstance(verdict, RejectedCandidate):
        assert verdict.detail
        assert verdict.detail.isprintable()
        return
    assert verdict.signer == good.signer
    assert STRENGTH.index(verdict.log) <= STRENGTH.index(good.log)
    assert verdict.log_index in (None, good.log_index)
    assert verdict.signed_at in ((), good.signed_at)
    assert verdict.signed_at == good.signed_at or verdict.log is not LogProof.PROMISE


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_good_ones_are_good(name: str) -> None:
    assert isinstance(GOOD[name], VerifiedSignature)


def test_it_says_which_rules_and_libraries_judged() -> None:
    assert VERIFIER.version.startswith("3 sigstore-4.")
    assert "cryptography-" in VERIFIER.version
    assert "rfc3161-client-" in VERIFIER.version


def test_reading_its_modules_loads_no_sigstore() -> None:
    """It takes more than half a second, and commands that verify nothing import them too."""
    program = (
        "import sys; import sealgate.adapters.signatures.verifier; "
        "assert not {'sigstore', 'requests', 'tuf'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_with_anything_dropped_or_replaced_proves_no_more(name: str) -> None:
    for path in list(places(BUNDLES[name])):
        for junk in [..., *JUNK]:
            document = copy.deepcopy(BUNDLES[name])
            if junk is ...:
                del at(document, path[:-1])[path[-1]]
            else:
                at(document, path[:-1])[path[-1]] = junk
            assert_no_more_than(GOOD[name], judge(Bundle(source=SOURCE, subject=SUBJECT, raw=compact_json(document))))


def test_a_simple_signature_with_anything_dropped_or_replaced_proves_no_more() -> None:
    entry = json.loads(SIMPLE.annotations[LOG_ENTRY])
    edits: list[dict[str, str]] = []
    for name in SIMPLE.annotations:
        edits += [{**SIMPLE.annotations, name: junk} for junk in ["", "x", "AAAA", "null", "{}", "\0"]]
        edits.append({key: value for key, value in SIMPLE.annotations.items() if key != name})
    for path in places(entry):
        for junk in JUNK:
            edited = copy.deepcopy(entry)
            at(edited, path[:-1])[path[-1]] = junk
            edits.append({**SIMPLE.annotations, LOG_ENTRY: json.dumps(edited)})
    for annotations in edits:
        candidate = SimpleSigning(source=SOURCE, subject=SUBJECT, payload=SIMPLE.payload, annotations=annotations)
        assert_no_more_than(GOOD["simple"], judge(candidate))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(sorted(BUNDLES)))
def test_a_bundle_with_bytes_changed_proves_no_more(data: st.DataObject, name: str) -> None:
    raw = bytearray(compact_json(BUNDLES[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert_no_more_than(GOOD[name], judge(Bundle(source=SOURCE, subject=SUBJECT, raw=bytes(raw))))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_simple_signature_with_a_byte_changed_is_none(data: st.DataObject) -> None:
    raw = bytearray(SIMPLE.payload)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    candidate = SimpleSigning(source=SOURCE, subject=SUBJECT, payload=bytes(raw), annotations=SIMPLE.annotations)
    assert isinstance(judge(candidate), RejectedCandidate)


@given(raw=st.binary(max_size=200))
def test_junk_is_a_finding(raw: bytes) -> None:
    assert isinstance(judge(Bundle(source=SOURCE, subject=SUBJECT, raw=raw)), RejectedCandidate)
    candidate = SimpleSigning(source=SOURCE, subject=SUBJECT, payload=raw, annotations=SIMPLE.annotations)
    assert isinstance(judge(candidate), RejectedCandidate)


class Panic(BaseException):
    """As the Rust code below `cryptography` panics: no `Exception`."""


@pytest.mark.parametrize("accident", [OSError("\x1b[31m"), TypeError(), RecursionError(), MemoryError(), Panic()])
@pytest.mark.parametrize(
    ("name", "module", "call"),
    [
        ("simple", verifier, "open_simple_signing"),
        ("simple", subject, "parse_simple_signing"),
        ("simple", signing_key, "verifies"),
        ("simple", proofs.transparency_log, "verify"),
        ("simple", proofs.log_body, "check"),
        ("key", verifier, "open_bundle"),
        ("key", subject, "parse_statement"),
        ("key", engine.signing_key, "signer_of"),
        ("key", proofs.transparency_log, "verify"),
        ("key", proofs.log_body, "check"),
        ("message", signing_key, "verifies_digest"),
        ("simple, keyless", proofs.timestamp, "verify"),
        ("simple, keyless", engine, "check_scts"),
        ("keyless", engine.subject, "check"),
        ("keyless", engine.certificate, "load"),
        ("keyless", engine.signing_key, "check"),
        ("keyless", engine.certificate_chain, "route"),
        ("keyless", engine.proofs, "verified"),
        ("keyless", engine.certificate, "check_purpose"),
        ("keyless", engine.certificate, "signer_of"),
        ("keyless", engine, "check_scts"),
        ("keyless", second_opinion.protojson, "bundle_of"),
        ("keyless", second_opinion.Bundle, "from_json"),
        ("keyless", second_opinion.Verifier, "verify_dsse"),
        ("message, keyless, timestamped", second_opinion.Verifier, "verify_artifact"),
        ("message, keyless, timestamped", proofs.timestamp, "decode_timestamp_response"),
    ],
)
def test_a31_whatever_a_step_ends_in_is_no_success(
    monkeypatch: pytest.MonkeyPatch, name: str, module: Any, call: str, accident: BaseException
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise accident

    monkeypatch.setattr(module, call, fail)
    verdict = judge(CANDIDATES[name])
    assert verdict == RejectedCandidate(
        source=SOURCE, reason=Reason.SIGNATURE_INVALID, detail="verifying it ended in an error"
    )


def test_a_stop_of_the_program_is_not_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verifier, "open_bundle", stop)
    with pytest.raises(KeyboardInterrupt):
        judge(CANDIDATES["key"])


def test_a_candidate_is_left_as_it_was(signer: CertifiedKey) -> None:
    before = copy.deepcopy(CANDIDATES)
    for name, candidate in CANDIDATES.items():
        assert judge(candidate) == GOOD[name]
    assert before == CANDIDATES
