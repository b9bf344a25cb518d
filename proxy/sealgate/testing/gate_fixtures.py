"""The fixture of a whole gate; `sealgate.testing.plugin` offers it to every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest_asyncio

if TYPE_CHECKING:
    from sealgate.testing.gate import RunningGate

StartGate: TypeAlias = "Callable[..., Awaitable[RunningGate]]"


@pytest_asyncio.fixture
async def start_gate() -> AsyncIterator[StartGate]:
    """Starts gates that end with the test, from what `sealgate.testing.gate.running_gate` takes.

    `gate = await start_gate(registry.url, {"signed.yaml": "name: …"})`
    """
    # Here and not above: it loads the whole gate, and pytest loads every installed package's plugin.
    from sealgate.testing.gate import running_gate  # noqa: PLC0415

    async with AsyncExitStack() as stack:

        async def start(*arguments: Any, **options: Any) -> RunningGate:
            return await stack.enter_async_context(running_gate(*arguments, **options))

        yield start
