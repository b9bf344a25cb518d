"""What is known of a gate that runs: for the port of whoever runs it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from sealgate import __version__
from sealgate.adapters.metrics import CONTENT_TYPE, Metrics
from sealgate.adapters.reload import Standing
from sealgate.adapters.trusted_roots.current import TrustedRoots
from sealgate.errors import StateUnavailable, UpstreamError, UpstreamRefused
from sealgate.http.admin import Admin
from sealgate.limits import HEALTH_KEPT_SECONDS, HEALTH_SECONDS
from sealgate.policy.model import PolicySet
from sealgate.ports import Access, Clock, Holds, HoldTally, Registry
from sealgate.settings import Settings

_T = TypeVar("_T")
_OK: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Where to ask.

    Args:
        policies: those in force, and their digest.
        standing: whether they are what the files say.
    """

    settings: Settings
    clock: Clock
    metrics: Metrics
    policies: Callable[[], tuple[PolicySet, str]]
    standing: Callable[[], Standing]
    trusted_roots: TrustedRoots
    registries: Mapping[str, Registry]
    holds: Holds


@asynccontextmanager
async def admin(known: Known | None, leaving: Callable[[], bool]) -> AsyncIterator[Admin | None]:
    """Listen on `admin_listen`, if the settings have it.

    Args:
        known: where to ask; its settings say where to listen.
        leaving: whether the gate has been told to stop.

    Raises:
        ConfigurationInvalid: it cannot be listened on.
    """
    if known is None or known.settings.admin_listen is None:
        yield None
        return
    watch = _Watch(known)

    async def ready() -> tuple[bool, dict[str, Any]]:
        return not leaving(), {"leaving": leaving(), **await watch.told()}

    made = Admin(ready, watch.metrics)
    await made.start(*known.settings.admin_listen)
    try:
        yield made
    finally:
        await made.stop()


class _Kept(Generic[_T]):
    """Something that takes time, asked for at most every so often, and by one for all who wait."""

    def __init__(self, ask: Callable[[], Awaitable[_T]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: tuple[float, _T] | None = None

    async def get(self) -> _T:
        async with self._turn:
            if self._kept is None or self._clock.monotonic() - self._kept[0] > HEALTH_KEPT_SECONDS:
                self._kept = (self._clock.monotonic(), await self._ask())
            return self._kept[1]


class _Watch:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._upstreams = {name: _Kept(partial(_reached, one), known.clock) for name, one in known.registries.items()}
        self._tally = _Kept(self._ask_tally, known.clock)

    async def told(self) -> dict[str, Any]:
        """Everything but secrets."""
        known, now = self._known, self._known.clock.now()
        policies, digest = known.policies()
        standing = known.standing()
        asked = await asyncio.gather(*(one.get() for one in self._upstreams.values()))
        reached = dict(zip(self._upstreams, asked, strict=True))
        tally, problem = await self._tally.get()
        roots = {
            name: {
                "usable": state.holds(now),
                "age_seconds": None if (age := state.age(now)) is None else round(age.total_seconds()),
                "problem": state.problem or None,
            }
            for name, state in known.trusted_roots.states.items()
        }
        return {
            "version": __version__,
            "policies": {
                "count": len(policies.policies),
                "digest": digest,
                "current": not standing.problem,
                "problem": standing.problem or None,
                "since": None if standing.since is None else standing.since.isoformat(),
            },
            "trusted_roots": roots,
            "upstreams": {name: {"reachable": not told, "problem": told or None} for name, told in reached.items()},
            "state": {"usable": not problem, "problem": problem or None},
            "holds": None if tally is None else {"releasing": tally.releasing, "rejected": tally.rejected},
            "warnings": warnings(known.settings),
        }

    async def metrics(self) -> tuple[str, bytes]:
        """A scrape."""
        known = self._known
        tally, _ = await self._tally.get()
        body = known.metrics.exposition(
            now=known.clock.now(),
            roots=known.trusted_roots.states,
            current=not known.standing().problem,
            holds=tally,
        )
        return CONTENT_TYPE, body

    async def _ask_tally(self) -> tuple[HoldTally | None, str]:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                return await self._known.holds.tally(), _OK
        except (StateUnavailable, TimeoutError) as error:
            return None, str(error) or f"it does not answer within {HEALTH_SECONDS:.0f} s"


async def _reached(registry: Registry) -> str:
    """Why a registry cannot be reached; "" when it can."""
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            await registry.ping(Access())
    except UpstreamRefused:
        return _OK  # it wants credentials, which clients bring
    except UpstreamError as error:
        return str(error)
    except TimeoutError:
        return f"it does not answer within {HEALTH_SECONDS:.0f} s"
    return _OK


def warnings(settings: Settings) -> list[str]:
    """What is unsafe, or unwise, in these settings."""
    found = [
        f"unsafe_skip_tls_verification: whoever is on the way to upstream {one.name} ({one.url}) can answer in its "
        "place, and read the credentials that are sent to it"
        for one in settings.upstreams
        if one.tls.unsafe_skip_verification
    ]
    if not settings.public_url:
        found.append(f"public_url is not set: refusals tell people to use {settings.called}")
    if settings.state is None:
        found.append("state is in memory: a restart forgets which manifest lists which blob")
    return found
