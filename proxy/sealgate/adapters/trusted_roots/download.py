"""How python-tuf's client reaches a repository: bounded in time, and at the repository's own address only.

python-tuf bounds the length of everything it asks for, and verifies it. What it leaves to its fetcher is time: a
mirror that sends a byte now and then would hold a refresh for hours (attacks A28).
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Final

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

from sealgate import __version__
from sealgate.adapters.proxies import proxy_for
from sealgate.limits import CONNECT_SECONDS, TUF_READ_SECONDS, TUF_SECONDS

_AGENT: Final = {"User-Agent": f"sealgate/{__version__}"}
_CHUNK_BYTES: Final = 64 * 1024


class BoundedFetcher(FetcherInterface):
    """Fetches the files of one refresh, which in all may take `TUF_SECONDS`.

    Redirects are not followed: the mirror would choose whom the gate calls. The proxy variables of the environment
    (`HTTPS_PROXY`, `NO_PROXY`) are heeded.

    Args:
        seconds: how long all of it may take.
    """

    def __init__(self, seconds: float = TUF_SECONDS) -> None:
        self._end = time.monotonic() + seconds
        self._opened = ExitStack()  # one connection at most

    def close(self) -> None:
        """Close what is still open. python-tuf drops an answer that it gives up reading."""
        self._opened.close()

    def _fetch(self, url: str) -> Iterator[bytes]:  # the one method that `FetcherInterface` asks for
        self.close()
        pool = self._pool(url)
        self._opened.callback(pool.clear)
        response = pool.request(
            "GET",
            url,
            preload_content=False,
            retries=False,  # nor are redirects followed then
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=TUF_READ_SECONDS),
        )
        self._opened.callback(response.close)
        if response.status != HTTPStatus.OK:
            raise DownloadHTTPError(f"{url} was answered with {response.status}", response.status)
        return self._chunks(url, response)

    def _chunks(self, url: str, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
                if time.monotonic() > self._end:
                    raise SlowRetrievalError(f"{url} does not come to an end")
                yield chunk
        except urllib3.exceptions.TimeoutError as slow:
            raise SlowRetrievalError(f"{url} stopped coming") from slow
        except urllib3.exceptions.HTTPError as broken:
            raise DownloadError(f"{url} broke off: {broken}") from broken

    def _pool(self, url: str) -> urllib3.PoolManager:
        if time.monotonic() > self._end:
            raise SlowRetrievalError("the repository takes too long")
        proxy = proxy_for(url)
        return urllib3.ProxyManager(proxy, headers=_AGENT) if proxy else urllib3.PoolManager(headers=_AGENT)
