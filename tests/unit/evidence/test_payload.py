"""What a signature was made over, read strictly: simple signing, DSSE envelopes, in-toto statements."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import PayloadMalformed
from sealgate.evidence.payload import (
    COSIGN_SIGNATURE_PREDICATE,
    Envelope,
    SimpleSigningPayload,
    Statement,
    base64_of,
    parse_envelope,
    parse_simple_signing,
    parse_statement,
)
from sealgate.oci.digest import Digest

DIGEST = Digest.of(b"an image")
OTHER = Digest.of(b"another image")
JUNK = [None, 7, "x", [], True, {}]


def without(document: dict[str, Any], *place: str) -> dict[str, Any]:
    """The document without what stands at this place."""
    *outer, last = place
    inner = document
    for key in outer:
        inner = inner[key]
    del inner[last]
    return document


def payload(**more: Any) -> dict[str, Any]:
    return {
        "critical": {
            "identity": {"docker-reference": "registry.example/team/app"},
            "image": {"docker-manifest-digest": str(DIGEST)},
            "type": "cosign container image signature",
            **more,
        },
        "optional": None,
    }


class TestSimpleSigning:
    """cosign's older payload."""

    def read(self, document: Any) -> SimpleSigningPayload:
        return parse_simple_signing(json.dumps(document).encode())

    def test_it_names_a_digest_and_a_reference(self) -> None:
        assert self.read(payload()) == SimpleSigningPayload(DIGEST, "registry.example/team/app")

    @pytest.mark.parametrize("kind", ["cosign container image signature", "atomic container signature"])
    def test_its_two_types(self, kind: str) -> None:
        assert self.read(payload(type=kind)).digest == DIGEST

    @pytest.mark.parametrize("optional", [None, {}, {"creator": "cosign", "timestamp": 1}])
    def test_what_is_optional_is_not_looked_at(self, optional: Any) -> None:
        assert self.read({**payload(), "optional": optional, "more": 1}).digest == DIGEST

    @pytest.mark.parametrize("kind", ["", "Cosign container image signature", "attestation", None, 7, []])
    def test_another_type_is_refused(self, kind: Any) -> None:
        with pytest.raises(PayloadMalformed, match="type"):
            self.read(payload(type=kind))

    @pytest.mark.parametrize(
        "place",
        [
            ["critical"],
            ["critical", "type"],
            ["critical", "image"],
            ["critical", "image", "docker-manifest-digest"],
            ["critical", "identity"],
        ],
        ids=".".join,
    )
    def test_a_part_that_is_missing_is_refused(self, place: list[str]) -> None:
        with pytest.raises(PayloadMalformed):
            self.read(without(payload(), *place))

    @pytest.mark.parametrize("junk", JUNK)
    def test_a_part_of_another_kind_is_refused(self, junk: Any) -> None:
        for document in (junk, {**payload(), "critical": junk}, payload(image=junk), payload(image={}) | {"a": junk}):
            with pytest.raises(PayloadMalformed):
                self.read(document)
        if junk != {}:
            with pytest.raises(PayloadMalformed):
                self.read(payload(identity=junk))
        if junk != "x":
            with pytest.raises(PayloadMalformed):
                self.read(payload(identity={"docker-reference": junk}))

    def test_a_reference_may_be_absent(self) -> None:
        assert self.read(payload(identity={})).docker_reference == ""

    @pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "A" * 64, "latest", str(DIGEST) + " ", 7, None])
    def test_b14_what_is_no_digest_is_refused(self, digest: Any) -> None:
        with pytest.raises(PayloadMalformed):
            self.read(payload(image={"docker-manifest-digest": digest}))

    @pytest.mark.parametrize(
        "image",
        [
            f'{{"docker-manifest-digest":"{DIGEST}","docker-manifest-digest":"{OTHER}"}}',
            f'{{"Docker-manifest-digest":"{DIGEST}","docker-manifest-digest":"{OTHER}"}}',
            f'{{"docker-manifest-digest":"{DIGEST}","Docker-Manifest-Digest":"{OTHER}"}}',
            f'{{"Docker-Manifest-Digest":"{DIGEST}"}}',
            f'{{"docker-manifest-digest":"{DIGEST}","doc\N{KELVIN SIGN}er-manifest-digest":"{OTHER}"}}',
        ],
    )
    def test_a33_a_digest_that_readers_read_differently_is_refused(self, image: str) -> None:
        raw = json.dumps(payload(image={})).replace('"image": {}', f'"image": {image}')
        with pytest.raises(PayloadMalformed):
            parse_simple_signing(raw.encode())

    @pytest.mark.parametrize("field", ["Critical", "CRITICAL"])
    def test_a33_a_look_alike_of_the_critical_part_is_refused(self, field: str) -> None:
        with pytest.raises(PayloadMalformed):
            self.read({**payload(), field: {}})

    @pytest.mark.parametrize(
        "raw", [b"", b"null", b"\xff", b"\xef\xbb\xbf{}", b"{}{}", b'{"critical": NaN}', b"[" * 99]
    )
    def test_1c_what_is_no_json_is_refused(self, raw: bytes) -> None:
        with pytest.raises(PayloadMalformed):
            parse_simple_signing(raw)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def envelope(**more: Any) -> dict[str, Any]:
    return {
        "payload": b64(b"{}"),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": b64(b"signature"), "keyid": ""}],
        **more,
    }


class TestEnvelope:
    """DSSE envelopes."""

    def test_it_holds_a_payload_and_a_signature(self) -> None:
        assert parse_envelope(envelope()) == Envelope("application/vnd.in-toto+json", b"{}", b"signature")

    def test_signed_are_type_and_payload_with_their_lengths(self) -> None:
        assert Envelope("http://example.com/HelloWorld", b"hello world", b"").signed_bytes == (
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"  # the example of DSSE's protocol.md
        )
        assert Envelope("\N{GREEK SMALL LETTER ALPHA}", b"", b"").signed_bytes == b"DSSEv1 2 \xce\xb1 0 "

    @given(st.text(max_size=4), st.binary(max_size=4), st.text(max_size=4), st.binary(max_size=4))
    def test_two_envelopes_that_differ_sign_different_bytes(
        self, one: str, first: bytes, other: str, second: bytes
    ) -> None:
        if (one, first) != (other, second) and (one + other).isprintable():
            assert Envelope(one, first, b"").signed_bytes != Envelope(other, second, b"").signed_bytes

    @pytest.mark.parametrize(
        "signatures",
        [
            [],
            [{"sig": b64(b"good")}, {"sig": b64(b"evil")}],
            [{"sig": b64(b"evil")}, {"sig": b64(b"good")}],
            [{"sig": b64(b"good")}] * 2,
            None,
            {},
            {"sig": b64(b"good")},
            "x",
        ],
        ids=str,
    )
    def test_a13_anything_but_one_signature_is_refused(self, signatures: Any) -> None:
        with pytest.raises(PayloadMalformed, match="exactly one signature"):
            parse_envelope(envelope(signatures=signatures))

    @pytest.mark.parametrize("signature", [None, "x", [], {}, {"sig": ""}, {"sig": 7}, {"sig": "!"}, {"Sig": "eA=="}])
    def test_a_signature_that_is_none_is_refused(self, signature: Any) -> None:
        with pytest.raises(PayloadMalformed):
            parse_envelope(envelope(signatures=[signature]))

    @pytest.mark.parametrize("change", [{"payload": ""}, {"payload": "!"}, {"payload": 7}, {"payloadType": 7}], ids=str)
    def test_a_part_of_another_kind_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(PayloadMalformed):
            parse_envelope(envelope(**change))

    @pytest.mark.parametrize("more", [{"Payload": "eA=="}, {"payloadtype": "x"}, {"SIGNATURES": []}], ids=str)
    def test_a33_a_look_alike_of_a_field_is_refused(self, more: dict[str, Any]) -> None:
        with pytest.raises(PayloadMalformed, match="some readers take for"):
            parse_envelope(envelope(**more))

    @pytest.mark.parametrize("junk", [None, 7, "x", [], True])
    def test_what_is_no_object_is_refused(self, junk: Any) -> None:
        with pytest.raises(PayloadMalformed, match="the envelope is not an object"):
            parse_envelope(junk)


def statement(**more: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": DIGEST.hex}}],
        "predicateType": COSIGN_SIGNATURE_PREDICATE,
        "predicate": {},
        **more,
    }


class TestStatement:
    """in-toto statements."""

    def read(self, document: Any) -> Statement:
        return parse_statement(json.dumps(document).encode())

    def test_it_is_about_digests_and_says_something(self) -> None:
        assert self.read(statement()) == Statement((DIGEST,), COSIGN_SIGNATURE_PREDICATE, {})

    @pytest.mark.parametrize("version", ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"])
    def test_its_two_versions(self, version: str) -> None:
        assert self.read(statement(_type=version)).subjects == (DIGEST,)

    def test_a12_ours_may_be_the_second_subject(self) -> None:
        subjects = [{"name": "other", "digest": {"sha256": OTHER.hex}}, {"digest": {"sha256": DIGEST.hex}}]
        assert self.read(statement(subject=subjects)).subjects == (OTHER, DIGEST)

    def test_a_subject_may_have_digests_of_two_algorithms_and_of_others(self) -> None:
        long = Digest.of(b"an image", "sha512")
        digests = {"sha256": DIGEST.hex, "sha512": long.hex, "gitCommit": "a" * 40}
        assert self.read(statement(subject=[{"digest": digests}])).subjects == (DIGEST, long)

    def test_a12_a_subject_of_sha512_only_is_about_no_sha256(self) -> None:
        long = Digest.of(b"an image", "sha512")
        assert self.read(statement(subject=[{"digest": {"sha512": long.hex}}])).subjects == (long,)

    @pytest.mark.parametrize("subject", [[], [{"digest": {}}], [{"digest": {"sha1": "a" * 40}}]], ids=str)
    def test_a12_a_statement_about_nothing_is_refused(self, subject: Any) -> None:
        with pytest.raises(PayloadMalformed, match="about no digest"):
            self.read(statement(subject=subject))

    @pytest.mark.parametrize("subject", [None, {}, "x", 7, {"digest": {"sha256": DIGEST.hex}}], ids=str)
    def test_a12_subjects_that_are_no_list_are_refused(self, subject: Any) -> None:
        with pytest.raises(PayloadMalformed, match="subject is not a list"):
            self.read(statement(subject=subject))

    @pytest.mark.parametrize(
        "entry",
        [
            None,
            "x",
            {},
            {"digest": None},
            {"digest": str(DIGEST)},
            {"digest": {"sha256": str(DIGEST)}},
            {"digest": {"sha256": DIGEST.hex.upper()}},
            {"digest": {"sha256": DIGEST.hex[:-1]}},
            {"digest": {"sha256": 7}},
            {"digest": {"sha256": None}},
            {"digest": {"sha512": DIGEST.hex}},
            {"digest": {"SHA256": DIGEST.hex}},
            {"Digest": {"sha256": DIGEST.hex}},
        ],
        ids=str,
    )
    def test_a12_a_subject_that_is_none_is_refused_beside_a_good_one_too(self, entry: Any) -> None:
        with pytest.raises(PayloadMalformed):
            self.read(statement(subject=[entry, {"digest": {"sha256": DIGEST.hex}}]))

    @pytest.mark.parametrize(
        "kind", ["", "https://in-toto.io/Statement/v2", "https://in-toto.io/statement/v1", None, 1]
    )
    def test_another_type_is_refused(self, kind: Any) -> None:
        with pytest.raises(PayloadMalformed, match="_type"):
            self.read(statement(_type=kind))

    @pytest.mark.parametrize("kind", [None, 7, []])
    def test_a_predicate_type_that_is_no_text_is_refused(self, kind: Any) -> None:
        with pytest.raises(PayloadMalformed, match="predicateType is not a string"):
            self.read(statement(predicateType=kind))

    @pytest.mark.parametrize("field", ["predicateType", "predicate"])
    def test_what_it_says_may_be_absent(self, field: str) -> None:
        read = self.read(without(statement(), field))
        assert (read.predicate_type == "") is (field == "predicateType")
        assert (read.predicate is None) is (field == "predicate")

    @pytest.mark.parametrize("more", [{"Subject": []}, {"predicatetype": "x"}, {"_TYPE": "x"}], ids=str)
    def test_a33_a_look_alike_of_a_field_is_refused(self, more: dict[str, Any]) -> None:
        with pytest.raises(PayloadMalformed, match="some readers take for"):
            self.read({key: one for key, one in statement().items() if key.lower() not in map(str.lower, more)} | more)

    @pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"\xff", b'{"subject":[],"subject":[]}', b"{" * 99])
    def test_1c_what_is_no_json_object_is_refused(self, raw: bytes) -> None:
        with pytest.raises(PayloadMalformed):
            parse_statement(raw)


@given(st.binary(min_size=1, max_size=40))
def test_base64_there_and_back(content: bytes) -> None:
    assert base64_of(b64(content), "it") == content


@pytest.mark.parametrize(
    "text", ["!", "eA", "eA=", "eA==\n", " eA==", "e A==", "-_-_", "eA==eA==", "\N{KELVIN SIGN}A=="]
)
def test_base64_with_junk_in_it_is_refused(text: str) -> None:
    with pytest.raises(PayloadMalformed, match="it is not base64"):
        base64_of(text, "it")


def test_base64_of_nothing_is_refused() -> None:
    with pytest.raises(PayloadMalformed, match="it is empty"):
        base64_of("", "it")
