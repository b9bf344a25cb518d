"""What is in force at a gate: exchanged whole while it runs, and never under a request that has begun."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from sealgate.adapters.trusted_roots.current import RootState, TrustedRoots
from sealgate.admission.holds import Holds
from sealgate.http.edge import Edge
from sealgate.policy.model import PolicySet
from sealgate.ports import SignatureVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the files say, all of which can be used.

    Args:
        policies: the policies, with their keys.
        digest: theirs; for a thousand policies it takes too long to make it on the event loop.
        roots: the trusted roots that come from files, by name.
    """

    policies: PolicySet
    digest: str
    roots: Mapping[str, RootState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a gate that know policies and trusted roots: always the same ones."""

    edge: Edge
    holds: Holds


class InForce:
    """Answers each request, to its end, by what is in force when it comes.

    Args:
        make: makes the parts. They share all that outlives them: caches, queues, what is being decided just now.
        configuration: what is in force from the start.
        roots: the trusted roots, which also change by themselves, when a repository has others.
    """

    def __init__(
        self,
        make: Callable[[Configuration, SignatureVerifier], Parts],
        configuration: Configuration,
        roots: TrustedRoots,
    ) -> None:
        self._make = make
        self._roots = roots
        self._made = (configuration, roots.now, make(configuration, roots.now))

    @property
    def configuration(self) -> Configuration:
        """What is in force."""
        return self._made[0]

    def now(self) -> Parts:
        """The parts that know what is in force, for one request or one hold."""
        configuration, roots, parts = self._made
        if roots is self._roots.now:
            return parts
        return self._use(configuration)

    def use(self, configuration: Configuration) -> None:
        """Put this in force: from the next request on, all of it.

        Raises:
            ConfigurationInvalid: the trusted roots cannot be used together; what was in force stays.
        """
        self._roots.use(configuration.roots)
        self._use(configuration)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """See `Edge.handle`."""
        return await self.now().edge.handle(request)

    def _use(self, configuration: Configuration) -> Parts:
        roots = self._roots.now
        parts = self._make(configuration, roots)
        self._made = (configuration, roots, parts)
        return parts
