"""What hangs on an artifact, and what the policies make of it: for `sealgate inspect`, which decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sealgate.admission.discovery import Discovery
from sealgate.admission.manifests import Manifests
from sealgate.errors import Malformed, PayloadMalformed, SealgateError, UpstreamRefused
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.payload import parse_envelope, parse_statement
from sealgate.evidence.signature import (
    Attestation,
    Bundle,
    Evidence,
    RejectedCandidate,
    Source,
    VerifiedSignature,
)
from sealgate.limits import CANDIDATES, SIGNATURE_BLOB_BYTES
from sealgate.oci import strict_json
from sealgate.oci.artifact import kinds_of
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, ImageManifest, Index, Manifest
from sealgate.oci.media_types import DSSE_ENVELOPE, MANIFESTS
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.oci.referrers import attestation_tag, fallback_tag
from sealgate.policy.decide import decide
from sealgate.policy.decision import Decision, Finding, Subject
from sealgate.policy.model import Resolved, SignatureType
from sealgate.ports import Access, Clock, SignatureVerifier, Upstream

Verdict: TypeAlias = VerifiedSignature | RejectedCandidate

_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one rule makes of one signature.

    Args:
        finding: why it does not count; None where it does.
    """

    policy: str
    rule: str
    finding: Finding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """An attestation.

    Args:
        predicate_type: what it says that it is; only as good as the verdict. "" where that cannot be read.
        verdict: who made it, or why that does not hold.
    """

    predicate_type: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """An artifact and what is known about it.

    Args:
        evidence: the signatures on it, good and bad; what turned out to be an attestation is not among them.
        attestations: the attestations, good and bad.
        referrers: what else says that it is about this artifact: a hint, nothing of it is verified.
        decision: what the policies make of the signatures, without what an index that lists it may add.
        resolved: those policies.
        unread: places that could not be read, for people.
    """

    digest: Digest
    size: int
    manifest: Manifest
    evidence: Evidence
    attestations: tuple[Attested, ...]
    referrers: tuple[Descriptor, ...]
    decision: Decision
    resolved: Resolved
    unread: tuple[str, ...]

    def standing(self, source: Source) -> tuple[Standing, ...]:
        """What each rule that applies and asks for a signature makes of this one."""
        asking = {
            (policy.name, rule.name)
            for policy in self.resolved.policies
            for rule in policy.rules
            if rule.signature_type is SignatureType.COSIGN and not rule.allow_unsigned
        }
        return tuple(
            Standing(
                policy=result.policy,
                rule=result.rule,
                finding=next((finding for finding in result.findings if finding.source == str(source)), None),
            )
            for result in self.decision.results
            if (result.policy, result.rule) in asking
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """Looks at artifacts, with the same parts that judge them."""

    upstream: Upstream
    manifests: Manifests
    discovery: Discovery
    verifier: SignatureVerifier
    clock: Clock

    async def inspect(
        self,
        repository: Repository,
        reference: Reference,
        resolved: Resolved,
        keys: Sequence[PublicKey],
        access: Access,
    ) -> Inspection:
        """Look at an artifact and everything that is kept about it.

        Args:
            repository: where it is.
            reference: its tag or digest.
            resolved: the policies that cover it.
            keys: those that may have signed, beside the policies' own.
            access: with whose right the registry is asked.

        Raises:
            UpstreamRefused, UpstreamUnavailable, ContentMismatch, TooLarge, ManifestMalformed: the artifact itself
                cannot be read.
        """
        fetched = await self.upstream.manifest(repository, reference, MANIFESTS, access)
        manifest = self.manifests.learn(repository, fetched)
        rules = tuple(rule for policy in resolved.policies for rule in policy.rules)
        gathered = await self.discovery.gather(
            repository, fetched.digest, keys, access, rules, resolved.signature_repositories
        )
        look = _Look(self, repository, fetched.digest, keys, access)
        referrers = await look.referrers()
        evidence, attestations = await look.attestations(gathered)
        verdicts: tuple[Verdict, ...] = (*gathered.signatures, *gathered.rejected)
        seen = {verdict.source.carrier for verdict in verdicts}
        now = self.clock.now()
        return Inspection(
            digest=fetched.digest,
            size=len(fetched.raw),
            manifest=manifest,
            evidence=evidence,
            attestations=attestations,
            referrers=tuple(entry for entry in referrers if entry.digest not in seen),
            decision=decide(resolved, Subject(digest=fetched.digest, kinds=kinds_of(manifest)), gathered, now),
            resolved=resolved,
            unread=tuple(dict.fromkeys((*(lack.detail for lack in evidence.shortfalls), *look.unread))),
        )


@dataclass(slots=True)
class _Look:
    """One look at what hangs on one digest, beside its signatures."""

    parts: Inspector
    repository: Repository
    digest: Digest
    keys: Sequence[PublicKey]
    access: Access
    unread: list[str] = field(default_factory=list)

    async def referrers(self) -> list[Descriptor]:
        """What the referrers API and its fallback tag list."""
        found: dict[Digest, Descriptor] = {}
        try:
            page = await self.parts.upstream.referrers(self.repository, self.digest, self.access)
            found |= {entry.digest: entry for entry in page.descriptors}
        except SealgateError as error:
            self.unread.append(f"referrers: {error}")
        fallback = await self._at(fallback_tag(self.digest))
        if fallback is not None and isinstance(fallback[1], Index):
            found |= {entry.digest: entry for entry in fallback[1].manifests}
        return [found[digest] for digest in sorted(found)]

    async def attestations(self, gathered: Evidence) -> tuple[Evidence, tuple[Attested, ...]]:
        """What was found, without those of the bundles that are attestations; and all attestations, judged as such."""
        others = [bad for bad in gathered.rejected if not bad.attested]
        found = [
            Attested(predicate_type=one.fact.stated.predicate_type if one.fact.stated else "", verdict=one.fact)
            for one in gathered.attestations
        ]
        bundles = [bad for bad in gathered.rejected if bad.attested]
        found += [made for bad in bundles if (made := await self._bundle(bad.source)) is not None]
        seen = {one.verdict.source for one in found}
        found += [made async for made in self._beside() if made.verdict.source not in seen]
        evidence = Evidence(
            subject=gathered.subject,
            signatures=gathered.signatures,
            rejected=tuple(others),
            shortfalls=gathered.shortfalls,
        )
        return evidence, tuple(sorted(found, key=lambda one: one.verdict.source))

    async def _bundle(self, source: Source) -> Attested | None:
        """The bundle of a referrer."""
        try:
            manifest = await self.parts.manifests.by_digest(self.repository, source.carrier, self.access)
        except SealgateError as error:
            self.unread.append(f"{source}: {error}")
            return None
        raw = (
            await self._blob(source, manifest.layers[source.position]) if isinstance(manifest, ImageManifest) else None
        )
        if raw is None:
            return None
        verdict = await self._judged(Bundle(source=source, subject=self.digest, raw=raw, attested=True))
        return Attested(predicate_type=_stated(raw, "dsseEnvelope"), verdict=verdict)

    async def _beside(self) -> AsyncIterator[Attested]:
        """The layers of the manifest at cosign's `.att` tag."""
        carrier = await self._at(attestation_tag(self.digest))
        if carrier is None or not isinstance(carrier[1], ImageManifest):
            return
        layers = [pair for pair in enumerate(carrier[1].layers) if pair[1].media_type == DSSE_ENVELOPE]
        if len(layers) > CANDIDATES:
            self.unread.append(f"{len(layers)} attestations at its .att tag: the first {CANDIDATES} are shown")
        for position, layer in layers[:CANDIDATES]:
            source = Source(carrier[0], position)
            raw = await self._blob(source, layer)
            if raw is not None:
                candidate = Attestation(source=source, subject=self.digest, envelope=raw, annotations=layer.annotations)
                yield Attested(predicate_type=_stated(raw), verdict=await self._judged(candidate))

    async def _judged(self, candidate: Bundle | Attestation) -> Verdict:
        return await asyncio.to_thread(self.parts.verifier.verify, candidate, self.keys, self.parts.clock.now())

    async def _blob(self, source: Source, blob: Descriptor) -> bytes | None:
        if blob.size > SIGNATURE_BLOB_BYTES:
            self.unread.append(f"{source}: it has more than {SIGNATURE_BLOB_BYTES} bytes")
            return None
        try:
            return await self.parts.upstream.small_blob(self.repository, blob.digest, blob.size, self.access)
        except SealgateError as error:
            self.unread.append(f"{source}: {error}")
            return None

    async def _at(self, tag: Tag) -> tuple[Digest, Manifest] | None:
        try:
            fetched = await self.parts.upstream.manifest(self.repository, tag, MANIFESTS, self.access)
            return fetched.digest, self.parts.manifests.learn(self.repository, fetched)
        except SealgateError as error:
            if not (isinstance(error, UpstreamRefused) and error.status == _NOT_FOUND):
                self.unread.append(f"{tag}: {error}")
            return None


def _stated(raw: bytes, member: str = "") -> str:
    """The predicate type that an envelope states, or the envelope in that member of a bundle."""
    try:
        document = strict_json.loads(raw)
        if member:
            if not isinstance(document, dict):
                raise PayloadMalformed("no bundle")
            document = document.get(member)
        return parse_statement(parse_envelope(document).payload).predicate_type
    except Malformed:
        return ""
