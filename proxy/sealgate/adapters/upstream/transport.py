"""One request, one answer: connections, deadlines, and what of an answer is believed before its body is read."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import HttpProcessingError

from sealgate import __version__
from sealgate.adapters.upstream.addresses import AddressRefused, BoundedResolver, PublicResolver
from sealgate.adapters.upstream.sending import Sending
from sealgate.adapters.upstream.target import Origin, Target
from sealgate.adapters.upstream.tls import TlsContexts, not_accepted
from sealgate.errors import UpstreamUnavailable
from sealgate.limits import (
    CONNECT_SECONDS,
    DOCUMENT_SECONDS,
    FIRST_BYTE_SECONDS,
    IDLE_READ_SECONDS,
    RELAY_CHUNK_BYTES,
    UPLOAD_ANSWER_SECONDS,
    UPSTREAM_CONNECTIONS,
)
from sealgate.ports import Onward, Stage, Took, nobody_asks, nothing_onward

_PLAIN: Final = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_SINGLE: Final = ("Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Location")
_ACCIDENTS: Final = (TimeoutError, aiohttp.ClientError, HttpProcessingError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long the upstream may take, in seconds (attacks F2).

    Args:
        connect: to take a connection.
        first_byte: from the request's end to the answer's head, with waiting for a connection in it.
        idle: between two pieces of a body, either way.
        document: for the whole of a body that is read into memory.
        upload_answer: to answer once an upload's last byte has been sent.
    """

    connect: float = CONNECT_SECONDS
    first_byte: float = FIRST_BYTE_SECONDS
    idle: float = IDLE_READ_SECONDS
    document: float = DOCUMENT_SECONDS
    upload_answer: float = UPLOAD_ANSWER_SECONDS


class Transport:
    """Connections to the upstream's origin, and separate ones to where it redirects.

    Args:
        name: the upstream's name, for messages.
        origin: the only place that is asked with credentials.
        redirect_hosts: `host` or `host:port` of redirect targets that need not be public addresses.
        timeouts: how long things may take.
        resolver: how names are resolved; by the system when None.
        tls: how both are verified.
        took: told how long each answer's head took.
        onward: what the origin is told about what a request is part of.
    """

    def __init__(
        self,
        name: str,
        origin: Origin,
        redirect_hosts: frozenset[str],
        timeouts: Timeouts,
        resolver: AbstractResolver | None,
        tls: TlsContexts,
        took: Took = nobody_asks,
        onward: Onward = nothing_onward,
    ) -> None:
        self._name = name
        self._origin = origin
        self._took = took
        self._onward = onward
        self.timeouts = timeouts
        bounded = BoundedResolver(timeouts.connect, resolver)
        self._at_origin = _session(bounded, tls.origin)
        self._elsewhere = _session(PublicResolver(redirect_hosts, bounded), tls.elsewhere)

    @asynccontextmanager
    async def ask(
        self, method: str, target: Target, headers: Mapping[str, str], sending: Sending | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its answer, whose head has been checked; leaving the context ends it.

        Raises:
            UpstreamUnavailable: no answer in time, or one whose head cannot be believed.
        """
        now = asyncio.get_running_loop().time
        started = now()
        try:
            response = await self._send(method, target, headers, sending)
        finally:
            self._took(Stage.UPSTREAM, now() - started)
        try:
            self._check_head(response)
            yield response
        finally:
            response.close()

    async def _send(
        self, method: str, target: Target, headers: Mapping[str, str], sending: Sending | None
    ) -> aiohttp.ClientResponse:
        here = target.origin == self._origin
        session = self._at_origin if here else self._elsewhere
        headers = {**headers, **self._onward()} if here else headers
        limits = self.timeouts
        with self.translated(sending):
            async with asyncio.timeout(limits.first_byte) as deadline:
                if sending is not None:
                    sending.watch(deadline, stall=limits.idle, answer=limits.upload_answer)
                try:
                    return await session.request(
                        method,
                        target.url,
                        headers=headers,
                        data=sending,
                        allow_redirects=False,
                        timeout=aiohttp.ClientTimeout(
                            total=None,
                            sock_connect=limits.connect,
                            sock_read=limits.idle if sending is None else None,  # `sending` keeps that clock itself
                        ),
                    )
                finally:
                    if sending is not None:
                        sending.stop()

    def _check_head(self, response: aiohttp.ClientResponse) -> None:
        """Refuse an answer that two readers could take for two things.

        aiohttp's parsers are lenient with answers (attacks 1C): the one in C refuses most contradictions about the
        length itself, the one in Python fewer, and neither the rest of these.
        """
        headers = response.headers
        if not all(_PLAIN.fullmatch(text) for pair in response.raw_headers for text in pair):
            raise self.unavailable("answered with a control character in a header")
        for single in _SINGLE:
            if len(headers.getall(single, ())) > 1:
                raise self.unavailable(f"answered with more than one {single}")
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self.unavailable("answered in an encoding that was not asked for")  # attacks B24
        if headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
            raise self.unavailable("answered in a transfer coding that was not asked for")

    @contextmanager
    def translated(self, sending: Sending | None = None) -> Iterator[None]:
        """Turn the HTTP client's accidents into ours; a failure of what was being sent stays itself.

        Raises:
            UpstreamUnavailable: for any of them.
        """
        try:
            yield
        except _ACCIDENTS as error:
            if sending is not None and sending.failure is not None:
                raise sending.failure from error
            raise self.unavailable(_told(error)) from error

    def unavailable(self, told: str) -> UpstreamUnavailable:
        """The exception for an upstream that did `told`."""
        return UpstreamUnavailable(f"the upstream registry {self._name} {told}")

    async def close(self) -> None:
        """Close all connections."""
        await self._at_origin.close()
        await self._elsewhere.close()


def _session(resolver: AbstractResolver, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session that adds nothing and remembers nothing: no cookies, no proxies, no netrc, no decompression."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=UPSTREAM_CONNECTIONS, resolver=resolver, ssl=tls),
        headers={"User-Agent": f"sealgate/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        requote_redirect_url=False,
        read_bufsize=RELAY_CHUNK_BYTES,
    )


def _told(error: Exception) -> str:
    """What happened, in words, without anything the upstream or a client wrote."""
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=AddressRefused()):
            return "redirects to an address that is not public"
        case aiohttp.ClientConnectorDNSError():
            return "cannot be reached: its host name does not resolve"
        case (
            aiohttp.ClientConnectorCertificateError(certificate_error=cause)
            | aiohttp.ClientConnectorSSLError(os_error=cause)
        ):
            return f"cannot be reached: {not_accepted(cause)}"
        case aiohttp.ClientConnectorError(os_error=cause):
            return f"cannot be reached: {cause.strerror or 'connecting failed'}"
        case TimeoutError():
            return "took too long"
        case aiohttp.ClientPayloadError():
            return "broke its answer off"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientConnectionError():
            return "closed the connection"
        case _:
            return "answered with something that is not HTTP"
