"""Which addresses a redirect may lead to, and a resolver that gives no others.

Checking a name and connecting to it are one step here: the connection is made to the very addresses that were looked
at, so a name that changes its mind in between gains nothing (DNS rebinding, attacks B25 and F25).
"""

import ipaddress
import socket
from typing import Final

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


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
        if address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


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
