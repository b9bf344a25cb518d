"""`sealgate inspect REF`: the tree of what hangs on an artifact, good and bad."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from sealgate.admission.inspection import Inspection
from sealgate.admission.inspection import inspect as look_at
from sealgate.cli.exits import readable_errors
from sealgate.cli.options import Json, Policies, SettingsFile, TrustedRoot, Upstream, policies_from, settings_from
from sealgate.cli.references import parse_named
from sealgate.cli.tables import console
from sealgate.evidence.signature import KeylessSigner, VerifiedSignature
from sealgate.oci.artifact import kinds_of
from sealgate.oci.manifest import ImageManifest, Index
from sealgate.oci.reference import Reference, Repository, named
from sealgate.policy.model import Operation, PolicySet, Resolved
from sealgate.ports import Access
from sealgate.settings import Overrides, Settings
from sealgate.wiring import core, key_ring


def inspect(
    reference: Annotated[str, typer.Argument(metavar="REF", help="repository:tag or repository@sha256:…")],
    settings: SettingsFile = None,
    upstream: Upstream = None,
    policies: Policies = None,
    trusted_root: TrustedRoot = None,
    as_json: Json = False,
) -> None:
    """Show the signatures and attestations on REF, who made them, and what is wrong with those that are not good.

    Keys are those of the policies that cover the repository and of the settings' key ring.
    """
    flags = Overrides(upstream=upstream, policies=policies or (), trusted_root=trusted_root)
    with readable_errors():
        made = settings_from(settings, flags)
        repository, asked = parse_named(reference, made)
        loaded = policies_from(made)
        names = _key_names(made, loaded.resolve(repository.name, Operation.PULL))
        found = asyncio.run(_inspect(made, loaded, repository, asked))
    name = named(repository, asked)
    if as_json:
        print(json.dumps(_json(name, found, names), indent=2))
    else:
        console().print(_tree(name, found, names))


async def _inspect(settings: Settings, policies: PolicySet, repository: Repository, asked: Reference) -> Inspection:
    ring = {entry.key.fingerprint: entry.key for entry in key_ring(dict(settings.keys)).values()}
    covering = {key.fingerprint: key for key in policies.resolve(repository.name, Operation.PULL).keys}
    keys = tuple((ring | covering).values())
    async with core(replace(settings, state=None), policies) as made:
        return await look_at(made.upstream, made.discovery, repository, asked, keys, Access())


def _key_names(settings: Settings, covering: Resolved) -> dict[str, str]:
    ring = {entry.key.fingerprint: name for name, entry in key_ring(dict(settings.keys)).items()}
    return {wanted.key.fingerprint: wanted.name for policy in covering.policies for wanted in policy.named_keys} | ring


def _tree(name: str, found: Inspection, names: Mapping[str, str]) -> Tree:
    kinds = ", ".join(sorted({name for kind in kinds_of(found.manifest) for name in kind.names}))
    tree = Tree(escape(f"{name}\n{found.digest}  {found.size} bytes\n{kinds}"))
    for line in _signatures(found, names):
        tree.add(escape(line))
    if not found.evidence.signatures and not found.evidence.rejected:
        tree.add("no signature")
    if found.attestations:
        tree.add(f"{found.attestations} attestations (not verified yet)")
    carriers = {good.source.carrier for good in found.evidence.signatures}
    carriers |= {bad.source.carrier for bad in found.evidence.rejected}
    for entry in found.referrers:
        if entry.digest not in carriers:
            tree.add(
                escape(f"referrer {entry.digest}  {entry.artifact_type or entry.media_type} (nobody vouches for it)")
            )
    for line in (*(lack.detail for lack in found.evidence.shortfalls), *found.unread):
        tree.add(escape(f"not all could be read: {line}"))
    for line in _children(found):
        tree.add(escape(line))
    return tree


def _signatures(found: Inspection, names: Mapping[str, str]) -> Iterable[str]:
    for good in found.evidence.signatures:
        at = ", ".join(moment.isoformat() for moment in good.signed_at)
        log = f"log {good.log.value}" + (f" #{good.log_index}" if good.log_index is not None else "")
        yield f"signature {good.source.carrier}\n{_signer(good, names)}\n{log}" + (f", {at}" if at else "")
    for bad in found.evidence.rejected:
        yield f"no signature {bad.source.carrier}\n{bad.reason.value}: {bad.detail}"


def _signer(signature: VerifiedSignature, names: Mapping[str, str]) -> str:
    signer = signature.signer
    if isinstance(signer, KeylessSigner):
        claims = "".join(f"\n  {name}: {value}" for name, value in sorted(signer.claims.items()))
        return f"by {signer.identity} (issuer {signer.issuer}){claims}"
    return f"by key {names.get(signer.fingerprint, 'without a name')} ({signer.fingerprint[:16]}…)"


def _children(found: Inspection) -> Iterable[str]:
    if isinstance(found.manifest, Index):
        for child in found.manifest.manifests:
            yield f"manifest {child.digest}  {child.platform or 'no platform'}"


def _json(name: str, found: Inspection, names: Mapping[str, str]) -> dict[str, object]:
    manifest = found.manifest
    return {
        "reference": name,
        "digest": str(found.digest),
        "size": found.size,
        "media_type": manifest.media_type,
        "artifact_type": manifest.artifact_type,
        "layers": len(manifest.layers) if isinstance(manifest, ImageManifest) else 0,
        "signatures": [
            {
                "carrier": str(good.source.carrier),
                "position": good.source.position,
                "key": None if isinstance(good.signer, KeylessSigner) else names.get(good.signer.fingerprint, ""),
                "fingerprint": None if isinstance(good.signer, KeylessSigner) else good.signer.fingerprint,
                "identity": good.signer.identity if isinstance(good.signer, KeylessSigner) else None,
                "issuer": good.signer.issuer if isinstance(good.signer, KeylessSigner) else None,
                "claims": dict(good.signer.claims) if isinstance(good.signer, KeylessSigner) else {},
                "log": good.log.value,
                "log_index": good.log_index,
                "signed_at": [moment.isoformat() for moment in good.signed_at],
            }
            for good in found.evidence.signatures
        ],
        "rejected": [
            {
                "carrier": str(bad.source.carrier),
                "position": bad.source.position,
                "reason": bad.reason,
                "why": bad.detail,
            }
            for bad in found.evidence.rejected
        ],
        "attestations": found.attestations,
        "referrers": [
            {"digest": str(entry.digest), "artifact_type": entry.artifact_type, "media_type": entry.media_type}
            for entry in found.referrers
        ],
        "manifests": [
            {"digest": str(child.digest), "platform": child.platform}
            for child in (manifest.manifests if isinstance(manifest, Index) else ())
        ],
        "unread": [*(lack.detail for lack in found.evidence.shortfalls), *found.unread],
    }
