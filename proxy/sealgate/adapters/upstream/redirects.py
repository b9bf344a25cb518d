"""Redirects of blobs, followed by hand (attacks B25): few, never down to plain HTTP, and stripped of credentials."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from sealgate.adapters.upstream.addresses import is_public
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.upstream.transport import Transport
from sealgate.errors import Malformed
from sealgate.limits import REDIRECTS

_STATUSES = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Followed:
    """The answer at the end of the redirects.

    Args:
        response: it.
        from_origin: whether the whole way stayed on the upstream's own origin.
        location: where it leads, on another origin, when that is not to be followed; else "".
    """

    response: aiohttp.ClientResponse
    from_origin: bool
    location: str = ""


class Redirects:
    """Follows what the upstream says of where a blob is.

    Args:
        transport: how requests travel.
        origin: the upstream's, the only one that gets credentials.
        hosts: `host` or `host:port` of targets that need not be public addresses.
    """

    def __init__(self, transport: Transport, origin: Origin, hosts: frozenset[str]) -> None:
        self._transport = transport
        self._origin = origin
        self._hosts = hosts

    @asynccontextmanager
    async def follow(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        credentials: Mapping[str, str],
        *,
        leave: bool = False,
    ) -> AsyncIterator[Followed]:
        """Ask the origin, and go where it leads.

        Args:
            method: `GET` or `HEAD`.
            path: at the origin.
            headers: for every host on the way.
            credentials: for the origin, until the way first leaves it: a way back could be a stranger's choice.
            leave: whether to stop where the way leaves the origin, and say where it leads. What stays on the origin is
                followed all the same: it may be nobody's but the gate's to reach.

        Raises:
            UpstreamUnavailable: it leads too far, or where nobody should be led.
        """
        target, at_home = Target(self._origin, path), True
        for _ in range(REDIRECTS + 1):
            sent = {**headers, **credentials} if at_home else headers
            async with self._transport.ask(method, target, sent) as response:
                if response.status not in _STATUSES:
                    yield Followed(response, at_home)
                    return
                try:
                    target = redirected(
                        target, response.headers.get("Location", ""), self._origin, self._hosts, anywhere=leave
                    )
                except Malformed as error:
                    raise self._transport.unavailable(f"redirects to what is refused: {error}") from error
                at_home = at_home and target.origin == self._origin
                if leave and not at_home:
                    yield Followed(response, at_home, str(target.url))
                    return
        raise self._transport.unavailable(f"redirects more than {REDIRECTS} times")


def redirected(target: Target, location: str, home: Origin, hosts: frozenset[str], *, anywhere: bool = False) -> Target:
    """Where a redirect leads, if it may.

    Args:
        target: what was asked.
        location: the answer's `Location`.
        home: the upstream's own origin, which may be anywhere: whoever wrote the settings chose it.
        hosts: `host` or `host:port` of others that may be.
        anywhere: whether every address will do, since it is not the gate that goes there.

    Raises:
        Malformed: it is not a plain URL, goes from HTTPS down to HTTP, or to the literal address of something that is
            not public. (Names are judged by what they resolve to, when they are resolved.)
    """
    following = Target.parse(location, target.origin)
    origin = following.origin
    if target.origin.scheme == "https" and origin.scheme == "http":
        raise Malformed("plain HTTP after HTTPS")
    if anywhere or origin == home or hosts & {origin.host, origin.authority}:
        return following
    if origin.address is not None and not is_public(origin.address):
        raise Malformed("an address that is not public")
    return following
