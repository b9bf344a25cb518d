"""The edge: one request in, one answer out, whatever happens (design section 2, promise 2).

There is no router and no pass-through: the target is matched against the grammar of `target`, the method against what
that target takes, and one handler answers from parsed parts. Every other way ends in an OCI error.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, assert_never

from aiohttp import HttpVersion10, HttpVersion11, web

from sealgate.admission.deletes import Deletes
from sealgate.admission.pull import Pull
from sealgate.admission.push import Push
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import ReferenceMalformed, SealgateError
from sealgate.http import answer
from sealgate.http.authenticate import Door
from sealgate.http.blobs import Blobs
from sealgate.http.inbound import about, access_of, caller_of, host_of, request_id, route, warnings_of
from sealgate.http.listings import Listings
from sealgate.http.manifests import Manifests
from sealgate.http.problem import RequestRejected
from sealgate.http.render import failed, passed_on, unexpected
from sealgate.http.target import (
    BlobTarget,
    Catalog,
    ManifestTarget,
    Ping,
    ReferrersTarget,
    RepositoryTarget,
    TagsTarget,
    Target,
    UploadSession,
    UploadStart,
    parse_target,
)
from sealgate.http.token_endpoint import PATH as TOKENS
from sealgate.http.token_endpoint import TokenEndpoint
from sealgate.http.uploads import Uploads
from sealgate.oci.naming import Names
from sealgate.oci.wire import ErrorCode
from sealgate.policy.model import Operation
from sealgate.ports import Registry, Rights, Upstream

_logger: Final = logging.getLogger(__name__)

_WRITES: Final = frozenset({"PUT", "POST", "PATCH", "DELETE"})


class Edge:
    """Answers every request that reaches the gate.

    Args:
        upstream: the registries behind it.
        registries: each of them, by its name.
        names: which of them a request is about.
        pull: decides what may be read.
        push: decides what may be written.
        deletes: deletes.
        seal: makes the upstream's upload locations the gate's own.
        rights: who may do what; None when the settings have no `access:`: then nobody deletes.
        catalog: whether repositories are listed.
        door: who may come in, and whose credentials go to the upstream; everybody, and the client's, when None.
        tokens: the gate's own token endpoint; None when it needs none.
    """

    def __init__(
        self,
        *,
        upstream: Upstream,
        registries: Mapping[str, Registry],
        names: Names,
        pull: Pull,
        push: Push,
        deletes: Deletes,
        seal: UploadSeal,
        rights: Rights | None = None,
        catalog: bool = False,
        door: Door | None = None,
        tokens: TokenEndpoint | None = None,
    ) -> None:
        self._registries = registries
        self._names = names
        self._rights = rights
        self._catalog = catalog
        self._door = door or Door()
        self._tokens = tokens
        self._manifests = Manifests(pull, push, deletes)
        self._blobs = Blobs(upstream, pull, deletes)
        self._uploads = Uploads(upstream, push, pull, seal, names, rights)
        self._listings = Listings(upstream, names, rights)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, to the end. Raises nothing but cancellation."""
        try:
            response = await self._answer(request)
        except SealgateError as error:
            operation = Operation.PUSH if request.method in _WRITES else Operation.PULL
            response = answer.error(failed(error, operation), request_id(request))
        except Exception:
            _logger.exception("a request ended in an error that nobody foresaw")
            response = answer.error(unexpected())
        if not response.prepared:
            response.headers.extend(passed_on(warnings_of(request)))
        await answer.send(request, response)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.version not in (HttpVersion10, HttpVersion11):  # the parser lets HTTP/2.0 through (attacks B30)
            raise RequestRejected(505, ErrorCode.UNSUPPORTED, "HTTP/1.1 is spoken here")
        if self._tokens is not None and request.raw_path.partition("?")[0] == TOKENS:
            about(request, "token")
            return await self._tokens.get(request)
        try:
            target, query = parse_target(request.raw_path)
        except ReferenceMalformed as error:
            raise RequestRejected(404, ErrorCode.NAME_UNKNOWN, str(error)) from error
        about(request, target.called)
        allowed = self._methods(target)
        if request.method not in allowed:
            raise _not_allowed(request.method, allowed)
        if isinstance(target, Ping | Catalog):
            return await self._without_repository(request, target, query)
        with _as_bad_request():
            routed = self._names.canonical(target.repository.name, query.get("ns", ""), host_of(request))
        route(request, routed)
        target = replace(target, repository=routed.repository)
        await self._door.enter(request, target, routed.repository, routed.upstream, routed.way)
        return await self._dispatch(request, target, query)

    async def _without_repository(
        self, request: web.BaseRequest, target: Ping | Catalog, query: Mapping[str, str]
    ) -> web.StreamResponse:
        with _as_bad_request():
            upstream, way = self._names.registry(query.get("ns", ""), host_of(request))
        await self._door.enter(request, target, None, upstream, way)
        registry = None if upstream is None else self._registries[upstream]
        if isinstance(target, Ping):
            return await self._ping(request, registry)
        if registry is None or not self._catalog:
            raise RequestRejected(404, ErrorCode.UNSUPPORTED, "this gate does not list repositories")
        return await self._listings.catalog(request, registry, query)

    async def _dispatch(
        self, request: web.BaseRequest, target: RepositoryTarget, query: Mapping[str, str]
    ) -> web.StreamResponse:
        match target, request.method:
            case ManifestTarget() | BlobTarget(), "DELETE":
                return await self._delete(request, target)
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

    def _methods(self, target: Target) -> tuple[str, ...]:
        """What may be done with a target. Without rights nobody deletes; an upload may always be given up."""
        if self._rights is not None or isinstance(target, UploadSession):
            return target.methods
        return tuple(method for method in target.methods if method != "DELETE")

    async def _delete(self, request: web.BaseRequest, target: ManifestTarget | BlobTarget) -> web.StreamResponse:
        """Deletes are a matter of rights, and no policy's."""
        if self._rights is None or not self._rights.may_delete(target.repository, caller_of(request)):
            raise RequestRejected(403, ErrorCode.DENIED, "you have no right to delete here")
        if isinstance(target, ManifestTarget):
            return await self._manifests.delete(request, target)
        return await self._blobs.delete(request, target)

    async def _ping(self, request: web.BaseRequest, registry: Registry | None) -> web.StreamResponse:
        """`GET /v2/`: is this a registry, and may I come in. Both are the upstream's to say, never a policy's."""
        if registry is not None:
            await registry.ping(access_of(request))
        return answer.ok(200, (("Content-Type", "application/json"),), b"{}")


@contextmanager
def _as_bad_request() -> Iterator[None]:
    """A request that names no registry, or more than one, is 400 (attacks B17)."""
    try:
        yield
    except ReferenceMalformed as error:
        raise RequestRejected(400, ErrorCode.NAME_INVALID, str(error)) from error


def _not_allowed(method: str, allowed: tuple[str, ...]) -> RequestRejected:
    """405, as a registry answers whose deletes are off (distribution-spec 1.1, "Content Management")."""
    told = "deletes are not allowed through this gate" if method == "DELETE" else f"{method[:20]} is not allowed here"
    return RequestRejected(405, ErrorCode.UNSUPPORTED, told, ("Allow", ", ".join(allowed)))
