"""Fixtures of the in-memory registry."""

from collections.abc import AsyncIterator

import pytest_asyncio

from sealgate.testing.registry.server import MemoryRegistry


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[MemoryRegistry]:
    """An in-memory registry with the referrers API."""
    async with MemoryRegistry() as made:
        yield made


@pytest_asyncio.fixture
async def plain_registry() -> AsyncIterator[MemoryRegistry]:
    """An in-memory registry without the referrers API, as Distribution 2.8 is."""
    async with MemoryRegistry(referrers=False) as made:
        yield made
