"""What hangs on an artifact: for `sealgate inspect`, which shows it without judging it."""

from dataclasses import dataclass

from sealgate.admission.discovery import Discovery
from sealgate.admission.manifests import Manifests
from sealgate.errors import SealgateError, UpstreamRefused
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import Evidence
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, Index, Manifest
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Reference, Repository
from sealgate.oci.referrers import attestation_tag, fallback_tag
from sealgate.ports import Access, Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """An artifact and what is known about it.

    Args:
        evidence: the signatures on it, good and bad.
        attestations: how many layers cosign's `.att` tag holds; they are not verified yet.
        referrers: what says that it is about this artifact: a hint, nothing of it is verified.
        unread: places that could not be read, for people.
    """

    digest: Digest
    size: int
    manifest: Manifest
    evidence: Evidence
    attestations: int
    referrers: tuple[Descriptor, ...]
    unread: tuple[str, ...]


async def inspect(
    upstream: Upstream,
    discovery: Discovery,
    repository: Repository,
    reference: Reference,
    keys: tuple[PublicKey, ...],
    access: Access,
) -> Inspection:
    """Look at an artifact and everything that is kept about it.

    Raises:
        UpstreamRefused, UpstreamUnavailable, ContentMismatch, TooLarge, ManifestMalformed: the artifact itself cannot
            be read.
    """
    manifests = Manifests(upstream)
    fetched = await upstream.manifest(repository, reference, MANIFESTS, access)
    manifest = manifests.learn(repository, fetched)
    unread: list[str] = []
    referrers: dict[Digest, Descriptor] = {}
    attestations = 0
    try:
        page = await upstream.referrers(repository, fetched.digest, access)
        referrers |= {entry.digest: entry for entry in page.descriptors}
    except SealgateError as error:
        unread.append(f"referrers: {error}")
    for tag in (fallback_tag(fetched.digest), attestation_tag(fetched.digest)):
        try:
            found = manifests.learn(repository, await upstream.manifest(repository, tag, MANIFESTS, access))
        except UpstreamRefused:
            continue
        except SealgateError as error:
            unread.append(f"{tag}: {error}")
            continue
        if isinstance(found, Index):
            referrers |= {entry.digest: entry for entry in found.manifests}
        else:
            attestations += len(found.layers)
    return Inspection(
        digest=fetched.digest,
        size=len(fetched.raw),
        manifest=manifest,
        evidence=await discovery.gather(repository, fetched.digest, keys, access),
        attestations=attestations,
        referrers=tuple(referrers[digest] for digest in sorted(referrers)),
        unread=tuple(unread),
    )
