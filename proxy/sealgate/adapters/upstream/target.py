"""Where a request may go: origins, and what an upstream writes into `Location` and `Link`, read by one strict grammar.

An upstream's URL is a foreign string that decides where the gate connects and with whose credentials (attacks B25). It
is matched whole, taken apart, and only its parts are used again. What is not plain RFC 3986 is refused, not repaired.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

from yarl import URL

from sealgate.errors import Malformed

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY: Final = r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?"
_QUERY: Final = r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*"
_PATH: Final = rf"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?{_QUERY})?"
_ORIGIN: Final = re.compile(rf"{_AUTHORITY}/?", re.ASCII)
_TARGET: Final = re.compile(rf"(?P<authority>{_AUTHORITY})?(?P<path>{_PATH})", re.ASCII)
# A host that ends in a number is an address to some resolvers (127.1, 2130706433, 0x7f.1): WHATWG URL, "ends in a
# number". Only the canonical form of an address may.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, a host and a port; two that are written differently and mean the same are equal."""

    scheme: str
    host: str  # a lower-case name, or the canonical text of an address without brackets
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `http(s)://host[:port]`, with nothing after it but perhaps a slash.

        Raises:
            Malformed: anything else is in it, user names included.
        """
        if (found := _ORIGIN.fullmatch(text)) is None:
            raise Malformed("a registry's URL is http:// or https://, a host, and perhaps a port")
        scheme, host, port = found.groups()
        number = int(port) if port else _DEFAULT_PORTS[scheme]
        if not 0 < number < 65536:
            raise Malformed("a port is a number from 1 to 65535")
        return cls(scheme, _canonical_host(host), number)

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host as an address; None when it is a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """`host:port`, the port always written."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Target:
    """An origin, and a path with its query as it goes on the wire."""

    origin: Origin
    path: str

    @classmethod
    def parse(cls, text: str, base: Origin) -> Self:
        """Read a `Location` or the URL of a `Link`: absolute, or a path on the origin it came from.

        Raises:
            Malformed: not the plain ASCII of RFC 3986, a user name, a fragment, a scheme that is not HTTP, or a host in
                a form that resolvers read in more than one way.
        """
        if (found := _TARGET.fullmatch(text)) is None:
            raise Malformed("not a URL of the plain form http(s)://host[:port]/path?query")
        path = found["path"]
        if found["authority"] is None:
            if not path.startswith("/") or path.startswith("//"):
                raise Malformed("neither an absolute URL nor an absolute path")
            return cls(base, path)
        return cls(Origin.parse(text.removesuffix(path)), path if path.startswith("/") else f"/{path}")

    @property
    def url(self) -> URL:
        """For the HTTP client, which must not touch it again."""
        return URL(f"{self.origin}{self.path}", encoded=True)


def path_on(origin: Origin, text: str) -> str:
    """The path and query of a URL that must stay on this origin and mean itself.

    Raises:
        Malformed: another origin (attacks B25: an upload's bytes and credentials would go there); a path that begins
            with `//`, or has a dot segment, which somebody on the way could resolve.
    """
    target = Target.parse(text, origin)
    if target.origin != origin:
        raise Malformed("leads to another origin")
    path = target.path.partition("?")[0].lower().replace("%2e", ".").replace("%2f", "/")
    if path.startswith("//") or {".", ".."} & set(path.split("/")):
        raise Malformed("has a path that does not mean itself")
    return target.path


def _canonical_host(text: str) -> str:
    try:
        if text.startswith("["):
            return ipaddress.IPv6Address(text[1:-1]).compressed
        labels = text.split(".")
        if not all(labels):
            raise Malformed("a host name has an empty label")
        if _NUMBER.fullmatch(labels[-1]):
            return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        raise Malformed("a host that is not a name and not the canonical form of an address") from error
    return text.lower()
