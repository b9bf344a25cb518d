"""JSON with one meaning: what two readers could read as two things is refused."""

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import JsonMalformed
from sealgate.limits import JSON_DEPTH
from sealgate.oci import strict_json

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | keys
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3).filter(
            lambda made: len({key.casefold() for key in made}) == len(made)
        )
    ),
    max_leaves=10,
)


def has_infinity(value: Any) -> bool:
    if isinstance(value, float):
        return math.isinf(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(has_infinity(one) for one in inner)


@given(documents, st.booleans())
def test_what_json_writes_is_read(document: Any, ascii_only: bool) -> None:
    raw = json.dumps(document, ensure_ascii=ascii_only).encode()
    if has_infinity(document):
        with pytest.raises(JsonMalformed):
            strict_json.loads(raw)
    else:
        assert strict_json.loads(raw) == document


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0d89eE+-.NaInfity \n', max_size=60).map(str.encode))
def test_whatever_comes_it_is_read_as_python_reads_it_or_refused(raw: bytes) -> None:
    try:
        value = strict_json.loads(raw)
    except JsonMalformed:
        return
    assert value == json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "A": 1}',
        b'{"layers": [], "layers": [1], "Layers": []}',
        b'{"Docker-manifest-digest": 1, "docker-manifest-digest": 2}',
        b'{"a": {"b": [{"c": 1, "C": 2}]}}',
        b'{"a": 1, "\\u0061": 2}',
        '{"signature\N{LATIN SMALL LETTER LONG S}": 1, "signatures": 2}'.encode(),
        '{"\N{KELVIN SIGN}ind": 1, "kind": 2}'.encode(),
    ],
)
def test_a33_two_keys_that_some_reader_takes_for_one_are_refused(raw: bytes) -> None:
    with pytest.raises(JsonMalformed, match="two keys that are equal"):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b'{"a": NaN}',
    ],
)
def test_1c_what_is_no_number_is_refused(raw: bytes) -> None:
    with pytest.raises(JsonMalformed, match="is not JSON"):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"1e999",
        b"-1e999",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"9" * 5000,
        b"-" + b"9" * 5000,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_1c_numbers_that_readers_read_differently_are_refused(raw: bytes) -> None:
    with pytest.raises(JsonMalformed, match="past 64 bits"):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"0", 0),
        (b"-0", 0),
        (b"1.5", 1.5),
        (b"1e3", 1000.0),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        ('"\U0001f600"'.encode(), "\U0001f600"),
        (b' {"a" : [ true , null ] } \n', {"a": [True, None]}),
        (b'"[[[{{{"', "[[[{{{"),
        (b'"\\"[[["', '"[[['),
    ],
)
def test_1c_what_has_one_meaning_is_read(raw: bytes, value: object) -> None:
    assert strict_json.loads(raw, depth=2) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b'{"a"',
        b'"',
        b'"\\',
        b'"\\"',
        b"{}{}",
        b"{} x",
        b"{},",
        b"[1,]",
        b'{"a":1,}',
        b"{'a': 1}",
        b"{a: 1}",
        b"// no\n{}",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"1_000",
        b"True",
        b'"a\nb"',
        b'"\x00"',
        b'"\\x41"',
        b'"\\u12"',
        b"\x00{}",
        b"\x0c{}",
        "\N{NO-BREAK SPACE}{}".encode(),
        "\N{ARABIC-INDIC DIGIT ONE}".encode(),
        b"]",
        b"}" * 100,
        b'{"a": 1]',
    ],
)
def test_1c_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(JsonMalformed):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\\ud800"', "surrogates not allowed"),
        (b'{"\\udfff": 1}', "surrogates not allowed"),
        (b'"\\ude00\\ud83d"', "surrogates not allowed"),
    ],
)
def test_1c_other_encodings_and_half_characters_are_refused(raw: bytes, told: str) -> None:
    with pytest.raises(JsonMalformed, match=told):
        strict_json.loads(raw)


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_1c_depth_is_bounded(start: bytes, end: bytes) -> None:
    strict_json.loads(start * JSON_DEPTH + b"1" + end * JSON_DEPTH)
    with pytest.raises(JsonMalformed, match=f"more than {JSON_DEPTH} levels"):
        strict_json.loads(start * (JSON_DEPTH + 1) + b"1" + end * (JSON_DEPTH + 1))
    with pytest.raises(JsonMalformed, match="more than 3 levels"):
        strict_json.loads(start * 4 + b"1" + end * 4, depth=3)


@pytest.mark.parametrize(
    "raw",
    [b"[" * 100_000, b'{"a":' * 100_000, b'["' * 100_000, b"[" * 100_000 + b'"'],
    ids=["lists", "objects", "strings", "never ends"],
)
def test_1c_100_000_levels_are_refused_and_nothing_recurses(raw: bytes) -> None:
    with pytest.raises(JsonMalformed):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b"\\" * 4_000_000,
        b'"' + b'\\"' * 2_000_000,
        b'"' * 4_000_000,
        b'"' + b"a" * 4_000_000,
        b"[" + b'"\\\\",' * 700_000,
    ],
    ids=["backslashes", "escaped quotes", "quotes", "unended", "many strings"],
)
def test_b16_4_mib_of_anything_is_read_in_linear_time(raw: bytes) -> None:
    before = time.process_time()
    with pytest.raises(JsonMalformed):
        strict_json.loads(raw)
    assert time.process_time() - before < 5


class TestMembers:
    """The fields a reader looks at, and their look-alikes."""

    known = frozenset({"layers", "signatures", "mediaType"})

    def test_other_members_are_allowed(self) -> None:
        document: dict[str, strict_json.Json] = {"layers": [], "more": 1}
        assert strict_json.members(document, self.known, "it") is document

    @pytest.mark.parametrize(
        "key", ["Layers", "LAYERS", "mediatype", "MediaType", "\N{LATIN SMALL LETTER LONG S}ignatures"]
    )
    def test_b7_a_look_alike_of_a_known_one_is_refused_though_it_stands_alone(self, key: str) -> None:
        with pytest.raises(JsonMalformed, match="which some readers take for"):
            strict_json.members({key: []}, self.known, "it")

    @pytest.mark.parametrize("value", [None, [], "x", 1, True])
    def test_what_is_no_object_is_refused(self, value: strict_json.Json) -> None:
        with pytest.raises(JsonMalformed, match="it is not an object"):
            strict_json.members(value, self.known, "it")


class TestText:
    """Strings that may be absent."""

    def test_there_or_not(self) -> None:
        assert strict_json.text_of({"a": "x"}, "a", "it") == "x"
        assert strict_json.text_of({}, "a", "it") == ""

    @pytest.mark.parametrize("value", [None, 1, [], {}, True])
    def test_another_type_is_refused(self, value: strict_json.Json) -> None:
        with pytest.raises(JsonMalformed, match=r"it\.a is not a string"):
            strict_json.text_of({"a": value}, "a", "it")
