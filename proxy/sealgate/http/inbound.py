"""The headers of a request, read into types. What is not read here is not looked at (attacks B10, B29).

`Host` is looked up among the names of the registries, and counts for nothing else. Never looked at: `Forwarded`,
`X-Forwarded-*`, `Via`, `X-HTTP-Method-Override`, `X-Original-URL`, conditional headers, cookies. A client that writes
them changes nothing.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from sealgate.http.problem import RequestRejected
from sealgate.limits import ACCEPTED_TYPES, CALLER_CHARACTERS
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.naming import DEFAULT, Routed
from sealgate.oci.wire import ErrorCode, printable
from sealgate.policy.identity import NOBODY, Identity
from sealgate.policy.record import Caller
from sealgate.ports import Access, ByteRange

ANYTHING: Final = "*/*"

_WARNINGS: Final = web.RequestKey("sealgate.warnings", list[str])
_IDENTITY: Final = web.RequestKey("sealgate.identity", Identity)
_PASSES: Final = web.RequestKey("sealgate.passes", bool)
_ROUTED: Final = web.RequestKey("sealgate.routed", Routed)


class Watcher(Protocol):
    """Who wants to know what becomes of a request."""

    def about(self, what: str) -> None:
        """What it is about, as soon as that is known: a kind of target, never a name."""

    def sent(self, count: int) -> None:
        """So many bytes of a blob went to the client."""


_KIND: Final = web.RequestKey("sealgate.kind", str)
_REQUEST: Final = web.RequestKey("sealgate.request", str)
_WATCHED: Final[web.RequestKey[Watcher]] = web.RequestKey("sealgate.watched")


# RFC 6838 section 4.2, and the wildcards of RFC 9110 section 12.5.1.
_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}", re.ASCII)
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
_CONTENT_RANGE: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


def enter(request: web.BaseRequest, identity: Identity, *, passes: bool) -> None:
    """Note who asks, and whether their credentials may go to the upstream; until then it is nobody, and they may not.

    Args:
        request: it.
        identity: whom the gate has authenticated.
        passes: whether the upstream is asked with the client's `Authorization`.
    """
    request[_IDENTITY], request[_PASSES] = identity, passes


def request_id(request: web.BaseRequest) -> str:
    """The gate's own name for a request. What clients send as one is not read: they could name each other's."""
    if _REQUEST not in request:
        request[_REQUEST] = secrets.token_hex(8)
    return request[_REQUEST]


def watch(request: web.BaseRequest, watcher: Watcher) -> None:
    """Have somebody told what becomes of a request."""
    request[_WATCHED] = watcher


def about(request: web.BaseRequest, what: str) -> None:
    """Note what a request is about, and tell whoever watches."""
    request[_KIND] = what
    if (watcher := request.get(_WATCHED)) is not None:
        watcher.about(what)


def kind_of(request: web.BaseRequest) -> str:
    """What a request is about; `none` where that is not known."""
    found: str = request.get(_KIND, "none")
    return found


def sent(request: web.BaseRequest, count: int) -> None:
    """Tell whoever watches how many more bytes of a blob went to the client."""
    if (watcher := request.get(_WATCHED)) is not None:
        watcher.sent(count)


def host_of(request: web.BaseRequest) -> str:
    """Which host the client thinks that it talks to; "" when it does not say. The parser refuses a second one."""
    return request.headers.get("Host", "")


def route(request: web.BaseRequest, routed: Routed) -> None:
    """Note which repository a request is about."""
    request[_ROUTED] = routed


def routed_of(request: web.BaseRequest) -> Routed:
    """Which repository a request is about, and how it called it."""
    return request[_ROUTED]


def routed_if_any(request: web.BaseRequest) -> Routed | None:
    """The same; None where it is not known."""
    return request.get(_ROUTED)


def authorization_of(request: web.BaseRequest) -> str | None:
    """The client's credentials; None when it shows none.

    Raises:
        RequestRejected: more than one `Authorization`, or one that is not printable ASCII (400).
    """
    values = request.headers.getall("Authorization", [])
    if len(values) > 1 or not all(value.isascii() and value.isprintable() for value in values):
        raise RequestRejected(400, ErrorCode.UNAUTHORIZED, "one Authorization header of printable ASCII is accepted")
    return values[0] if values else None


def certificate_of(request: web.BaseRequest) -> Mapping[str, Any] | None:
    """The client's TLS certificate, which the listener has verified; None when it shows none."""
    found: Mapping[str, Any] | None = (
        None if request.transport is None else request.transport.get_extra_info("peercert")
    )
    return found or None


def access_of(request: web.BaseRequest) -> Access:
    """With whose right the upstream is asked: the client's own only where the door said so (attacks B28).

    Raises:
        RequestRejected: credentials that no request can have (400).
    """
    authorization, passes = authorization_of(request), request.get(_PASSES, False)
    warned = warnings_of(request).append
    routed = request.get(_ROUTED)
    upstream = DEFAULT if routed is None else routed.upstream
    return Access(authorization if passes else None, upstream=upstream, by_gate=not passes, warned=warned)


def warnings_of(request: web.BaseRequest) -> list[str]:
    """What the upstream warned of while this request was answered; the answer carries it on."""
    told: list[str] = request.setdefault(_WARNINGS, [])
    return told


def caller_of(request: web.BaseRequest) -> Caller:
    """Who asks. The name is for the decision log; only the identity counts for anything."""
    identity = request.get(_IDENTITY, NOBODY)
    return Caller(
        address=request.remote or "",
        user_agent=printable(request.headers.get("User-Agent", ""), CALLER_CHARACTERS),
        name=printable(identity.name, CALLER_CHARACTERS) or _basic_name(request.headers.get("Authorization", "")),
        identity=identity,
        request=request_id(request),
    )


def accept_of(request: web.BaseRequest) -> tuple[str, ...]:
    """Every media type that any `Accept` line names, without parameters; one with `q=0` is not acceptable.

    Docker and containers/image send a line for each type, others join them; the upstream picks by them (B11).

    Raises:
        RequestRejected: more than `limits.ACCEPTED_TYPES` (400).
    """
    found: list[str] = []
    for entry in ",".join(request.headers.getall("Accept", [])).split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        refused = any(re.fullmatch(r"[qQ]=0(?:\.0{0,3})?", parameter) for parameter in parameters)
        if not refused and (media_type == ANYTHING or _TYPE.fullmatch(media_type)) and media_type not in found:
            found.append(media_type)
        if len(found) > ACCEPTED_TYPES:
            raise RequestRejected(400, ErrorCode.UNSUPPORTED, f"Accept names more than {ACCEPTED_TYPES} media types")
    return tuple(found)


def asks_for_push(request: web.BaseRequest) -> bool:
    """Whether this is the HEAD with which a push looks whether a manifest is there already.

    containerd, BuildKit and docker with the containerd store: one manifest type, and anything (clients.md section 1).
    """
    accept = accept_of(request)
    return request.method == "HEAD" and len(accept) == 2 and ANYTHING in accept and not {*accept}.isdisjoint(MANIFESTS)


def content_type_of(request: web.BaseRequest) -> str:
    """The media type of the body, without parameters.

    Raises:
        RequestRejected: none, more than one, or none that is a media type (400).
    """
    values = request.headers.getall("Content-Type", [])
    media_type = values[0].partition(";")[0].strip() if len(values) == 1 else ""
    if not _TYPE.fullmatch(media_type):
        raise RequestRejected(400, ErrorCode.MANIFEST_INVALID, "a manifest is pushed with one Content-Type: its own")
    return media_type


def range_of(request: web.BaseRequest) -> ByteRange | None:
    """The one range of bytes that is asked for; whether the blob has it is the upstream's to say (416).

    None is the whole blob, which RFC 9110 section 14.2 lets a server send for every range it does not want to serve:
    several, one under `If-Range`, one that is none.
    """
    values = request.headers.getall("Range", [])
    found = _RANGE.fullmatch(values[0]) if len(values) == 1 and "If-Range" not in request.headers else None
    if found is None or found[0] == "bytes=-":
        return None
    first, last = (int(end) if end else None for end in found.groups())
    return ByteRange(first=first, last=last)


def content_range_of(request: web.BaseRequest, length: int | None) -> str | None:
    """The `Content-Range` of an upload's chunk, `<first>-<last>` (distribution-spec 1.1, "Pushing a blob in chunks").

    Raises:
        RequestRejected: another form, several, or not as long as the body says it is (416).
    """
    values = request.headers.getall("Content-Range", [])
    if not values:
        return None
    found = _CONTENT_RANGE.fullmatch(values[0]) if len(values) == 1 else None
    if found is None or length not in (None, int(found[2]) - int(found[1]) + 1):
        raise RequestRejected(
            416, ErrorCode.BLOB_UPLOAD_INVALID, "a chunk's Content-Range is <first>-<last>, as long as its body"
        )
    return f"{int(found[1])}-{int(found[2])}"


def _basic_name(authorization: str) -> str:
    """The user of Basic credentials (RFC 7617); the secret goes no further than this line."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        name = base64.b64decode(encoded.strip(), validate=True).partition(b":")[0].decode()
    except (binascii.Error, ValueError):
        return ""
    return printable(name, CALLER_CHARACTERS)
