"""Fixtures; `sealgate.testing.plugin` offers them to every test."""

from datetime import UTC, datetime
from typing import Final

import pytest

from sealgate.testing.sigstore.private import PrivateSigstore

SIGNING_TIME: Final = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
"""When the fixture's Sigstore signs. In the past: some verifiers compare a root's start with their own clock."""


@pytest.fixture
def private_sigstore() -> PrivateSigstore:
    """A private Sigstore of this test's own, that signs at `SIGNING_TIME`."""
    return PrivateSigstore(now=SIGNING_TIME)
