"""One policy from one document, and what a schema cannot say about it.

Looks at every part that nothing is wrong with so far, so that all problems of a file are told in one run.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid, ReferenceMalformed
from sealgate.oci.reference import Repository
from sealgate.policy.build_named import build_denied, build_exemptions
from sealgate.policy.build_rule import RuleBuilder, check_name
from sealgate.policy.matchers import Exact, Glob, captures_in, exact_or_glob
from sealgate.policy.model import Mode, OnUnsignedPush, Operation, Policy, Rule
from sealgate.policy.problems import did_you_mean
from sealgate.policy.repositories import CAPTURE, RepositoryGlob, repository_glob
from sealgate.policy.sources import Sources
from sealgate.policy.strict_yaml import Document

_TAG_GLOB: Final = re.compile(r"[A-Za-z0-9._*?-]+", re.ASCII)  # what tags are made of (oci.reference), and * ?


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A policy, and the document it was made of.

    Args:
        disabled: it is as if the file were not there (`mode: disabled`).
    """

    policy: Policy
    document: Document
    disabled: bool


def build(document: Document, sources: Sources) -> Built | None:
    """Make the policy of a document that was held against the schema.

    Returns:
        None when anything is wrong with it; what, the document then says.
    """
    if not isinstance(document.data, dict):
        return None
    data = document.fitting(())
    check_name(document, data, ())
    globs = _repositories(document, "repositories")
    excluded = _excluded(document)
    tags = _tags(document, data)
    rules, used = _rules(document, sources, globs)
    elsewhere = _signature_repository(document, data, globs, sources)
    _check_captures(document, globs, used | (set(captures_in(elsewhere)) if elsewhere else set()))
    _check_rules(document, data, rules)
    exemptions = build_exemptions(document)
    immutable = _tag_globs(document, "immutable_tags")
    _check_pushes(document, data, globs, sources)
    denied = build_denied(document, sources, [rule for rule in rules if rule is not None])
    if document.problems:
        return None
    mode = data.get("mode", "enforce")
    policy = Policy(
        name=data["name"],
        description=data.get("description", ""),
        fix=data.get("fix", ""),
        mode=Mode.WARN if mode == "warn" else Mode.ENFORCE,
        repositories=tuple(globs.values()),
        exclude_repositories=excluded,
        operations=_operations(data),
        tags=tags,
        allow_unsigned=data.get("allow_unsigned", False),
        rules=tuple(rule for rule in rules if rule is not None),
        exemptions=exemptions,
        denied=denied,
        on_unsigned_push=OnUnsignedPush(data.get("on_unsigned_push", "reject")),
        immutable_tags=immutable,
        signature_repository=elsewhere,
    )
    return Built(policy=policy, document=document, disabled=mode == "disabled")


def _items(document: Document, key: str) -> dict[int, Any]:
    """The items of a list that nothing is wrong with, by their place."""
    return {at: item for at, item in enumerate(document.items((key,))) if document.fits((key, at))}


def _repositories(document: Document, key: str) -> dict[int, RepositoryGlob]:
    made: dict[int, RepositoryGlob] = {}
    for at, text in _items(document, key).items():
        try:
            made[at] = repository_glob(text)
        except ConfigurationInvalid as bad:
            document.refuse((key, at), str(bad))
    return made


def _excluded(document: Document) -> tuple[RepositoryGlob, ...]:
    globs = _repositories(document, "exclude_repositories")
    for at, glob in globs.items():
        if glob.names:
            document.refuse(("exclude_repositories", at), "captures have no use here", "use * instead")
    return tuple(globs.values())


def _tags(document: Document, data: Mapping[str, Any]) -> tuple[Exact | Glob, ...]:
    if "tags" in data and _operations(data) != {Operation.PUSH}:
        hint = "say operations: [push]; pulls are judged by digest, whatever the tag"
        document.refuse(("tags",), "tags can be guarded on push only", hint)
    return _tag_globs(document, "tags")


def _tag_globs(document: Document, key: str) -> tuple[Exact | Glob, ...]:
    made: list[Exact | Glob] = []
    for at, text in _items(document, key).items():
        if not _TAG_GLOB.fullmatch(text):
            document.refuse((key, at), f"{text} can match no tag: tags are made of letters, digits and . _ -")
            continue
        try:
            made.append(exact_or_glob(text))
        except ConfigurationInvalid as bad:
            document.refuse((key, at), str(bad))
    return tuple(made)


def _signature_repository(
    document: Document, data: Mapping[str, Any], globs: Mapping[int, RepositoryGlob], sources: Sources
) -> Exact | None:
    """Where cosign's COSIGN_REPOSITORY put the signatures: at the same registry, for the same credentials."""
    key = "signature_repository"
    if key not in data:
        return None
    text: str = data[key]
    try:
        name = Repository.parse(CAPTURE.sub("x", text)).name
    except ReferenceMalformed as bad:
        document.refuse((key,), str(bad), "as in signatures/app, without a host that is no upstream, tag or digest")
        return None
    if data.get("allow_unsigned", False):
        document.refuse((key,), f"{key} has no meaning beside allow_unsigned", "leave it out")
    if data.get("on_unsigned_push") == "hold":  # a hold waits for what is pushed to its own repository
        document.refuse((key,), "hold waits for signatures in the image's own repository", "leave one of the two out")
    captured = {name for glob in globs.values() for name in glob.names}
    for capture in CAPTURE.findall(text):
        if capture not in captured:
            told = f"{{{capture}}} is captured by no pattern of repositories"
            document.refuse((key,), told, did_you_mean(capture, captured))
    if sources.names is not None:
        there = sources.names.upstreams_of(name)
        for glob in globs.values():
            if not sources.names.upstreams_of(glob.text) <= there:
                told = f"{glob.text} is at another upstream than {text}, and their credentials are apart"
                document.refuse((key,), told, "make a policy for each upstream")
    return Exact(text)


def _check_pushes(
    document: Document, data: Mapping[str, Any], globs: Mapping[int, RepositoryGlob], sources: Sources
) -> None:
    """Of what a policy says about pushes, that it can be done."""
    for key in ("on_unsigned_push", "immutable_tags"):
        if key in data and Operation.PUSH not in _operations(data):
            document.refuse((key,), f"{key} is about pushes, and this policy does not cover them")
    if data.get("on_unsigned_push") != "hold":
        return
    if data.get("allow_unsigned", False):
        document.refuse(("on_unsigned_push",), "on_unsigned_push has no meaning beside allow_unsigned", "leave it out")
    if sources.holds is None or sources.names is None:
        return
    if not sources.holds.durable:  # a hold is an acknowledged push: it must outlive the process
        document.refuse(("on_unsigned_push",), "hold needs a state that lasts", "state: sqlite:///… in the settings")
    for glob in globs.values():
        for upstream in sorted(sources.names.upstreams_of(glob.text) - sources.holds.upstreams):
            text = f"hold moves tags with a right of the gate's own, and it has none at the upstream {upstream}"
            document.refuse(("on_unsigned_push",), text, "give that upstream credentials: in the settings")


def _operations(data: Mapping[str, Any]) -> frozenset[Operation]:
    return frozenset(Operation(name) for name in data.get("operations", ("pull", "push")))


def _rules(
    document: Document, sources: Sources, globs: Mapping[int, RepositoryGlob]
) -> tuple[list[Rule | None], set[str]]:
    """The rules (None for one that something is wrong with), and the captures that they use."""
    captured = frozenset(name for glob in globs.values() for name in glob.names)
    builder = RuleBuilder(document, sources, captured, every_capture=document.fits(("repositories",)))
    return [builder.rule(("rules", at)) for at in range(len(document.items(("rules",))))], builder.used


def _check_captures(document: Document, globs: Mapping[int, RepositoryGlob], used: set[str]) -> None:
    """Every pattern captures what the rules use, and nothing else: else a requirement would have a hole in it."""
    captured = {name for glob in globs.values() for name in glob.names}
    for at, glob in globs.items():
        for name in sorted((used & captured) - set(glob.names)):
            text = f"the capture {{{name}}}, which a rule uses, is not in this pattern"
            document.refuse(("repositories", at), text, "capture it here too, or make two policies of it")
        if document.fits(("rules",)):
            for name in sorted(set(glob.names) - used):
                document.refuse(("repositories", at), f"the capture {{{name}}} is used by no rule", "use * instead")


def _check_rules(document: Document, data: Mapping[str, Any], rules: Sequence[Rule | None]) -> None:
    free = data.get("allow_unsigned", False)
    if free and "rules" in data:
        document.refuse(("allow_unsigned",), "a policy has allow_unsigned or rules, not both")
    if free and "exceptions" in data:
        document.refuse(("exceptions",), "exceptions has no meaning beside allow_unsigned", "leave it out")
    asking = any(rule is None or rule.required for rule in rules)
    if not free and not asking and document.all_fit(()):
        hint = "to let everything pass, say allow_unsigned: true instead of rules"
        document.refuse((), "the policy has no required rule", hint)
    names: dict[str, int] = {}
    for at, rule in enumerate(rules):
        if rule is not None and names.setdefault(rule.name, at) != at:
            document.refuse(("rules", at, "name"), f"another rule is called {rule.name}", "names are unique")
