"""Files that are read again when they change; most of it is tested where it is used, in auth/ and upstream/."""

from datetime import UTC, datetime

import pytest

from sealgate.adapters.watched import Watched
from sealgate.limits import CREDENTIAL_FILE_SECONDS
from sealgate.testing.clock import FixedClock


def test_b36_what_a_file_said_before_is_over_however_reading_it_ends(tmp_path):
    def read(_, raw):
        if raw == b"worse":
            raise NotImplementedError
        return raw

    path, clock = tmp_path / "file", FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    path.write_bytes(b"good")
    watched = Watched(path, read, clock)
    assert watched.now() == b"good"
    path.write_bytes(b"worse")
    clock.advance(CREDENTIAL_FILE_SECONDS)
    with pytest.raises(NotImplementedError):
        watched.now()
    assert watched.now() is None
