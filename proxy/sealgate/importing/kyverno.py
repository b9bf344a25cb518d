"""Kyverno's image verification: ClusterPolicy's `verifyImages`, and ImageValidatingPolicy.

Of `verifyImages` each set of attestors must be satisfied, by all of its entries or by `count` of them; a policy's rules
all hold. ImageValidatingPolicy says in CEL what must hold; only the common form of it can be carried over.
"""

import re
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.importing.made import Data, Imported, unique
from sealgate.importing.patterns import translate
from sealgate.importing.signers import NO_LOG, PROMISE, anywhere, attested, identity, keys, wildcard
from sealgate.importing.source import Node

_EXTENSIONS: Final = {
    "githubWorkflowTrigger": "github_workflow_trigger",
    "githubWorkflowSha": "github_workflow_sha",
    "githubWorkflowName": "github_workflow_name",
    "githubWorkflowRepository": "github_workflow_repository",
    "githubWorkflowRef": "github_workflow_ref",
}
# `images.containers.map(image, verifyImageSignatures(image, [attestors.a])).all(e, e > 0)`:
# one of these, for each image; or `verifyAttestationSignatures(image, attestations.b, [attestors.a])`.
_VERIFIED: Final = re.compile(
    r"images\.containers\.map\((\w+),\s?"
    r"(?:verifyImageSignatures\(\1|verifyAttestationSignatures\(\1,\s?attestations\.(\w+)),\s?"
    r"\[([\w., ]+)\]\)\)\.all\((\w+),\s?\4\s?>\s?0\)",
    re.ASCII,
)
_SIGNED: Final[Data] = {"signature_type": "cosign"}
_SCOPE: Final = "is not known here: the policy is for whoever pulls"


def cluster_policy(root: Node, into: Imported) -> None:
    """One ClusterPolicy or Policy; each `verifyImages` entry becomes a policy of its own."""
    root.skip("apiVersion", "kind", "status")
    name = root.node("metadata").text("name") or "imported"
    spec = root.node("spec")
    action = spec.text("validationFailureAction") or "Audit"
    spec.skip("background", "webhookTimeoutSeconds", "schemaValidation", "useServerSideApply", "webhookConfiguration")
    spec.lose("what cannot be checked is never admitted here", "failurePolicy", weaker=False)
    for rule in spec.nodes("rules"):
        label = rule.text("name") or "rule"
        rule.lose(_SCOPE, "match", "exclude", "preconditions", "celPreconditions", weaker=False)
        for each in rule.nodes("verifyImages"):
            _verify_images(each, f"{name}-{label}", action, into)
        rule.rest()
    spec.rest()
    root.rest()


def _verify_images(node: Node, name: str, action: str, into: Imported) -> None:
    since = len(into.losses)
    action = node.text("failureAction") or action
    node.lose("images are always judged by digest, and must be admitted", "required", "verifyDigest", weaker=False)
    node.lose("nothing is rewritten: the gate serves what the digest says", "mutateDigest", weaker=False)
    node.skip("useCache", "cosignOCI11", "imageRegistryCredentials")
    node.lose("signatures are looked for beside the image only", "repository", weaker=False)
    kind = node.text("type") or "Cosign"
    rules: list[Data] = []
    for attestors in node.nodes("attestors"):
        rules += _set(attestors, len(rules), _SIGNED)
    for attestation in node.nodes("attestations"):
        rules += _attested(attestation, len(rules))
    repositories = _references(node, "imageReferences", must_be_exact=False)
    excluded = _references(node, "skipImageReferences", must_be_exact=True)
    node.rest()
    if kind not in {"Cosign", "SigstoreBundle"}:
        node.lose(f"signatures of {kind} cannot be checked; there is no policy for it", weaker=True)
    elif not rules or not repositories:
        told = "no signature" if not rules else "no image"
        node.lose(f"{told} of it can be said; there is no policy for it", weaker=True)
    else:
        data: Data = {"name": name, "description": f"Imported from Kyverno's {name}"}
        data |= {"mode": "warn"} if action.lower() == "audit" else {}
        data["repositories"] = repositories
        data |= {"exclude_repositories": excluded} if excluded else {}
        into.add({**data, "rules": rules}, since)


def _references(node: Node, field: str, *, must_be_exact: bool) -> list[str]:
    found: list[str] = []
    for pattern in node.texts(field):
        try:
            made = translate(pattern, crossing=True)
        except ConfigurationInvalid as bad:
            node.lose(f"{pattern} is not carried over: {bad}", field, weaker=not must_be_exact)
            continue
        if made.exact or not must_be_exact:
            found += made.patterns
        if not made.exact:
            told = "is not left out: that depends on" if must_be_exact else "is covered whatever"
            node.lose(f"{pattern} {told} the tag", field, weaker=False)
    return unique(found)


def _attested(node: Node, number: int) -> list[Data]:
    """The rules of one attestation: those of its attestors, for its type."""
    node.skip("name")
    node.lose("conditions in JMESPath cannot be carried over: write them as `condition`", "conditions", weaker=True)
    about = attested(node, node.text("type") or node.text("predicateType"))
    rules: list[Data] = []
    for attestors in node.nodes("attestors"):
        rules += _set(attestors, number + len(rules), about)
    node.rest()
    if about and not rules:
        node.lose("who makes it is not said, or cannot be carried over", weaker=True)
    return rules if about else []


def _set(node: Node, number: int, about: Data) -> list[Data]:
    """The rules of one set: one for each entry when all must sign, else one with a threshold.

    Args:
        node: the set.
        number: how many rules there are already.
        about: what they sign.
    """
    count = node.number("count")
    entries = node.nodes("entries")
    made = [_entry(entry) for entry in entries]
    node.rest()
    # Several keys in one entry are as many entries.
    signers = [(signer, log) for found, log in made for signer in found]
    wanted = count or len(signers) + sum(1 for found, _ in made if not found)
    if any(not found for found, _ in made) and (count is None or wanted >= len(made)):
        node.lose("one that had to sign cannot be said", weaker=True)
        wanted = min(wanted, len(signers))
    if not signers:
        return []
    if wanted >= len(signers) and wanted > 1:
        return [_rule(f"signer-{number + at + 1}", [signer], [log], about) for at, (signer, log) in enumerate(signers)]
    rule = _rule(f"signer-{number + 1}", [signer for signer, _ in signers], [log for _, log in signers], about)
    return [{**rule, "threshold": wanted} if wanted > 1 else rule]


def _rule(name: str, signers: list[Data], logs: list[Data], about: Data) -> Data:
    rekor = PROMISE if PROMISE in logs else NO_LOG
    return {"name": name, **about, "key_requirements": signers, "rekor": rekor}


def _entry(node: Node) -> tuple[list[Data], Data]:
    """Who one entry trusts, nobody where that cannot be said; and what it asks of the log."""
    node.lose("annotations of signatures are not asked for", "annotations", weaker=True)
    node.lose("signatures are looked for beside the image only", "repository", weaker=False)
    node.lose("the key says the algorithm", "signatureAlgorithm", weaker=False)
    node.lose("cannot be carried over; this signer is left out", "certificates", "attestor", weaker=False)
    found: list[Data] = []
    log = PROMISE
    if "keys" in node:
        given = node.node("keys")
        found = keys(given.text("publicKeys")) if "publicKeys" in given else []
        if not found:
            given.lose("no PEM public key is in it; this signer is left out", weaker=False)
        given.skip("kms", "secret", "signatureAlgorithm")
        log = _log(given)
        given.rest()
    elif "keyless" in node:
        found = _keyless(node.node("keyless"))
    node.rest()
    return found, log


def _log(node: Node) -> Data:
    rekor = node.node("rekor")
    ignored = rekor.flag("ignoreTlog", default=False)
    rekor.skip("url")
    rekor.lose("the log is that of the settings' trusted root", "pubkey", weaker=False)
    rekor.rest()
    node.lose("certificates and logs are those of the settings' trusted root", "ctlog", weaker=False)
    return NO_LOG if ignored else PROMISE


def _keyless(node: Node) -> list[Data]:
    made: Data = {"type": "keyless"}
    complete = True
    for field, name in (("certificate_identity", "subject"), ("certificate_oidc_issuer", "issuer")):
        text, regexp = node.text(name), node.text(f"{name}RegExp")
        if text and regexp:
            node.lose(f"stands beside {name}, which alone was carried over", f"{name}RegExp", weaker=True)
        if text:
            made |= wildcard(field, text)
        elif regexp:
            made[f"{field}_regexp"] = anywhere(regexp)
        else:
            node.lose(f"says no {name}; this signer is left out", weaker=False)
            complete = False
    extensions = node.node("additionalExtensions")
    claims = {_EXTENSIONS[name]: extensions.text(name) for name in extensions.names() if name in _EXTENSIONS}
    extensions.rest()
    if claims:
        made["claims"] = claims
    if "roots" in node:
        node.lose("other roots are a trusted root of the settings; this signer is left out", "roots", weaker=False)
        complete = False
    if _log(node) is NO_LOG:
        node.lose("without a key a log entry is always asked for", "rekor", weaker=False)
    node.rest()
    return [made] if complete else []


def image_validating_policy(root: Node, into: Imported) -> None:
    """One ImageValidatingPolicy (`policies.kyverno.io`)."""
    since = len(into.losses)
    root.skip("apiVersion", "kind", "status")
    name = root.node("metadata").text("name") or "imported"
    spec = root.node("spec")
    spec.lose(_SCOPE, "matchConstraints", "matchConditions", weaker=False)
    spec.lose("images are always judged by digest", "validationConfigurations", weaker=False)
    spec.lose("what cannot be checked is never admitted here", "failurePolicy", weaker=False)
    spec.skip("credentials", "evaluation", "webhookConfiguration")
    actions = spec.texts("validationActions") or ["Deny"]
    known = {each.text("name"): _attestor(each) for each in spec.nodes("attestors")}
    stated = {each.text("name"): _stated(each) for each in spec.nodes("attestations")}
    rules: list[Data] = []
    for validation in spec.nodes("validations"):
        found = _VERIFIED.fullmatch(" ".join(validation.text("expression").split()))
        named = [part.strip().removeprefix("attestors.") for part in found[3].split(",")] if found else []
        signers = [signer for each in named for signer in known.get(each, ([], NO_LOG))[0]]
        about = stated.get(found[2], {}) if found and found[2] else _SIGNED
        if found and signers and about:
            logs = [known[each][1] for each in named if each in known]
            rules.append(_rule(f"signer-{len(rules) + 1}", signers, logs, about))
        else:
            told = (
                "only `verifyImageSignatures` and `verifyAttestationSignatures` of known attestors can be carried over"
            )
            validation.lose(told, weaker=True)
        validation.skip("message", "messageExpression", "reason")
        validation.rest()
    repositories: list[str] = []
    for reference in spec.nodes("matchImageReferences"):
        if "glob" in reference:
            repositories += _references_of(reference)
        reference.lose("an expression cannot be carried over; its images are not covered", "expression", weaker=True)
        reference.rest()
    spec.rest()
    root.rest()
    if not rules or not repositories:
        root.lose("no signature or no image of it can be said; there is no policy for it", weaker=True)
        return
    data: Data = {"name": name, "description": f"Imported from the ImageValidatingPolicy {name}"}
    data |= {} if "Deny" in actions else {"mode": "warn"}
    into.add({**data, "repositories": unique(repositories), "rules": rules}, since)


def _stated(node: Node) -> Data:
    """What one of the attestations that expressions name is about."""
    node.lose("referrers that are no in-toto statements cannot be carried over", "referrer", weaker=False)
    if "intoto" not in node:
        return {}
    intoto = node.node("intoto")
    about = attested(intoto, intoto.text("type"))
    intoto.rest()
    node.rest()
    return about


def _references_of(node: Node) -> list[str]:
    pattern = node.text("glob")
    try:
        made = translate(pattern, crossing=True)
    except ConfigurationInvalid as bad:
        node.lose(f"{pattern} is not carried over: {bad}", "glob", weaker=True)
        return []
    if not made.exact:
        node.lose(f"{pattern} is covered whatever the tag", "glob", weaker=False)
    return list(made.patterns)


def _attestor(node: Node) -> tuple[list[Data], Data]:
    node.lose("signatures of Notary cannot be checked; this signer is left out", "notary", weaker=False)
    cosign = node.node("cosign")
    found: list[Data] = []
    log = PROMISE
    if "key" in cosign:
        key = cosign.node("key")
        found = keys(key.text("data")) if "data" in key else []
        if not found:
            key.lose("no PEM public key is in it; this signer is left out", weaker=False)
        key.skip("kms", "expression", "hashAlgorithm")
        key.rest()
    ctlog = cosign.node("ctlog")
    if ctlog.flag("insecureIgnoreTlog", default=False) and "keyless" not in cosign:
        log = NO_LOG
    ctlog.skip("url")
    told = "certificates and logs are those of the settings' trusted root"
    ctlog.lose(told, "rekorPubKey", "ctLogPubKey", "tsaCertChain", "insecureIgnoreSCT", weaker=False)
    ctlog.rest()
    if "keyless" in cosign:
        keyless = cosign.node("keyless")
        fields = {"issuer": "issuer", "subject": "subject", "subject_regexp": "subjectRegExp"}
        made = [identity(each, issuer_regexp="issuerRegExp", **fields) for each in keyless.nodes("identities")]
        if "roots" in keyless:
            keyless.lose(
                "other roots are a trusted root of the settings; this signer is left out", "roots", weaker=False
            )
            made = []
        found += [each for each in made if each is not None]
        keyless.rest()
    cosign.lose("cannot be carried over; this signer is left out", "certificate", "tuf", weaker=False)
    if "tuf" in cosign:
        found = []
    cosign.lose("signatures are looked for beside the image only", "source", weaker=False)
    cosign.lose("annotations of signatures are not asked for", "annotations", weaker=True)
    cosign.rest()
    node.rest()
    return found, log
