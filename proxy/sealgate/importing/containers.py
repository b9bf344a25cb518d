"""containers' `policy.json` (containers-policy.json(5)): podman, CRI-O, skopeo, buildah.

The most specific scope alone decides there, and all of its requirements must hold. So what a narrower scope is for is
taken out of the wider ones. What is refused is covered by no policy, so denied while `unmatched` is `deny`.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from sealgate.errors import ConfigurationInvalid
from sealgate.importing.made import Data, Imported
from sealgate.importing.signers import NO_LOG, PROMISE, exactly, keys
from sealgate.importing.source import Node
from sealgate.policy import glob
from sealgate.policy.repositories import repository_glob

_TAGGED: Final = re.compile(r"(?P<name>[^@]*/[^@/:]*)[:@][^/]*", re.ASCII)
ReadFile = Callable[[str], bytes]


def policy_json(root: Node, into: Imported, read_file: ReadFile) -> None:
    """One policy.json; `read_file` reads the keys it names, and raises `ConfigurationInvalid`."""
    transports = root.node("transports")
    scopes: list[tuple[str, tuple[str, ...], list[Node]]] = []
    for transport in transports.names():
        if transport != "docker":
            transports.lose("is about no registry", transport, weaker=False)
    docker = transports.node("docker")
    scopes += [(scope, _patterns(docker, scope), docker.nodes(scope)) for scope in docker.names()]
    default = root.nodes("default")
    if not any(scope == "" for scope, _, _ in scopes):
        scopes.append(("", ("**",), default))
    for scope, patterns, requirements in scopes:
        narrower = [each for name, found, _ in scopes if name != scope for each in found if each not in patterns]
        excluded = [each for each in narrower if any(glob.matches(one, each) for one in patterns)]
        _scope(root if scope == "" else docker, scope, patterns, excluded, requirements, into, read_file)
    transports.rest()
    root.rest()


def _patterns(docker: Node, scope: str) -> tuple[str, ...]:
    if not scope:
        return ("**",)
    if _TAGGED.fullmatch(scope):
        docker.lose(f"{scope} is about one tag or digest, not a repository; it was left out", scope, weaker=True)
        return ()
    found = (f"{scope}/**",) if "/" not in scope else (scope, f"{scope}/**")
    try:
        for each in found:
            repository_glob(each)
    except ConfigurationInvalid as bad:
        docker.lose(f"{scope} is not covered: {bad}", scope, weaker=True)
        return ()
    return found


def _scope(
    place: Node,
    scope: str,
    patterns: tuple[str, ...],
    excluded: list[str],
    requirements: list[Node],
    into: Imported,
    read_file: ReadFile,
) -> None:
    since = len(into.losses)
    kinds = [each.text("type") for each in requirements]
    if not kinds:
        raise place.wrong("has no requirement", scope)
    if not patterns:
        for each in requirements:
            each.skip(*each.names())
        return
    rules = [rule for each, kind in zip(requirements, kinds, strict=True) if (rule := _rule(each, kind, read_file))]
    for at, rule in enumerate(rules):
        rule["name"] = f"signed-{at + 1}"
    data: Data = {
        "name": f"containers-{len(into.policies) + 1}",
        "description": f"Imported from policy.json: {scope or 'everything else'}",
        "repositories": list(patterns),
    }
    data |= {"exclude_repositories": list(dict.fromkeys(excluded))} if excluded else {}
    if "reject" in kinds:
        if scope:
            requirements[0].lose("it is covered by no policy, so denied while `unmatched` is `deny`", weaker=False)
    elif rules:
        into.add({**data, "rules": rules}, since)
    elif set(kinds) == {"insecureAcceptAnything"}:
        into.add({**data, "allow_unsigned": True}, since)
    else:
        requirements[0].lose("nothing of it can be said; there is no policy for it", weaker=True)


def _rule(node: Node, kind: str, read_file: ReadFile) -> Data | None:
    if kind in {"insecureAcceptAnything", "reject"}:
        node.rest()
        return None
    if kind != "sigstoreSigned":
        node.lose(f"signatures of type {kind} cannot be checked", weaker=True)
        return None
    signers = _keys(node, read_file)
    if "fulcio" in node:
        fulcio = node.node("fulcio")
        made: Data = {"type": "keyless", **exactly("certificate_identity", fulcio.text("subjectEmail"))}
        signers.append(made | exactly("certificate_oidc_issuer", fulcio.text("oidcIssuer")))
        told = "certificates are checked with the default trusted root: name another one in the settings and policy"
        fulcio.lose(told, "caPath", "caData", weaker=True)
        fulcio.rest()
    node.lose("certificates of a PKI cannot be checked", "pki", weaker=True)
    logs = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")
    logged = any(name in node for name in logs)
    node.lose("the log is that of the settings' trusted root", *logs, weaker=False)
    rule: Data = {"name": "", "signature_type": "cosign", "key_requirements": signers}
    rule["rekor"] = PROMISE if logged or "fulcio" in node else NO_LOG
    rule |= _identity(node)
    node.rest()
    if not signers:
        node.lose("none of its keys can be used", weaker=True)
        return None
    return rule


def _identity(node: Node) -> Data:
    """What the signature must say it is for. Left out, it is `matchRepoDigestOrExact`."""
    given = node.node("signedIdentity")
    kind = given.text("type") or "matchRepoDigestOrExact"
    if kind in {"matchExact", "matchRepoDigestOrExact"}:
        node.lose(f"{kind}: the repository is compared, the tag is not", weaker=True)
    elif kind != "matchRepository":
        given.lose(f"{kind}: what the signature says it is for is not compared", weaker=True)
        given.skip("dockerReference", "dockerRepository", "prefix", "signedPrefix")
        return {}
    given.rest()
    return {"signed_reference": "repository"}


def _keys(node: Node, read_file: ReadFile) -> list[Data]:
    found: list[Data] = []
    paths = [node.text("keyPath")] if "keyPath" in node else node.texts("keyPaths")
    texts = [node.text("keyData")] if "keyData" in node else node.texts("keyDatas")
    for path in paths:
        try:
            found += keys(read_file(path).decode("ascii", "replace"))
        except ConfigurationInvalid as bad:
            node.lose(f"a key is left out: {bad}", weaker=False)
    for text in texts:
        try:
            found += keys(base64.b64decode(text, validate=True).decode("ascii"))
        except (binascii.Error, ValueError):
            node.lose("a key is left out: it is no PEM public key in base64", weaker=False)
    return found
