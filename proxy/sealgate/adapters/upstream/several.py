"""`ports.Upstream` over several registries: the one place where a canonical name becomes a registry and its own name.

Nothing that is meant for one registry reaches another: a client's credentials go to the registry that the request named
and to no other, whatever else is asked on its behalf; registries have connections, deadlines and failures of their own.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import NamedTuple

from sealgate.oci.digest import Digest
from sealgate.oci.naming import Names
from sealgate.oci.reference import Reference, Repository
from sealgate.ports import (
    Access,
    BlobHead,
    BlobRedirect,
    BlobStream,
    ByteRange,
    FetchedManifest,
    ReferrersPage,
    Registry,
    StoredManifest,
    TagPage,
    UploadProgress,
)


class _Place(NamedTuple):
    """Where a canonical name leads, and with whose right it is asked there."""

    registry: Registry
    own: Repository
    access: Access


class SeveralUpstreams:
    """Every registry behind the gate, asked by canonical names.

    Args:
        registries: by their names in the settings; each is asked by its repositories' own names.
        names: which canonical name is whose.
    """

    def __init__(self, registries: Mapping[str, Registry], names: Names) -> None:
        self._registries = registries
        self._names = names

    def _at(self, repository: Repository, access: Access) -> _Place:
        name, own = self._names.at(repository)
        if access.upstream != name:
            access = replace(access, authorization=None, by_gate=True, upstream=name)
        return _Place(self._registries[name], own, access)

    async def manifest(
        self, repository: Repository, reference: Reference, accept: Sequence[str], access: Access
    ) -> FetchedManifest:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.manifest(at.own, reference, accept, at.access)

    async def referrers(self, repository: Repository, digest: Digest, access: Access) -> ReferrersPage:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.referrers(at.own, digest, at.access)

    async def small_blob(self, repository: Repository, digest: Digest, most: int, access: Access) -> bytes:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.small_blob(at.own, digest, most, at.access)

    async def blob_head(self, repository: Repository, digest: Digest, access: Access) -> BlobHead:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.blob_head(at.own, digest, at.access)

    def blob(
        self, repository: Repository, digest: Digest, wanted: ByteRange | None, access: Access
    ) -> AbstractAsyncContextManager[BlobStream | BlobRedirect]:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return at.registry.blob(at.own, digest, wanted, at.access)

    async def put_manifest(
        self, repository: Repository, reference: Reference, content_type: str, raw: bytes, access: Access
    ) -> StoredManifest:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.put_manifest(at.own, reference, content_type, raw, at.access)

    async def delete_manifest(self, repository: Repository, reference: Reference, access: Access) -> None:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        await at.registry.delete_manifest(at.own, reference, at.access)

    async def delete_blob(self, repository: Repository, digest: Digest, access: Access) -> None:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        await at.registry.delete_blob(at.own, digest, at.access)

    async def start_upload(self, repository: Repository, access: Access) -> UploadProgress:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.start_upload(at.own, at.access)

    async def push_blob(
        self, repository: Repository, digest: Digest, body: AsyncIterator[bytes], length: int | None, access: Access
    ) -> UploadProgress | None:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.push_blob(at.own, digest, body, length, at.access)

    async def mount_blob(
        self, repository: Repository, digest: Digest, source: Repository, access: Access
    ) -> UploadProgress | None:
        """See `ports.Upstream`. What is at another registry cannot be mounted: a session is begun instead."""
        at = self._at(repository, access)
        name, own_source = self._names.at(source)
        if name != at.access.upstream:
            return await at.registry.start_upload(at.own, at.access)
        return await at.registry.mount_blob(at.own, digest, own_source, at.access)

    async def upload_chunk(
        self,
        repository: Repository,
        location: str,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> UploadProgress:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.upload_chunk(at.own, location, body, length, content_range, at.access)

    async def finish_upload(
        self,
        repository: Repository,
        location: str,
        digest: Digest,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> Digest:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.finish_upload(at.own, location, digest, body, length, content_range, at.access)

    async def upload_progress(self, repository: Repository, location: str, access: Access) -> UploadProgress:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.upload_progress(at.own, location, at.access)

    async def cancel_upload(self, repository: Repository, location: str, access: Access) -> None:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        await at.registry.cancel_upload(at.own, location, at.access)

    async def tags(self, repository: Repository, most: int | None, last: str, access: Access) -> TagPage:
        """See `ports.Upstream`."""
        at = self._at(repository, access)
        return await at.registry.tags(at.own, most, last, at.access)
