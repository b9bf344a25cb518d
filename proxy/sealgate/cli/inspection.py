"""`sealgate inspect REF`: the tree of what hangs on an artifact, good and bad."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from sealgate.admission.inspection import Attested, Inspection, Inspector
from sealgate.cli.exits import readable_errors
from sealgate.cli.inspection_tree import tree
from sealgate.cli.options import Json, Policies, SettingsFile, TrustedRoot, Upstream, policies_from, settings_from
from sealgate.cli.references import parse_named
from sealgate.cli.tables import console
from sealgate.evidence.signature import KeylessSigner, RejectedCandidate, Source, VerifiedSignature
from sealgate.oci.manifest import ImageManifest, Index
from sealgate.oci.reference import Reference, Repository, named
from sealgate.policy.decision_json import to_json
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
    """Show what hangs on REF: signatures, attestations and other referrers, who made them, and what is proven of it.

    Of each signature it says whether it counts, rule by rule, and why not where it does not. Keys are those of the
    policies that cover the repository for pulls, and of the settings' key ring. It asks the registry itself and needs
    no gate running; `sealgate check` says what the gate would decide. Exit status: 0, however bad the signatures are;
    3 when REF cannot be read, 2 wrong usage.
    """
    flags = Overrides(upstream=upstream, policies=policies or (), trusted_root=trusted_root)
    with readable_errors():
        made = settings_from(settings, flags)
        repository, asked, _ = parse_named(reference, made.names)
        loaded = policies_from(made)
        names = _key_names(made, loaded.resolve(repository.name, Operation.PULL))
        found = asyncio.run(_inspect(made, loaded, repository, asked))
    name = named(repository, asked)
    if as_json:
        print(json.dumps(_json(name, found, names), indent=2))
    else:
        console().print(tree(name, found, names))


async def _inspect(settings: Settings, policies: PolicySet, repository: Repository, asked: Reference) -> Inspection:
    ring = {entry.key.fingerprint: entry.key for entry in key_ring(dict(settings.keys)).values()}
    resolved = policies.resolve(repository.name, Operation.PULL)
    keys = tuple((ring | {key.fingerprint: key for key in resolved.keys}).values())
    async with core(replace(settings, state=None), policies) as made:
        await made.refresher.fill()
        inspector = Inspector(
            upstream=made.upstream,
            manifests=made.manifests,
            discovery=made.discovery,
            verifier=made.trusted_roots,
            clock=made.clock,
        )
        return await inspector.inspect(repository, asked, resolved, keys, Access(by_gate=True))


def _key_names(settings: Settings, covering: Resolved) -> dict[str, str]:
    ring = {entry.key.fingerprint: name for name, entry in key_ring(dict(settings.keys)).items()}
    return {wanted.key.fingerprint: wanted.name for policy in covering.policies for wanted in policy.named_keys} | ring


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
            {**_fact(good, names), "rules": _rules(found, good.source)} for good in found.evidence.signatures
        ],
        "rejected": [_refusal(bad) for bad in found.evidence.rejected],
        "attestations": [_attestation(one, names) for one in found.attestations],
        "referrers": [
            {"digest": str(entry.digest), "artifact_type": entry.artifact_type, "media_type": entry.media_type}
            for entry in found.referrers
        ],
        "manifests": [
            {"digest": str(child.digest), "platform": child.platform}
            for child in (manifest.manifests if isinstance(manifest, Index) else ())
        ],
        "decision": to_json(found.decision),
        "unread": list(found.unread),
    }


def _fact(good: VerifiedSignature, names: Mapping[str, str]) -> dict[str, object]:
    signer = good.signer
    who: dict[str, object]
    if isinstance(signer, KeylessSigner):
        who = {
            "identity": signer.identity,
            "issuer": signer.issuer,
            "trusted_root": signer.trusted_root,
            "claims": dict(signer.claims),
        }
    else:
        who = {"key": names.get(signer.fingerprint, ""), "fingerprint": signer.fingerprint}
    return {
        **_place(good.source),
        **who,
        "log": good.log.value,
        "log_entries": [
            {
                "log": entry.log_id,
                "proof": entry.proof.value,
                "index": entry.index,
                "at": entry.at.isoformat() if entry.at else None,
            }
            for entry in good.entries
        ],
        "timestamps": [moment.isoformat() for moment in good.timestamps],
        "signed_at": [moment.isoformat() for moment in good.signed_at],
    }


def _rules(found: Inspection, source: Source) -> list[dict[str, object]]:
    return [
        {
            "policy": one.policy,
            "rule": one.rule,
            "counts": one.finding is None,
            "reason": one.finding.reason if one.finding else None,
            "why": one.finding.text if one.finding else None,
        }
        for one in found.standing(source)
    ]


def _attestation(one: Attested, names: Mapping[str, str]) -> dict[str, object]:
    good = not isinstance(one.verdict, RejectedCandidate)
    told = _refusal(one.verdict) if isinstance(one.verdict, RejectedCandidate) else _fact(one.verdict, names)
    return {"predicate_type": one.predicate_type, "verified": good, **told}


def _refusal(bad: RejectedCandidate) -> dict[str, object]:
    return {**_place(bad.source), "reason": bad.reason, "why": bad.detail}


def _place(source: Source) -> dict[str, object]:
    return {"carrier": str(source.carrier), "position": source.position}
