"""The edge: one request in, one answer out, whatever happens (design section 2, promise 2).

There is no router and no pass-through: the target is matched against the grammar of `target`, the method against what
that target takes, and one handler answers from parsed parts. Every other way ends in an OCI error.
"""

import logging
from collections.abc import Mapping
from typing import Final, assert_never
from urllib.parse import urlsplit

from aiohttp import HttpVersion10, HttpVersion11, web

from sealgate.admission.pull import Pull
from sealgate.admission.push import Push
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import ReferenceMalformed, SealgateError
from sealgate.http import answer
from sealgate.http.blobs import Blobs
from sealgate.http.inbound import access_of
from sealgate.http.listings import Listings
from sealgate.http.manifests import Manifests
from sealgate.http.problem import RequestRejected
from sealgate.http.render import failed, unexpected
from sealgate.http.target import (
    BlobTarget,
    Catalog,
    ManifestTarget,
    Ping,
    ReferrersTarget,
    TagsTarget,
    Target,
    UploadSession,
    UploadStart,
    parse_target,
)
from sealgate.http.uploads import Uploads
from sealgate.oci.wire import ErrorCode
from sealgate.policy.model import Operation
from sealgate.ports import Upstream

_logger: Final = logging.getLogger(__name__)

_WRITES: Final = frozenset({"PUT", "POST", "PATCH", "DELETE"})


class Edge:
    """Answers every request that reaches the gate.

    Args:
        upstream: the registry behind it.
        pull: decides what may be read.
        push: decides what may be written.
        seal: makes the upstream's upload locations the gate's own.
        public_url: what clients call the gate; messages name its host.
        hosts: what `?ns=` may name besides: the upstream's own `host[:port]`.
    """

    def __init__(
        self,
        *,
        upstream: Upstream,
        pull: Pull,
        push: Push,
        seal: UploadSeal,
        public_url: str,
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        host = urlsplit(public_url).netloc
        self._upstream = upstream
        self._namespaces = hosts | {host}
        self._manifests = Manifests(pull, push, host)
        self._blobs = Blobs(upstream, pull, host)
        self._uploads = Uploads(upstream, push, seal, host)
        self._listings = Listings(upstream)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, to the end. Raises nothing but cancellation."""
        try:
            response = await self._answer(request)
        except SealgateError as error:
            operation = Operation.PUSH if request.method in _WRITES else Operation.PULL
            response = answer.error(failed(error, operation))
        except Exception:
            _logger.exception("a request ended in an error that nobody foresaw")
            response = answer.error(unexpected())
        await answer.send(request, response)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.version not in (HttpVersion10, HttpVersion11):  # the parser lets HTTP/2.0 through (attacks B30)
            raise RequestRejected(505, ErrorCode.UNSUPPORTED, "HTTP/1.1 is spoken here")
        try:
            target, query = parse_target(request.raw_path)
        except ReferenceMalformed as error:
            raise RequestRejected(404, ErrorCode.NAME_UNKNOWN, str(error)) from error
        if query.get("ns", "") not in {"", *self._namespaces}:
            raise RequestRejected(400, ErrorCode.NAME_UNKNOWN, "the query's ns names no registry behind this gate")
        if request.method not in target.methods:
            raise _not_allowed(request.method, target)
        return await self._dispatch(request, target, query)

    async def _dispatch(self, request: web.BaseRequest, target: Target, query: Mapping[str, str]) -> web.StreamResponse:
        match target, request.method:
            case Ping(), _:
                return await self._ping(request)
            case Catalog(), _:
                raise RequestRejected(404, ErrorCode.UNSUPPORTED, "this gate does not list repositories")
            case ManifestTarget(), "PUT":
                return await self._manifests.put(request, target)
            case ManifestTarget(), _:
                return await self._manifests.get(request, target)
            case BlobTarget(), "HEAD":
                return await self._blobs.head(request, target)
            case BlobTarget(), _:
                return await self._blobs.get(request, target)
            case UploadStart(), _:
                return await self._uploads.start(request, target, query)
            case UploadSession(), "PATCH":
                return await self._uploads.append(request, target)
            case UploadSession(), "PUT":
                return await self._uploads.finish(request, target, query)
            case UploadSession(), "DELETE":
                return await self._uploads.cancel(request, target)
            case UploadSession(), _:
                return await self._uploads.status(request, target)
            case TagsTarget(), _:
                return await self._listings.tags(request, target, query)
            case ReferrersTarget(), _:
                return await self._listings.referrers(request, target, query)
        assert_never(target)

    async def _ping(self, request: web.BaseRequest) -> web.StreamResponse:
        """`GET /v2/`: is this a registry, and may I come in. Both are the upstream's to say, never a policy's."""
        await self._upstream.ping(access_of(request))
        return answer.ok(200, (("Content-Type", "application/json"),), b"{}")


def _not_allowed(method: str, target: Target) -> RequestRejected:
    """405, as a registry answers whose deletes are off (distribution-spec 1.1, "Content Management")."""
    told = "deletes are not allowed through this gate" if method == "DELETE" else f"{method[:20]} is not allowed here"
    return RequestRejected(405, ErrorCode.UNSUPPORTED, told, ("Allow", ", ".join(target.methods)))
