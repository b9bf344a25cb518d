"""Warnings: policies that load, and may mean less or more than their author thinks."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sealgate.policy.matchers import Exact, Glob, Regexp
from sealgate.policy.model import KeylessRequirement, Operation, Policy
from sealgate.policy.problems import Path, Problem
from sealgate.policy.strict_yaml import Document

# A dot that stands for itself in a host name, and for any character in a regular expression.
_LOOSE_DOT: Final = re.compile(r"[a-z0-9-]\.[a-z]", re.ASCII | re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/*?{]+/.*|[^@]*@[^@*?{]+", re.ASCII | re.DOTALL | re.IGNORECASE)


def warnings(policies: Sequence[tuple[Policy, Document]]) -> Iterator[Problem]:
    """What the author of these policies should look at."""
    everything = [policy for policy, _ in policies]
    for policy, document in policies:
        yield from _shallow(policy, document, everything)
        yield from _one_sided(policy, document, everything)
        yield from _wide(policy, document)


def _shallow(policy: Policy, document: Document, everything: Sequence[Policy]) -> Iterator[Problem]:
    """`team/*` does not cover `team/a/b` (design section 3)."""
    patterns = {pattern.text for other in everything for pattern in other.repositories}
    for position, pattern in enumerate(policy.repositories):
        if pattern.text.endswith("/*") and f"{pattern.text}*" not in patterns:
            deep = f"{pattern.text[:-1]}a/b"
            yield document.problem(
                ("repositories", position),
                f"{pattern.text} does not cover {deep}",
                f"{pattern.text}* would, at any depth",
                error=False,
            )


def _one_sided(policy: Policy, document: Document, everything: Sequence[Policy]) -> Iterator[Problem]:
    """A repository that is judged on one side only is uncovered, so denied, on the other."""
    for side, other in ((Operation.PULL, Operation.PUSH), (Operation.PUSH, Operation.PULL)):
        if policy.operations != {side}:
            continue
        covered = {
            pattern.text
            for each in everything
            if other in each.operations and not each.tags
            for pattern in each.repositories
        }
        for position, pattern in enumerate(policy.repositories):
            if pattern.text not in covered:
                yield document.problem(
                    ("repositories", position),
                    f"no policy covers {other.value} for {pattern.text}, only {side.value}",
                    "what is not covered is denied, unless the settings' unmatched says otherwise",
                    error=False,
                )


def _wide(policy: Policy, document: Document) -> Iterator[Problem]:
    """Identities that are wider than they look (attacks A22)."""
    for number, rule in enumerate(policy.rules):
        for position, wanted in enumerate(rule.alternatives):
            if not isinstance(wanted, KeylessRequirement):
                continue
            path = ("rules", number, "key_requirements", position)
            yield from _wide_matcher(wanted.identity, document, (*path, "certificate_identity"), identity=True)
            yield from _wide_matcher(wanted.issuer, document, (*path, "certificate_oidc_issuer"), identity=False)


def _wide_matcher(matcher: object, document: Document, path: Path, *, identity: bool) -> Iterator[Problem]:
    if isinstance(matcher, Glob) and not _HOST.fullmatch(matcher.text):
        text = f"{matcher.text} leaves the host open: anybody's identity at another host may match"
        yield document.problem(path, text, "write the host out", error=False)
    if isinstance(matcher, Glob) and identity and re.fullmatch(r"https://[^/]+/\*+", matcher.text):
        text = f"{matcher.text} matches every organisation there"
        yield document.problem(path, text, "write the organisation out", error=False)
    if isinstance(matcher, Regexp) and _LOOSE_DOT.findall(matcher.text.replace(r"\.", "")):
        here = (*path[:-1], f"{path[-1]}_regexp")
        text = "a dot stands for any character, so look-alike names match"
        yield document.problem(here, text, r"write \. for a dot", error=False)
    if isinstance(matcher, Exact) and not identity and not matcher.text.startswith("https://"):
        text = f"{matcher.text} is not an https:// URL, as OIDC issuers are"
        yield document.problem(path, text, error=False)
