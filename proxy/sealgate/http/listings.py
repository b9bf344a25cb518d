"""Listings: tags, referrers, repositories; read into types and told again, and not judged (design section 5)."""

import json
import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from sealgate.errors import ReferenceMalformed, UpstreamUnavailable
from sealgate.http import answer
from sealgate.http.inbound import access_of, caller_of, routed_of
from sealgate.http.places import page
from sealgate.http.problem import RequestRejected
from sealgate.http.target import ReferrersTarget, TagsTarget
from sealgate.limits import CATALOG_PAGES, CURSOR_CHARACTERS, LISTING_ENTRIES
from sealgate.oci.manifest import Descriptor
from sealgate.oci.media_types import OCI_INDEX
from sealgate.oci.naming import Names
from sealgate.oci.reference import Repository
from sealgate.oci.wire import ErrorCode
from sealgate.ports import Caller, Registry, Rights, Upstream

_NUMBER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


class Listings:
    """Answers requests for listings.

    Args:
        upstream: what is listed.
        names: which canonical name is whose.
        rights: who may see which repositories; None leaves it to the upstream.
    """

    def __init__(self, upstream: Upstream, names: Names, rights: Rights | None = None) -> None:
        self._upstream = upstream
        self._names = names
        self._rights = rights

    async def tags(self, request: web.BaseRequest, target: TagsTarget, query: Mapping[str, str]) -> web.StreamResponse:
        """One page of the tags (distribution-spec 1.1, "Listing Tags"), at most `limits.LISTING_ENTRIES` (B20)."""
        most, wanted = _numbers(query)
        page = await self._upstream.tags(target.repository, wanted, _last(query), access_of(request))
        names = [tag.name for tag in page.tags] if most != 0 else []
        routed = routed_of(request)
        path = f"/v2/{routed.asked}/tags/list"
        return _page(path, routed.ns, most, page.last, {"name": routed.asked, "tags": names})

    async def catalog(
        self, request: web.BaseRequest, registry: Registry, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """One page of one registry's repositories, of those that this caller may read (attacks B20)."""
        most, wanted = _numbers(query)
        caller, shown, last = caller_of(request), list[str](), _last(query)
        # A page ends with a name that is shown: where the next one begins would tell of one that is not.
        for _ in range(CATALOG_PAGES):
            page = await registry.catalog(wanted, last, access_of(request))
            visible = [one.name for one in page.repositories if self._may_be_seen(registry.name, one, caller)]
            shown += visible
            if self._rights is not None and wanted is not None and len(shown) > wanted:
                shown = shown[:wanted]
                return _page("/v2/_catalog", query.get("ns", ""), most, shown[-1], {"repositories": shown})
            if page.last is None or visible[-1:] == [page.last] or self._rights is None:
                told = {"repositories": shown if most != 0 else []}
                return _page("/v2/_catalog", query.get("ns", ""), most, page.last, told)
            last = page.last
        raise UpstreamUnavailable("the catalog is too long a list of what may not be seen; ask for larger pages")

    def _may_be_seen(self, registry: str, own: Repository, caller: Caller) -> bool:
        """Whether a repository is listed: never what cannot be asked for by the name that the registry gives it."""
        try:
            repository = self._names.canonical_at(registry, own)
        except ReferenceMalformed:
            return False
        return self._rights is None or self._rights.may_pull(repository, caller)

    async def referrers(
        self, request: web.BaseRequest, target: ReferrersTarget, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """The referrers of a digest (distribution-spec 1.1, "Listing Referrers"), in one page."""
        page = await self._upstream.referrers(target.repository, target.digest, access_of(request))
        if not page.supported:  # then clients go to the fallback tag, as they would at the upstream
            raise RequestRejected(404, ErrorCode.NAME_UNKNOWN, "this registry has no referrers API")
        if not page.complete:
            raise UpstreamUnavailable(f"{target.digest} has more referrers than can be listed")
        headers = [("Content-Type", OCI_INDEX)]
        descriptors = page.descriptors
        if wanted := query.get("artifactType", ""):
            descriptors = tuple(found for found in descriptors if found.artifact_type == wanted)
            headers.append(("OCI-Filters-Applied", "artifactType"))
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [_descriptor(found) for found in descriptors],
        }
        return answer.ok(200, headers, _json(index))


def _numbers(query: Mapping[str, str]) -> tuple[int | None, int | None]:
    """How many are asked for, and how many to ask the upstream for.

    `n=0` is an empty page; whether the caller may see it at all is still the upstream's to say.
    """
    text = query.get("n", "")
    if not text:
        return None, None
    if not _NUMBER.fullmatch(text):
        raise RequestRejected(400, ErrorCode.UNSUPPORTED, "the query's n is no number of entries")
    most = min(int(text), LISTING_ENTRIES)
    return most, max(most, 1)


def _last(query: Mapping[str, str]) -> str:
    """Where the page begins: after a name, or at what the upstream calls it; it gets it back as it gave it."""
    last = query.get("last", "")
    if len(last) > CURSOR_CHARACTERS:
        raise RequestRejected(400, ErrorCode.UNSUPPORTED, "the query's last is too long")
    return last


def _page(path: str, ns: str, most: int | None, last: str | None, document: Mapping[str, object]) -> web.StreamResponse:
    headers = [("Content-Type", "application/json")]
    if last is not None and most != 0:
        number = {} if most is None else {"n": str(most)}
        headers.append(("Link", f'<{page(path, ns, {**number, "last": last})}>; rel="next"'))
    return answer.ok(200, headers, _json(document))


def _descriptor(found: Descriptor) -> dict[str, object]:
    """A descriptor of the listing; its platform is left out, since nothing that refers has one."""
    told: dict[str, object] = {"mediaType": found.media_type, "digest": str(found.digest), "size": found.size}
    if found.artifact_type:
        told["artifactType"] = found.artifact_type
    if found.annotations:
        told["annotations"] = dict(found.annotations)
    return told


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
