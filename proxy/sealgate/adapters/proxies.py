"""The proxy variables of the environment, without the rest of what aiohttp's `trust_env` trusts (`~/.netrc`)."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(url: str) -> str | None:
    """The proxy to ask this URL through, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say; None for no proxy."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
