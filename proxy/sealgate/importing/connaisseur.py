"""Connaisseur's configuration: Helm values with `application`, or the application's own file.

The one most specific pattern decides there; here all that cover do. So what a narrower pattern matches is taken out of
the wider ones. No pattern matches: denied there, and here as long as `unmatched` is `deny`.
"""

from sealgate.errors import ConfigurationInvalid
from sealgate.importing.made import Data, Imported
from sealgate.importing.patterns import translate
from sealgate.importing.signers import NO_LOG, PROMISE, identity, keys
from sealgate.importing.source import Node
from sealgate.policy import glob


def connaisseur(root: Node, into: Imported) -> None:
    """One configuration."""
    within = root.node("application") if "application" in root else root
    if within is not root:
        root.skip("application", "kubernetes")
        root.rest()
    within.lose("has no counterpart; see `mode: warn` for its detection mode", "features", weaker=False)
    within.skip("alerting", "logLevel", "image", "kubernetes")
    validators = {each.text("name"): each for each in within.nodes("validators")}
    rules = within.nodes("policy")
    covered = [(rule, _patterns(rule)) for rule in rules]
    for at, (rule, patterns) in enumerate(covered):
        others = [each for number, (_, found) in enumerate(covered) if number != at for each in found]
        excluded = [
            each for each in others if each not in patterns and any(glob.matches(one, each) for one in patterns)
        ]
        _rule(rule, validators, patterns, excluded, into)
    within.rest()


def _patterns(rule: Node) -> tuple[str, ...]:
    pattern = rule.text("pattern")
    try:
        made = translate(pattern or "*:*", crossing=True)
    except ConfigurationInvalid as bad:
        rule.lose(f"{pattern} is not carried over: {bad}", "pattern", weaker=True)
        return ()
    if not made.exact and ":" in pattern.rpartition("/")[2]:
        rule.lose(
            f"{pattern} depends on the tag; the policy is for the repository whatever the tag", "pattern", weaker=True
        )
    return made.patterns


def _rule(
    rule: Node, validators: dict[str, Node], patterns: tuple[str, ...], excluded: list[str], into: Imported
) -> None:
    since = len(into.losses)
    name = rule.text("validator") or "default"
    options = rule.node("with")
    if not patterns:
        return
    data: Data = {
        "name": f"connaisseur-{len(into.policies) + 1}",
        "description": f"Imported from Connaisseur: {rule.text('pattern')}",
        "repositories": list(patterns),
    }
    data |= {"exclude_repositories": list(dict.fromkeys(excluded))} if excluded else {}
    validator = validators.get(name)
    if validator is None:
        raise rule.wrong(f"there is no validator {name}", "validator")
    kind = validator.text("type")
    if kind == "static":
        approve = validator.flag("approve", default=False)
        validator.rest()
        if approve:
            into.add({**data, "allow_unsigned": True}, since)
        else:
            rule.lose("refuses all: it is covered by no policy, so denied while `unmatched` is `deny`", weaker=False)
    elif kind == "cosign":
        made = _cosign(validator, options)
        if made is not None:
            into.add({**data, "rules": made}, since)
        else:
            rule.lose("none of its signers can be said; there is no policy for it", weaker=True)
    else:
        rule.lose(f"signatures of {kind} cannot be checked; there is no policy for it", weaker=True)
    options.lose("nothing is rewritten: the gate serves what the digest says", "mode", weaker=False)
    options.rest()
    rule.rest()


def _cosign(validator: Node, options: Node) -> list[Data] | None:
    """The rules of a cosign validator. With `*` all roots must have signed, unless `threshold` says how many."""
    chosen = options.text("trustRoot") or "default"
    threshold, required = options.number("threshold"), options.texts("required")
    logged = options.flag("verifyInTransparencyLog", default=True)
    options.lose("certificates always need a proof from their log", "verifySCT", weaker=False)
    validator.skip("auth")
    validator.lose("certificates and logs are those of the settings' trusted root", "host", "cert", weaker=False)
    roots = validator.nodes("trustRoots")
    wanted = [each for each in roots if chosen in ("*", each.text("name"))]
    if not wanted:
        raise options.wrong(f"there is no trust root {chosen}", "trustRoot")
    made = {each.text("name"): _trust_root(each) for each in wanted}
    validator.rest()
    lost = [name for name, signer in made.items() if signer is None]
    signers = {name: signer for name, signer in made.items() if signer is not None}
    if not signers:
        return None
    every = threshold is None and not required
    if lost and (every or set(lost) & set(required) or (threshold or 1) > len(signers)):
        options.lose(f"{', '.join(lost)} had to sign and cannot be said", weaker=True)
    rules = [_signed(name, [signer], logged=logged) for name, signer in signers.items() if every or name in required]
    if threshold is not None and threshold > len(rules):
        least = min(threshold, len(signers))
        one = _signed("threshold", list(signers.values()), logged=logged)
        rules.append({**one, "threshold": least} if least > 1 else one)
    return rules or None


def _signed(name: str, signers: list[Data], *, logged: bool) -> Data:
    keyless = any(signer["type"] == "keyless" for signer in signers)
    rekor = PROMISE if logged or keyless else NO_LOG
    return {"name": name, "signature_type": "cosign", "key_requirements": signers, "rekor": rekor}


def _trust_root(node: Node) -> Data | None:
    if "keyless" in node:
        fields = {"issuer": "issuer", "subject": "subject", "subject_regexp": "subjectRegex"}
        made = identity(node.node("keyless"), issuer_regexp="issuerRegex", **fields)
    else:
        found = keys(node.text("key"))
        made = found[0] if len(found) == 1 else None
        if made is None:
            node.lose("is not one PEM public key; this signer is left out", "key", weaker=False)
    node.lose("this root of its own is not used: name one in the settings", "cert", weaker=False)
    node.rest()
    return made
