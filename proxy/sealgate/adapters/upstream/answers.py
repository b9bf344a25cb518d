"""What is taken from an upstream's answers: whole bodies within a bound, refusals, and single header fields."""

import asyncio
import re
from collections.abc import Sequence
from typing import Final

import aiohttp

from sealgate.adapters.upstream.target import Origin, path_on
from sealgate.adapters.upstream.transport import Transport
from sealgate.errors import Malformed, ReferenceMalformed, SealgateError, TooLarge, UpstreamError, UpstreamRefused
from sealgate.limits import CHALLENGE_CHARACTERS, CHALLENGES, ERROR_BODY_BYTES, RETRY_AFTER_MOST_SECONDS
from sealgate.oci.digest import Digest
from sealgate.oci.wire import read_errors
from sealgate.ports import ByteRange

_PRINTABLE: Final = re.compile(r"[\x20-\x7e]*", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}", re.ASCII)
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.ASCII)
_RECEIVED: Final = re.compile(r"(?:bytes=)?0-(-1|[0-9]{1,18})", re.ASCII)
_LINK: Final = re.compile(r'<([^<>]*)>[ \t]*;[ \t]*rel="?next"?', re.ASCII)


async def read_whole(transport: Transport, response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read a body into memory, and stop as soon as it is past the bound (attacks B24).

    Args:
        transport: where the answer came from.
        response: the answer.
        most: bytes.

    Raises:
        TooLarge: it states more than `most` bytes, or has more.
        UpstreamUnavailable: it breaks off, takes too long, or has no end that can be told from breaking off.
    """
    length = stated_length(response)
    if length is None and "Transfer-Encoding" not in response.headers:
        raise transport.unavailable("answered without saying how long its answer is")
    if length is not None and length > most:
        raise TooLarge(f"{length} bytes, where at most {most} are read")
    read = bytearray()
    with transport.translated():
        async with asyncio.timeout(transport.timeouts.document):
            async for chunk in response.content.iter_any():
                read += chunk
                if len(read) > most:
                    raise TooLarge(f"more than {most} bytes")
    return bytes(read)


async def expect(
    transport: Transport, response: aiohttp.ClientResponse, *statuses: int, from_origin: bool = True
) -> None:
    """Go on only with one of these statuses.

    Raises:
        UpstreamRefused: it is a 4xx. Where a redirect led elsewhere, only what says something of the blob itself is
            passed on: another host's 401 would send the client's credentials to a realm of that host's choice.
        UpstreamUnavailable: it is anything else.
    """
    if response.status not in statuses:
        raise await _refusal(transport, response, from_origin)


async def _refusal(transport: Transport, response: aiohttp.ClientResponse, from_origin: bool) -> UpstreamError:
    status = response.status
    if not 400 <= status < 500 or not (from_origin or status in (404, 416, 429)):
        return transport.unavailable(f"answered {status}, which is not an answer to what it was asked")
    retry = response.headers.get("Retry-After", "")
    retry_after = min(int(retry), RETRY_AFTER_MOST_SECONDS) if _SECONDS.fullmatch(retry) else None
    if not from_origin:
        return UpstreamRefused(status, retry_after=retry_after)
    challenges = [
        value
        for value in response.headers.getall("WWW-Authenticate", ())
        if len(value) <= CHALLENGE_CHARACTERS and _PRINTABLE.fullmatch(value)
    ]
    try:
        body = await read_whole(transport, response, ERROR_BODY_BYTES)
    except SealgateError:
        body = b""  # the status is what counts; its explanation is not worth failing for
    return UpstreamRefused(
        status, challenges=tuple(challenges[:CHALLENGES]), problems=read_errors(body), retry_after=retry_after
    )


def stated_length(response: aiohttp.ClientResponse) -> int | None:
    """The `Content-Length` in bytes, whose form the transport has checked; None when there is none."""
    stated = response.headers.get("Content-Length")
    return None if stated is None else int(stated)


def media_type(response: aiohttp.ClientResponse) -> str:
    """The `Content-Type` without its parameters; "" when it has none or is not of the form (RFC 6838 section 4.2)."""
    found = response.headers.get("Content-Type", "").partition(";")[0].strip()
    return found if _MEDIA_TYPE.fullmatch(found) else ""


def called(response: aiohttp.ClientResponse, asked: Digest) -> Digest:
    """What a registry calls the blob that it was asked for by this digest.

    Distribution answers `sha256` to `sha512`, as a second name for the same bytes. A second digest by one algorithm
    would be another blob: what a header says of that counts for nothing (attacks B1).
    """
    stated = digest_in(response, "Docker-Content-Digest")
    return asked if stated is None or stated.algorithm == asked.algorithm else stated


def digest_in(response: aiohttp.ClientResponse, header: str) -> Digest | None:
    """The digest in a header; None when there is none that can be read."""
    try:
        return Digest.parse(response.headers.get(header, ""))
    except ReferenceMalformed:
        return None


def range_of(response: aiohttp.ClientResponse, wanted: ByteRange) -> str | None:
    """The `Content-Range` of a 206, rebuilt; None when it is not the range that was asked for, or not its length."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None:
        return None
    first, last, total = int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])
    if first > last or stated_length(response) != last - first + 1 or (total is not None and last >= total):
        return None
    if wanted.first is None:
        honest = last - first + 1 <= (wanted.last or 0) and total in (None, last + 1)
    else:
        honest = first == wanted.first and (wanted.last is None or last <= wanted.last)
    return f"bytes {first}-{last}/{'*' if total is None else total}" if honest else None


def received_of(response: aiohttp.ClientResponse) -> int | None:
    """How many bytes of an upload the upstream says it has (distribution-spec 1.1, "Pushing a blob in chunks").

    Of none it cannot say so in this form: Distribution writes `0-0`, which would be one, olareg `0--1`.
    """
    found = _RECEIVED.fullmatch(response.headers.get("Range", ""))
    return None if found is None else int(found[1]) + 1


def minimum_chunk_of(response: aiohttp.ClientResponse) -> int | None:
    """The `OCI-Chunk-Min-Length` in bytes."""
    found = response.headers.get("OCI-Chunk-Min-Length", "")
    return int(found) if _SECONDS.fullmatch(found) else None


def next_page(links: Sequence[str], origin: Origin, path: str) -> str | None:
    """The path and query of the next page of a listing; None when this is the last (RFC 8288).

    Args:
        links: the values of the answer's `Link` headers.
        origin: where it must stay.
        path: which path it must be: only the query of a `Link` is the upstream's to choose.

    Raises:
        Malformed: there are `Link` headers, and they are not exactly one next page of this listing.
    """
    if not links:
        return None
    found = _LINK.fullmatch(links[0].strip())
    if found is None or len(links) > 1:
        raise Malformed("a Link header that is not one next page")
    target = path_on(origin, found[1])
    went, _, query = target.partition("?")
    if went.replace("%3A", ":").replace("%3a", ":") != path or not query:
        raise Malformed("a Link header that leads elsewhere")
    return f"{path}?{query}"
