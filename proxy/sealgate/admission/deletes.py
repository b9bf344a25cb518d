"""Deletes: passed on, and nothing that was decided in the repository is relied on afterwards (attacks B21).

What is deleted may be what an admission rests on: a signature, the index that covers its children, a manifest that
lists a blob. Which it is need not be found out: every decision of the repository is made afresh, which costs a
verification of what is still pulled from it.
"""

from sealgate.admission.judge import Judge
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.oci.referrers import fallback_subject
from sealgate.ports import Access, Upstream


class Deletes:
    """Deletes at the upstream. Whether the caller has the right to is asked before.

    Args:
        upstream: where things are deleted.
        judge: whose decisions are dropped.
    """

    def __init__(self, upstream: Upstream, judge: Judge) -> None:
        self._upstream = upstream
        self._judge = judge

    async def manifest(self, repository: Repository, reference: Reference, access: Access) -> None:
        """Delete a tag, or a manifest by its digest.

        Raises:
            UpstreamRefused, UpstreamUnavailable: the upstream did not say that it did; it may have, all the same.
            StateUnavailable: it is deleted, and what was decided before cannot be dropped.
        """
        try:
            await self._upstream.delete_manifest(repository, reference, access)
        finally:
            await self._judge.forget(repository, fallback_subject(reference) if isinstance(reference, Tag) else None)

    async def blob(self, repository: Repository, digest: Digest, access: Access) -> None:
        """Delete a blob, which may be a signature's. Raises as `manifest`."""
        try:
            await self._upstream.delete_blob(repository, digest, access)
        finally:
            await self._judge.forget(repository)
