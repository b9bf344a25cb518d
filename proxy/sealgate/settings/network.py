"""Addresses and origins, as people write them."""

import ipaddress
import re
from typing import Final

_PORTS: Final = 65536
_HOST: Final = r"\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_LISTEN: Final = re.compile(rf"({_HOST}):([0-9]{{1,5}})", re.ASCII | re.IGNORECASE)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)  # no `.` or `..`, nothing escaped
_ORIGIN: Final = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?/?", re.ASCII | re.IGNORECASE)


def address_of(text: str) -> tuple[str, int] | None:
    """Host and port of `HOST:PORT`; None when it is not of that form."""
    found = _LISTEN.fullmatch(text)
    if found is None or int(found[2]) >= _PORTS or not _is_host(found[1]):
        return None
    return found[1].removeprefix("[").removesuffix("]"), int(found[2])


def origin_of(text: str) -> str:
    """An origin, put together again from its scheme, host and port; "" when it is none."""
    found = _ORIGIN.fullmatch(text)
    if found is None or not _is_host(found[2]) or not (found[3] is None or 0 < int(found[3]) < _PORTS):
        return ""
    port = f":{int(found[3])}" if found[3] else ""
    return f"{found[1].lower()}://{found[2].lower()}{port}"


def host_of(text: str) -> str:
    """A host and perhaps its port, in lower case; "" when it is none."""
    return origin_of(f"https://{text}").removeprefix("https://") if not text.endswith("/") else ""


def url_of(text: str) -> str:
    """An origin and a path, put together again, without a slash at the end; "" when it is none."""
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    origin, path = origin_of(f"{scheme}://{host}"), (slash + path).removesuffix("/")
    return origin + path if origin and _PATH.fullmatch(path) else ""


def joined(host: str, port: int) -> str:
    """Where one who listens on this address is reached from the same machine."""
    try:
        wild = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        wild = False
    if wild:
        host = "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_host(text: str) -> bool:
    if not text.startswith("["):
        return True
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True
