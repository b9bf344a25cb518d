"""Which addresses a redirect may lead to, and a resolver that gives no others.

Checking a name and connecting to it are one step here: the connection is made to the very addresses that were looked
at, so a name that changes its mind in between gains nothing (DNS rebinding, attacks B25 and F25).
"""

import asyncio
import ipaddress
import socket
from typing import Final

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from sealgate.limits import NAME_FAILURE_SECONDS

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
_NEVER: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "64:ff9b:1::/48",  # RFC 8215: NAT64 with a local meaning
        "::/96",  # RFC 4291 section 2.5.5.1: IPv4-compatible
        "::ffff:0:0:0/96",  # RFC 7915: IPv4-translated
        "fec0::/10",  # RFC 3879: site-local
    )
)


class AddressRefused(OSError):
    """A name resolved to an address that is not public."""


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of the public Internet: not loopback, private, link-local, multicast or reserved.

    An IPv4 address inside an IPv6 one (mapped, NAT64) is judged as itself; 6to4 and Teredo, which tunnel to one, are
    not public.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if (inner := address.ipv4_mapped) is not None:
            return is_public(inner)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.sixtofour is not None or address.teredo is not None or any(address in one for one in _NEVER):
            return False
    return address.is_global and not address.is_multicast


class BoundedResolver(AbstractResolver):
    """Resolves names within a time, and does not ask again at once for one that did not resolve (attacks F25).

    A lookup that hangs holds a thread; without the second rule each request would take another one.

    Args:
        seconds: how long a lookup may take.
        system: what resolves; the system's own resolver when None.
    """

    def __init__(self, seconds: float, system: AbstractResolver | None = None) -> None:
        self._seconds = seconds
        self._system = ThreadedResolver() if system is None else system
        self._failed: dict[str, float] = {}  # until when, by the event loop's time

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            OSError: it does not resolve, not in time, or did not a moment ago.
        """
        if asyncio.get_running_loop().time() < self._failed.get(host, 0.0):
            raise OSError(f"{host} did not resolve a moment ago")
        try:
            async with asyncio.timeout(self._seconds):
                return await self._system.resolve(host, port, family)
        except OSError as error:  # of which a timeout is one
            now = asyncio.get_running_loop().time()
            self._failed = {name: until for name, until in self._failed.items() if now < until}
            self._failed[host] = now + NAME_FAILURE_SECONDS
            raise OSError(f"{host} does not resolve") from error

    async def close(self) -> None:
        """Close the system's resolver."""
        await self._system.close()


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only.

    Args:
        allowed: `host` or `host:port` of those that may be anywhere.
        system: what resolves; the system's own resolver when None.
    """

    def __init__(self, allowed: frozenset[str], system: AbstractResolver | None = None) -> None:
        self._allowed = allowed
        self._system = ThreadedResolver() if system is None else system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            AddressRefused: one of its addresses is not public. One is enough: an honest name has no such address.
        """
        found = await self._system.resolve(host, port, family)
        if not self._allowed & {host, f"{host}:{port}"}:
            for result in found:
                if not is_public(ipaddress.ip_address(result["host"])):
                    raise AddressRefused(f"{host} has an address that is not public")
        return found

    async def close(self) -> None:
        """Close the system's resolver."""
        await self._system.close()
