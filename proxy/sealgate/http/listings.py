"""Listings: tags and referrers, read into types and told again. Nothing in them is judged (design section 5)."""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from aiohttp import web

from sealgate.errors import ReferenceMalformed, UpstreamUnavailable
from sealgate.http import answer
from sealgate.http.inbound import access_of
from sealgate.http.problem import RequestRejected
from sealgate.http.target import ReferrersTarget, TagsTarget
from sealgate.limits import LISTING_ENTRIES
from sealgate.oci.manifest import Descriptor
from sealgate.oci.media_types import OCI_INDEX
from sealgate.oci.reference import Tag
from sealgate.oci.wire import ErrorCode
from sealgate.ports import Upstream

_NUMBER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


class Listings:
    """Answers requests for tag and referrers listings.

    Args:
        upstream: what is listed.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def tags(self, request: web.BaseRequest, target: TagsTarget, query: Mapping[str, str]) -> web.StreamResponse:
        """One page of the tags (distribution-spec 1.1, "Listing Tags"), at most `limits.LISTING_ENTRIES` (B20)."""
        most, last = _number(query.get("n", "")), _last(query.get("last", ""))
        # `n=0` is an empty page; whether the repository may be seen at all is still the upstream's to say.
        wanted = None if most is None else max(most, 1)
        page = await self._upstream.tags(target.repository, wanted, last, access_of(request))
        tags = [tag.name for tag in page.tags] if most != 0 else []
        headers = [("Content-Type", "application/json")]
        if page.last is not None and most != 0:
            number = "" if most is None else f"n={most}&"
            after = quote(page.last, safe="")
            headers.append(("Link", f'</v2/{target.repository}/tags/list?{number}last={after}>; rel="next"'))
        return answer.ok(200, headers, _json({"name": target.repository.name, "tags": tags}))

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


def _number(text: str) -> int | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise RequestRejected(400, ErrorCode.UNSUPPORTED, "the query's n is no number of tags")
    return min(int(text), LISTING_ENTRIES)


def _last(text: str) -> str:
    try:
        return Tag.parse(text).name if text else ""
    except ReferenceMalformed as error:
        raise RequestRejected(400, ErrorCode.UNSUPPORTED, f"the query's last: {error}") from error


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
