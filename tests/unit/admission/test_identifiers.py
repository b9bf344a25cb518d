"""ULIDs, against the examples of their specification."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.admission.identifiers import ulid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("milliseconds", "randomness", "expected"),
    [
        (0, bytes(10), "0" * 26),
        (1469918176385, bytes(10), "01ARYZ6S41" + "0" * 16),  # the specification's example of a time
        (0, b"\xff" * 10, "0" * 10 + "Z" * 16),
        (2**47 + 31, bytes(9) + b"\x1f", "4000000" + "00Z" + "0" * 15 + "Z"),
    ],
)
def test_known_values(milliseconds: int, randomness: bytes, expected: str) -> None:
    assert ulid(EPOCH + timedelta(milliseconds=milliseconds), randomness) == expected


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)), st.binary(min_size=10, max_size=10))  # noqa: DTZ001
def test_it_can_be_read_back(at: datetime, randomness: bytes) -> None:
    value = 0
    for character in ulid(at, randomness):
        value = value << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    assert value.bit_length() <= 128
    assert value.to_bytes(16, "big")[6:] == randomness
    assert EPOCH + timedelta(milliseconds=value >> 80) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_later_ones_sort_later() -> None:
    assert ulid(NOW) < ulid(NOW + timedelta(milliseconds=1))


def test_two_of_one_moment_differ() -> None:
    assert ulid(NOW) != ulid(NOW)


@pytest.mark.parametrize("length", [0, 9, 11])
def test_another_number_of_random_bytes_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        ulid(NOW, bytes(length))
