"""Whose log entry it is, over every kind of entry: content, signature and verifier, each swapped alone (attacks A1)."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sealgate.adapters.signatures import log_body
from sealgate.adapters.signatures.opened import Content, SignedDigest, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.errors import Malformed
from sealgate.evidence.payload import Envelope, parse_envelope
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import PrivateSigstore, SigningKey, dsse, log_entries
from sealgate.testing.sigstore.encoding import JsonObject, b64, canonical_json, certificate_der, certificate_pem
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.signing import CertifiedKey, Signer

WORLD = PrivateSigstore(now=SIGNING_TIME)
KEY = SigningKey.generate()
KEYLESS = WORLD.keyless(identity="dev@example.com", issuer="https://accounts.example.com")
MESSAGE = b'{"critical": "something"}'


@dataclass(frozen=True)
class Case:
    """An entry's body, and what it must be that of."""

    body: JsonObject
    content: Content
    signature: bytes
    verifier: bytes

    def check(self) -> None:
        log_body.check(canonical_json(self.body), self.content, self.signature, self.verifier)

    def refused(self, told: str) -> None:
        with pytest.raises(Rejected, match=told) as bad:
            self.check()
        assert bad.value.reason is Reason.LOG_ENTRY_MISMATCH


def der_of(signer: Signer) -> bytes:
    return certificate_der(signer.certificate) if isinstance(signer, CertifiedKey) else signer.key.spki


def message_case(kind: str, signer: Signer, content: Content) -> Case:
    signature = signer.key.sign(MESSAGE)
    made = {
        "hashedrekord 0.0.1": lambda: log_entries.hashedrekord(MESSAGE, signature, signer.verifier),
        "rekord 0.0.1": lambda: log_entries.rekord_of(log_entries.hashedrekord(MESSAGE, signature, signer.verifier)),
        "hashedrekord 0.0.2": lambda: log_entries.hashedrekord_v002(MESSAGE, signature, signer),
    }[kind]()
    return Case(made, content, signature, der_of(signer))


def envelope_case(kind: str, signer: Signer) -> Case:
    payload = b'{"_type": "a statement"}'
    envelope = dsse.envelope(payload, signer.key)
    signature = dsse.signature(envelope)
    made = {
        "dsse 0.0.1": lambda: log_entries.dsse(envelope, payload, signer.verifier),
        "intoto 0.0.1": lambda: log_entries.intoto_v001(envelope, payload, signer.verifier),
        "intoto 0.0.2": lambda: log_entries.intoto_v002(envelope, payload, signer.verifier),
        "hashedrekord 0.0.2": lambda: log_entries.hashedrekord_v002(dsse.signed_bytes(envelope), signature, signer),
    }[kind]()
    return Case(made, parse_envelope(envelope), signature, der_of(signer))


def cases() -> Iterator[Any]:
    for who, signer in (("key", KEY), ("keyless", KEYLESS)):
        for kind in ("hashedrekord 0.0.1", "rekord 0.0.1", "hashedrekord 0.0.2"):
            yield pytest.param(message_case(kind, signer, SignedPayload(MESSAGE)), id=f"{kind}-payload-{who}")
            digest = SignedDigest(Digest.of(MESSAGE))
            yield pytest.param(message_case(kind, signer, digest), id=f"{kind}-digest-{who}")
        for kind in ("dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.2", "hashedrekord 0.0.2"):
            yield pytest.param(envelope_case(kind, signer), id=f"{kind}-envelope-{who}")


CASES = list(cases())
every_kind = pytest.mark.parametrize("case", CASES)


@every_kind
def test_an_entry_is_that_of_its_signature(case: Case) -> None:
    case.check()


@every_kind
def test_a1_an_entry_of_other_content_is_refused(case: Case) -> None:
    other: Content
    match case.content:
        case SignedPayload():
            other = SignedPayload(b"another payload")
        case SignedDigest():
            other = SignedDigest(Digest.of(b"another file"))
        case Envelope() as envelope:
            other = replace(envelope, payload=b"another payload")
    replace(case, content=other).refused("other content")


@every_kind
def test_a1_an_entry_of_another_signature_is_refused(case: Case) -> None:
    """Also where the same key made it, over the same content."""
    message = case.content.signed_bytes if isinstance(case.content, Envelope) else MESSAGE
    replace(case, signature=KEY.sign(message)).refused("another signature")


@every_kind
def test_a1_an_entry_of_another_key_or_certificate_is_refused(case: Case) -> None:
    replace(case, verifier=SigningKey.generate().spki).refused("another key or certificate")
    again = WORLD.keyless(identity="dev@example.com", issuer="https://accounts.example.com")
    replace(case, verifier=certificate_der(again.certificate)).refused("another key or certificate")


def test_a1_a_certificate_is_not_the_key_in_it() -> None:
    for case in (envelope_case("dsse 0.0.1", KEYLESS), envelope_case("hashedrekord 0.0.2", KEYLESS)):
        replace(case, verifier=KEYLESS.key.spki).refused("another key or certificate")


@every_kind
def test_a14_an_entry_is_of_the_kind_that_its_signed_body_says(case: Case) -> None:
    for kind, version in (("hashedrekord", "0.0.3"), ("dsse", "0.0.2"), ("cose", "0.0.1"), ("", ""), ("Dsse", "0.0.1")):
        replace(case, body={**case.body, "kind": kind, "apiVersion": version}).refused("kind")
    replace(case, body={"spec": case.body["spec"]}).refused("kind")


def test_a_kind_is_for_one_form_of_signature() -> None:
    """What is signed of an envelope is not its payload: an entry of the other form says nothing about it."""
    for kind in ("dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.2"):
        replace(envelope_case(kind, KEY), content=SignedPayload(MESSAGE)).refused("of this form")
    for kind in ("hashedrekord 0.0.1", "rekord 0.0.1"):
        replace(message_case(kind, KEY, SignedPayload(MESSAGE)), content=Envelope("t", MESSAGE, b"x")).refused(
            "of this form"
        )


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "sha1", "md5", "SHA256", ""])
def test_content_is_named_by_a_hash_that_nobody_can_forge(algorithm: str) -> None:
    known = algorithm in {"sha256", "sha384", "sha512"}
    name = algorithm.lower() or "sha256"
    v1 = message_case("hashedrekord 0.0.1", KEY, SignedPayload(MESSAGE))
    v1.body["spec"]["data"]["hash"] = {"algorithm": algorithm, "value": hashlib.new(name, MESSAGE).hexdigest()}
    v2 = message_case("hashedrekord 0.0.2", KEY, SignedPayload(MESSAGE))
    stated = f"SHA2_{algorithm[3:]}" if known else algorithm
    v2.body["spec"]["hashedRekordV002"]["data"] = {
        "algorithm": stated,
        "digest": b64(hashlib.new(name, MESSAGE).digest()),
    }
    for case in (v1, v2):
        if known:
            case.check()
            told = hashlib.new(name, MESSAGE).hexdigest()
            digest = Digest(name, told)
            same = replace(case, content=SignedDigest(digest))
            same.check()
            replace(same, content=SignedDigest(Digest("sha512" if name == "sha256" else "sha256", told))).refused(
                "other"
            )
        else:
            case.refused("other content")


@pytest.mark.parametrize("kind", ["dsse 0.0.1", "intoto 0.0.2"])
def test_a13_an_entry_has_exactly_one_signature(kind: str) -> None:
    mine, other = envelope_case(kind, KEY), envelope_case(kind, SigningKey.generate())

    def signatures(case: Case) -> list[Any]:
        spec = case.body["spec"]
        found: list[Any] = (spec["content"]["envelope"] if kind == "intoto 0.0.2" else spec)["signatures"]
        return found

    own, foreign = signatures(mine)[0], signatures(other)[0]
    for several in ([own, foreign], [foreign, own], [own, own], []):
        signatures(mine)[:] = several
        mine.refused("exactly one signature")


def test_an_entry_of_rekor_v2_names_one_verifier() -> None:
    case = message_case("hashedrekord 0.0.2", KEY, SignedPayload(MESSAGE))
    named = case.body["spec"]["hashedRekordV002"]["signature"]["verifier"]
    named["x509Certificate"] = {"rawBytes": b64(certificate_der(KEYLESS.certificate))}
    case.refused("another key or certificate")
    del named["x509Certificate"], named["publicKey"]
    case.refused("another key or certificate")


def test_an_envelope_of_intoto_v1_is_known_by_its_hash_as_writers_write_it() -> None:
    """It names no signature; so without that hash any signature of the key over the payload would pass (attacks A1)."""
    case = envelope_case("intoto 0.0.1", KEY)
    content = case.content
    assert isinstance(content, Envelope)
    payload, signature = b64(content.payload), b64(case.signature)
    by_cosign = (
        f'{{"payloadType":"{content.payload_type}","payload":"{payload}",'
        f'"signatures":[{{"keyid":"","sig":"{signature}"}}]}}'
    )
    stated = case.body["spec"]["content"]["hash"]
    stated["value"] = hashlib.sha256(by_cosign.encode()).hexdigest()
    case.check()
    stated["value"] = hashlib.sha256(by_cosign.encode() + b"\n").hexdigest()
    case.refused("written in an unknown way")
    stated["algorithm"] = "sha1"
    case.refused("written in an unknown way")


@pytest.mark.parametrize(
    "verifier",
    [
        KEY.spki,
        KEY.public_pem + KEY.public_pem,
        certificate_pem(KEYLESS.certificate) + KEY.public_pem,
        KEY.public_pem.replace(b"PUBLIC KEY", b"RSA PUBLIC KEY"),
        b"",
    ],
    ids=["no PEM", "two", "two kinds", "another kind", "none"],
)
def test_a_verifier_is_one_pem_block(verifier: bytes) -> None:
    case = message_case("hashedrekord 0.0.1", KEY, SignedPayload(MESSAGE))
    case.body["spec"]["signature"]["publicKey"]["content"] = b64(verifier)
    with pytest.raises((Rejected, Malformed)):
        case.check()


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw.replace(b'"spec":', b'"spec":{},"spec":'),
        lambda raw: raw.replace(b'"spec":', b'"Spec":{},"spec":'),
        lambda raw: raw.replace(b'"signature":', b'"Signature":{},"signature":', 1),
        lambda raw: raw.replace(b'"content":', b'"CONTENT":"eA==","content":', 1),
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw + b"{}",
        lambda raw: b"[" * 100 + raw,
        lambda raw: b"null",
        lambda raw: b"",
        lambda raw: raw.replace(b"hashedrekord", b"hashed\xffrekord"),
    ],
)
def test_a33_a_body_is_json_with_one_meaning(edit: Callable[[bytes], bytes]) -> None:
    case = message_case("hashedrekord 0.0.1", KEY, SignedPayload(MESSAGE))
    raw = canonical_json(case.body)
    with pytest.raises(Malformed):
        log_body.check(edit(raw), case.content, case.signature, case.verifier)


def test_what_else_a_body_says_changes_nothing() -> None:
    """rekord has extraData, dsse and intoto 0.0.2 have hashes over envelopes that nobody keeps as they were."""
    for made in CASES:
        case = made.values[0]
        case = replace(case, body=copy.deepcopy(case.body))
        case.body["spec"]["extraData"] = {"some": "thing"}
        case.check()


JUNK = [None, 7, True, "", "x", "AAAA", [], {}, [{}], {"content": "AAAA"}]
NOT_LOOKED_AT = {
    ("spec", "envelopeHash"),
    ("spec", "content", "hash"),
    ("spec", "content", "envelope", "payloadType"),
    ("spec", "signature", "format"),
    ("spec", "hashedRekordV002", "signature", "verifier", "keyDetails"),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from places(one, (*at, key))


@every_kind
def test_junk_in_a_body_is_never_that_of_the_signature(case: Case) -> None:
    for place in places(case.body):
        looked_at = not any(place[: len(free)] == free for free in NOT_LOOKED_AT) or case.body["kind"] == "intoto"
        for junk in JUNK:
            body = copy.deepcopy(case.body)
            inner = body
            for key in place[:-1]:
                inner = inner[key]
            if inner[place[-1]] == junk:
                continue
            inner[place[-1]] = junk
            try:
                replace(case, body=body).check()
            except (Rejected, Malformed):
                continue
            free = case.body["apiVersion"] == "0.0.2" and place[:3] == ("spec", "content", "hash")
            free = free or place == ("spec", "content", "envelope", "payloadType")
            assert not looked_at or free, (place, junk)


def test_the_recorded_entry_of_the_public_log_is_that_of_its_signature(corpus: Any) -> None:
    document = json.loads((corpus / "signature.bundle.json").read_bytes())
    envelope = parse_envelope(document["dsseEnvelope"])
    material = document["verificationMaterial"]
    body = base64.b64decode(material["tlogEntries"][0]["canonicalizedBody"])
    certificate = base64.b64decode(material["certificate"]["rawBytes"])
    log_body.check(body, envelope, envelope.signature, certificate)
    with pytest.raises(Rejected):
        log_body.check(body, envelope, envelope.signature, certificate + b"\0")
