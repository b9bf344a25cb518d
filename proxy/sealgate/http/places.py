"""Where things are, for the client: by the name and in the form in which it asked (design section 2, promise 5)."""

from collections.abc import Mapping
from urllib.parse import quote

from sealgate.oci.naming import Routed


def place(routed: Routed, rest: str) -> str:
    """A path in the repository that was asked for, relative to the origin that the client knows the gate by.

    Args:
        routed: what was asked for.
        rest: what follows the repository's name.
    """
    return page(f"/v2/{routed.asked}/{rest}", routed.ns, {})


def page(path: str, ns: str, query: Mapping[str, str]) -> str:
    """A path with a query; with the `?ns=` that it was asked with, so that it means the same again."""
    told = "&".join(f"{name}={quote(value, safe='')}" for name, value in ({**query, "ns": ns} if ns else query).items())
    return f"{path}?{told}" if told else path
