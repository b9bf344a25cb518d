"""Listings: what refers to a digest, tags, repositories. All are parsed; no text of them is passed on."""

import contextlib
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlencode

from sealgate.adapters.upstream.answers import expect, media_type, next_page, read_whole
from sealgate.adapters.upstream.calls import Calls
from sealgate.errors import JsonMalformed, Malformed, ManifestMalformed, ReferenceMalformed, TooLarge, UpstreamRefused
from sealgate.limits import (
    CURSOR_CHARACTERS,
    LISTING_PAGE_BYTES,
    REFERRERS_LISTED,
    REFERRERS_PAGE_BYTES,
    REFERRERS_PAGES,
)
from sealgate.oci import strict_json
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, Index, parse_manifest
from sealgate.oci.media_types import OCI_INDEX
from sealgate.oci.reference import Repository, Tag
from sealgate.ports import Access, CatalogPage, ReferrersPage, TagPage

_Name = TypeVar("_Name", Tag, Repository)

_NO_SUCH_API: Final = frozenset({400, 404, 405, 406})  # what registries without the referrers API answer


class ListingCalls(Calls):
    """`/v2/<name>/referrers/<digest>`, `/v2/<name>/tags/list` and `/v2/_catalog`."""

    async def referrers(self, repository: Repository, digest: Digest, access: Access) -> ReferrersPage:
        """See `ports.Upstream`. Where a page cannot be had or its `Link` not be followed, the answer is incomplete."""
        path = f"/v2/{repository}/referrers/{digest}"
        found: list[Descriptor] = []
        following = path
        for _ in range(REFERRERS_PAGES):
            try:
                page = await self._referrers_page(following, access)
                if page is None and following == path:
                    return ReferrersPage(supported=False)
                if page is None:
                    break
                descriptors, links = page
                found += descriptors
                after = next_page(links, self._origin, path)
            except (TooLarge, Malformed):
                break
            if len(found) > REFERRERS_LISTED:
                break
            if after is None:
                return ReferrersPage(supported=True, descriptors=tuple(found))
            following = after
        return ReferrersPage(supported=True, descriptors=tuple(found[:REFERRERS_LISTED]), complete=False)

    async def _referrers_page(self, path: str, access: Access) -> tuple[tuple[Descriptor, ...], list[str]] | None:
        """One page and its `Link` headers; None when this registry does not answer with an index."""
        async with self._ask("GET", path, access, {"Accept": OCI_INDEX}) as response:
            try:
                await expect(self._transport, response, 200)
            except UpstreamRefused as refused:
                if refused.status in _NO_SUCH_API:
                    return None
                raise
            if media_type(response) != OCI_INDEX:
                return None
            raw = await read_whole(self._transport, response, REFERRERS_PAGE_BYTES)
            links = response.headers.getall("Link", [])
        try:
            if _lists_nothing(raw):
                return (), links
            index = parse_manifest(raw, OCI_INDEX)
        except (JsonMalformed, ManifestMalformed) as error:
            raise self._transport.unavailable(f"answered with malformed referrers: {error}") from error
        return (index.manifests if isinstance(index, Index) else ()), links

    async def tags(self, repository: Repository, most: int | None, last: str, access: Access) -> TagPage:
        """See `ports.Upstream`. Names outside the specification's grammar are left out: they cannot be asked for."""
        names, following = await self._page(f"/v2/{repository}/tags/list", "tags", most, last, access)
        return TagPage(tags=_parsed(names, Tag.parse), last=following)

    async def catalog(self, most: int | None, last: str, access: Access) -> CatalogPage:
        """See `ports.Upstream`. Names outside the specification's grammar are left out."""
        names, following = await self._page("/v2/_catalog", "repositories", most, last, access)
        return CatalogPage(repositories=_parsed(names, Repository.parse), last=following)

    async def _page(
        self, path: str, member: str, most: int | None, last: str, access: Access
    ) -> tuple[list[str], str | None]:
        """The names on one page of a listing, and where the next one begins."""
        asked = {"n": "" if most is None else str(most), "last": last}
        query = urlencode({name: value for name, value in asked.items() if value})
        async with self._ask("GET", f"{path}?{query}" if query else path, access) as response:
            await expect(self._transport, response, 200)
            try:
                names = _names(await read_whole(self._transport, response, LISTING_PAGE_BYTES), member)
            except (TooLarge, JsonMalformed) as error:
                told = f"answered with a listing of {member} that cannot be read: {error}"
                raise self._transport.unavailable(told) from error
            links = response.headers.getall("Link", [])
        return names, self._cursor(links, path, names)

    def _cursor(self, links: list[str], path: str, names: list[str]) -> str | None:
        """Where the next page begins: the upstream's own `last`, or the last name, as the specification has it."""
        try:
            following = next_page(links, self._origin, path)
        except Malformed as error:
            raise self._transport.unavailable("answered with a listing that leads elsewhere") from error
        if following is None:
            return None
        cursors = parse_qs(following.partition("?")[2]).get("last", names[-1:])
        if len(cursors) != 1 or len(cursors[0]) > CURSOR_CHARACTERS:
            raise self._transport.unavailable("answered with a listing that does not say where it goes on")
        return cursors[0]


def _lists_nothing(raw: bytes) -> bool:
    """Whether an answer lists `null`: what registries written in Go make of a list that nothing was put into."""
    document = strict_json.loads(raw)
    return isinstance(document, dict) and document.get("manifests", ()) is None


def _names(raw: bytes, member: str) -> list[str]:
    document = strict_json.loads(raw)
    names = document.get(member) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(names, list | None):
        raise JsonMalformed(f"not an object with a list of {member}")
    return [name for name in names or () if isinstance(name, str)]


def _parsed(names: list[str], parse: Callable[[str], _Name]) -> tuple[_Name, ...]:
    found: list[_Name] = []
    for name in names:
        with contextlib.suppress(ReferenceMalformed):
            found.append(parse(name))
    return tuple(found)
