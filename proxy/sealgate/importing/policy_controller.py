"""policy-controller's ClusterImagePolicy (`policy.sigstore.dev`), from its API types and documentation.

Images of one policy are alternatives, all policies that match must pass, and so do ours. Authorities are alternatives;
one that lists attestations asks for all of them, and for no signature.
"""

from sealgate.errors import ConfigurationInvalid
from sealgate.importing.made import Data, Imported, unique
from sealgate.importing.patterns import translate
from sealgate.importing.signers import NO_LOG, PROMISE, attested, identity, keys
from sealgate.importing.source import Node

_PUBLIC_FULCIO = {"", "https://fulcio.sigstore.dev"}
_PUBLIC_REKOR = {"", "https://rekor.sigstore.dev"}


def cluster_image_policy(root: Node, into: Imported) -> None:
    """One ClusterImagePolicy."""
    since = len(into.losses)
    root.skip("apiVersion", "kind", "status")
    metadata = root.node("metadata")
    name = metadata.text("name") or "imported"
    spec = root.node("spec")
    mode = spec.text("mode") or "enforce"
    if mode not in {"enforce", "warn"}:
        raise spec.wrong("is neither enforce nor warn", "mode")
    spec.lose("is not known here: the policy is for whoever pulls", "match", weaker=False)
    spec.lose("CUE and Rego cannot be carried over", "policy", weaker=True)
    alternatives: list[Data] = []
    logs: list[Data] = []
    passes = fails = False
    authorities, asked = spec.nodes("authorities"), list[Data]()
    for authority in authorities:
        if "static" in authority:
            passed, failed = _static(authority)
            passes, fails = passes or passed, fails or failed
        else:
            found, log = _authority(authority, into)
            if "attestations" in authority and len(authorities) > 1:
                told = "who must attest is one of several, which cannot be said; this signer is left out"
                authority.lose(told, "attestations", weaker=False)
                found = []
            asked = [about for each in authority.nodes("attestations") if (about := _attestation(each))]
            if "attestations" in authority and not asked:
                found = []
            alternatives += found
            logs += [log] * len(found)
        authority.rest()
    repositories = _images(spec, passes=passes)
    spec.rest()
    root.rest()
    data: Data = {"name": name, "description": f"Imported from the ClusterImagePolicy {name}"}
    if mode == "warn":
        data["mode"] = "warn"
    data["repositories"] = repositories
    if not repositories:
        root.lose("no image of it can be said; there is no policy for it", weaker=True)
    elif passes:
        into.add({**data, "allow_unsigned": True}, since)
    elif not alternatives:
        told = "refuses all" if fails else "has no signer that can be said"
        root.lose(f"{told}; there is no policy for it, so another one may admit its images", weaker=True)
    else:
        # One rule has one `rekor`: the stricter one, and keyless always has a log.
        signers: Data = {"key_requirements": alternatives, "rekor": PROMISE if PROMISE in logs else NO_LOG}
        if PROMISE in logs and NO_LOG in logs:
            root.lose("signatures by keys now need a log entry, too, as its keyless ones do", weaker=False)
        rules: list[Data] = [{"name": f"attested-{at + 1}", **about, **signers} for at, about in enumerate(asked)]
        into.add({**data, "rules": rules or [{"name": "signed", "signature_type": "cosign", **signers}]}, since)


def _images(spec: Node, *, passes: bool) -> list[str]:
    found: list[str] = []
    for image in spec.nodes("images"):
        glob = image.text("glob")
        whole = {"*": "index.docker.io/library/*", "*/*": "index.docker.io/*/*"}.get(glob, glob)
        try:
            made = translate(whole, crossing=False)
        except ConfigurationInvalid as bad:
            image.lose(f"this image is not covered: {bad}", weaker=not passes)
        else:
            if made.exact or not passes:
                found += made.patterns
            if not made.exact:
                told = "not covered: a tag is nothing that may be passed by" if passes else "covered at every tag"
                image.lose(f"{glob} depends on the tag; the repository is {told}", weaker=False)
        image.rest()
    return unique(found)


def _static(authority: Node) -> tuple[bool, bool]:
    static = authority.node("static")
    action = static.text("action")
    if action not in {"pass", "fail"}:
        raise static.wrong("is neither pass nor fail", "action")
    static.skip("message")
    static.rest()
    authority.skip("name")
    return action == "pass", action == "fail"


def _authority(authority: Node, into: Imported) -> tuple[list[Data], Data]:
    """What it trusts, and what it asks of the log."""
    authority.skip("name")
    authority.lose("both formats are accepted", "signatureFormat", weaker=False)
    authority.lose("signatures are looked for beside the image only", "source", weaker=False)
    authority.lose("timestamps are not asked for", "rfc3161timestamp", weaker=True)
    found: list[Data] = []
    log = NO_LOG
    if "keyless" in authority:
        found, log = _keyless(authority.node("keyless"), into), PROMISE
    if "key" in authority:
        found += _key(authority.node("key"))
    if "ctlog" in authority:
        log = PROMISE
        ctlog = authority.node("ctlog")
        if ctlog.text("url") not in _PUBLIC_REKOR:
            ctlog.lose("the log is that of the trusted root: name it in the settings", "url", weaker=False)
        ctlog.lose("the log is that of the trusted root: name it in the settings", "trustRootRef", weaker=False)
        ctlog.rest()
    return found, log


def _attestation(node: Node) -> Data:
    node.skip("name")
    node.lose("CUE and Rego cannot be carried over: write it as `condition`", "policy", weaker=True)
    about = attested(node, node.text("predicateType"))
    node.rest()
    return about


def _key(node: Node) -> list[Data]:
    found = keys(node.text("data")) if "data" in node else []
    if node.text("hashAlgorithm") not in {"", "sha256"}:
        node.lose("signatures are made over SHA-256 here", "hashAlgorithm", weaker=False)
    node.lose("the key is not in this file; this signer is left out", "secretRef", "kms", weaker=False)
    if "data" in node and not found:
        node.lose("is no PEM public key; this signer is left out", "data", weaker=False)
    node.rest()
    return found


def _keyless(node: Node, into: Imported) -> list[Data]:
    root = node.text("trustRootRef")
    own_authority = "ca-cert" in node or (node.text("url") not in _PUBLIC_FULCIO and not root)
    node.lose("certificates always need a proof from their log", "insecureIgnoreSCT", weaker=False)
    found: list[Data] = []
    for each in node.nodes("identities"):
        fields = {"issuer": "issuer", "subject": "subject", "subject_regexp": "subjectRegExp"}
        made = identity(each, issuer_regexp="issuerRegExp", **fields)
        if made is not None:
            found.append(made)
    if own_authority:
        node.lose("a private Fulcio is a trusted root of the settings; its signers are left out", weaker=False)
        node.skip("ca-cert")
        found = []
    if root:
        node.lose(f"name the trusted root {root} in the settings", "trustRootRef", weaker=False)
        into.trusted_roots.add(root)
        found = [{**each, "trusted_root": root} for each in found]
    node.rest()
    return found
