"""Inclusion proofs from the log itself (rekor's openapi.yaml), for signatures that bring only its promise.

Where a log is and which key it signs with is in the trusted root; nothing that comes with an artifact, and nothing that
the log answers, says either (attacks A16). What it answers is verified as a proof in a bundle is.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from sealgate import __version__
from sealgate.adapters.proxies import proxy_for
from sealgate.adapters.signatures import transparency_log
from sealgate.adapters.signatures.log_entry import parse_answer
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey
from sealgate.errors import LogUnavailable, Malformed
from sealgate.evidence.signature import LoggedEntry
from sealgate.limits import CONNECT_SECONDS, LOG_ANSWER_BYTES, LOG_FETCHES, LOG_PROOFS_IN_MEMORY, LOG_SECONDS
from sealgate.oci.wire import printable

_BY_INDEX: Final = "/api/v1/log/entries?logIndex="
_ACCIDENTS: Final = (aiohttp.ClientError, HttpProcessingError, ValueError)  # the last: a proxy that is none
_DETAIL_CHARACTERS: Final = 300


class RekorLogs:
    """`ports.LogProofs` on Rekor v1. What was proven once is kept in memory: an entry never leaves its log.

    Redirects are not followed. The proxy variables of the environment (`HTTPS_PROXY`, `NO_PROXY`) are heeded.

    Args:
        logs: gives the logs that may be asked, as the trusted roots now have them.
        seconds: how long one answer may take.
    """

    def __init__(self, logs: Callable[[], Iterable[LogKey]], seconds: float = LOG_SECONDS) -> None:
        self._logs = logs
        self._seconds = seconds
        self._proven: OrderedDict[LoggedEntry, None] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    async def proves(self, entry: LoggedEntry) -> bool:
        """Whether the log has proven that it holds an entry; False where no root says where the log can be asked.

        Raises:
            LogUnavailable: the log did not answer, or not with a proof that verifies.
        """
        log = next((one for one in self._logs() if one.key.fingerprint == entry.log and one.base_url), None)
        if log is None:
            return False
        if entry not in self._proven:
            _check(log, entry, await self._fetch(log, entry.index))
            self._proven[entry] = None
        self._proven.move_to_end(entry)
        if len(self._proven) > LOG_PROOFS_IN_MEMORY:
            self._proven.popitem(last=False)
        return True

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def _fetch(self, log: LogKey, index: int) -> bytes:
        url = f"{log.base_url.rstrip('/')}{_BY_INDEX}{index}"
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._opened().get(URL(url, encoded=True), allow_redirects=False, proxy=proxy_for(url)) as answer,
            ):
                return await _read(log, answer)
        except TimeoutError as slow:
            raise _unavailable(log, "took too long") from slow
        except _ACCIDENTS as lost:
            raise _unavailable(log, "cannot be reached, or broke its answer off") from lost

    def _opened(self) -> aiohttp.ClientSession:
        """The connections, made when a log is first asked: a gate whose policies ask none has none."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=LOG_FETCHES, resolver=aiohttp.ThreadedResolver()),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                headers={"User-Agent": f"sealgate/{__version__}", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,  # it would send what ~/.netrc holds
            )
        return self._session


async def _read(log: LogKey, answer: aiohttp.ClientResponse) -> bytes:
    if answer.status == HTTPStatus.NOT_FOUND:
        raise _unavailable(log, "does not have the entry that it promised")
    if answer.status != HTTPStatus.OK:
        raise _unavailable(log, f"answered {answer.status}")
    raw = bytearray()
    async for chunk in answer.content.iter_any():
        raw += chunk
        if len(raw) > LOG_ANSWER_BYTES:  # attacks B24
            raise _unavailable(log, f"answered with more than {LOG_ANSWER_BYTES} bytes")
    return bytes(raw)


def _check(log: LogKey, entry: LoggedEntry, raw: bytes) -> None:
    """That an answer proves that this very entry is in a tree which the log signed."""
    try:
        body, proof = parse_answer(raw)
        if transparency_log.leaf_of(body) != entry.leaf:
            raise _unavailable(log, "answered with another entry than the one that it promised")
        transparency_log.check_inclusion(entry.leaf, proof, log)
    except Malformed as bad:
        raise _unavailable(log, f"answered with what cannot be read: {bad}") from bad
    except Rejected as bad:
        raise _unavailable(log, f"answered with a proof that does not hold: {bad.detail}") from bad


def _unavailable(log: LogKey, told: str) -> LogUnavailable:
    return LogUnavailable(printable(f"the transparency log {log.base_url} {told}", _DETAIL_CHARACTERS))
