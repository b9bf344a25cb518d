"""Manifests: fetched once and hashed, or stored byte by byte."""

from collections.abc import AsyncIterator, Sequence

from sealgate.adapters.upstream.answers import digest_in, expect, media_type, read_whole
from sealgate.adapters.upstream.calls import Calls
from sealgate.adapters.upstream.sending import Sending
from sealgate.errors import ContentMismatch, ManifestMalformed
from sealgate.limits import MANIFEST_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Reference, Repository
from sealgate.ports import Access, FetchedManifest, StoredManifest


class ManifestCalls(Calls):
    """`/v2/` and `/v2/<name>/manifests/<reference>`."""

    async def ping(self, access: Access) -> None:
        """See `ports.Upstream`."""
        async with self._ask("GET", "/v2/", access) as response:
            await expect(self._transport, response, 200)

    async def manifest(
        self, repository: Repository, reference: Reference, accept: Sequence[str], access: Access
    ) -> FetchedManifest:
        """See `ports.Upstream`. The digest is ours: what the upstream says of it in a header counts for nothing."""
        headers = {"Accept": _accepted(accept)}
        async with self._ask("GET", f"/v2/{repository}/manifests/{reference}", access, headers) as response:
            await expect(self._transport, response, 200)
            raw = await read_whole(self._transport, response, MANIFEST_BYTES)
            content_type = media_type(response)
        if isinstance(reference, Digest) and not reference.matches(raw):
            raise ContentMismatch(f"the upstream served other bytes for {reference}")
        return FetchedManifest(raw=raw, content_type=content_type, digest=Digest.of(raw))

    async def put_manifest(
        self, repository: Repository, reference: Reference, content_type: str, raw: bytes, access: Access
    ) -> StoredManifest:
        """See `ports.Upstream`.

        Raises:
            ManifestMalformed: `content_type` is not one of a manifest.
        """
        if content_type not in MANIFESTS:
            raise ManifestMalformed("the media type is not one of a manifest")
        path = f"/v2/{repository}/manifests/{reference}"
        sending = Sending(_once(raw), len(raw))
        async with self._ask("PUT", path, access, {"Content-Type": content_type}, sending) as response:
            await expect(self._transport, response, 201, 202)  # 202: Quay
            return StoredManifest(subject=digest_in(response, "OCI-Subject"))

    async def delete_manifest(self, repository: Repository, reference: Reference, access: Access) -> None:
        """See `ports.Upstream`."""
        async with self._ask("DELETE", f"/v2/{repository}/manifests/{reference}", access) as response:
            await expect(self._transport, response, 200, 202, 204)  # the specification says 202, Harbor 200, others 204


def _accepted(accept: Sequence[str]) -> str:
    """One `Accept` line of the manifest types among these, in their order; of all when that leaves none.

    One line, since registries read only the first of several; all, since a registry that is asked for
    `*/*` alone may answer with a converted or an older manifest than the one its clients get.
    """
    asked = [entry.partition(";")[0].strip() for line in accept for entry in line.split(",")]
    known = list(dict.fromkeys(entry for entry in asked if entry in MANIFESTS))
    return ", ".join([*known, *(["*/*"] if "*/*" in asked else [])] if known else MANIFESTS)


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
