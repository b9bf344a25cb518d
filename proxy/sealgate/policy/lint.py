"""Warnings: policies that load, and may mean less or more than their author thinks."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sealgate.errors import ReferenceMalformed
from sealgate.oci.naming import Names
from sealgate.policy.build import Built
from sealgate.policy.matchers import Exact, Glob, Regexp
from sealgate.policy.model import KeylessRequirement, Matcher, Operation, Policy, SignatureType
from sealgate.policy.problems import Path, Problem
from sealgate.policy.repositories import CAPTURE

# An identity whose host is written out: a URL's between :// and the first /, an e-mail address's after its @.
_HOST_OF_GLOB: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/*?{]+/.*"
    r"|(?!.*\*\*)[^@/]*@[^@/*?{]+",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_ANY_OWNER: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+/\*+(/.*)?", re.ASCII | re.DOTALL | re.IGNORECASE)
# The first name after a host, which goes on: `https://github.com/myorg*` is also `https://github.com/myorg-evil`.
_OWNER_GOES_ON: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+/[^/*?]+[*?].*", re.ASCII | re.DOTALL | re.IGNORECASE)
_OWNER_GOES_ON_REGEXP: Final = re.compile(
    r"\^?[a-z][a-z0-9+.-]*://(?:[^/\[\\]|\\.)+/(?:[a-z0-9_-]|\\\.)+(?:\.|\[\^/\])[*+].*",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_OPEN_REGEXP: Final = re.compile(r"\^?\(*(\?:)?\.[*+].*|[^:]*://\(*(\?:)?(\.|\[\^/\])[*+].*", re.ASCII | re.DOTALL)
_EMAIL_REGEXP: Final = re.compile(r"[^@/]*@(?:[a-z0-9-]|\\\.)+\$?", re.ASCII | re.IGNORECASE)
# A dot that stands for itself in a host name, and for any character in a regular expression.
_LOOSE_DOT: Final = re.compile(r"[a-z0-9-]\.[a-z]", re.ASCII | re.IGNORECASE)
_OPEN_BEGINNING: Final = frozenset("*?{")
_WILD: Final = re.compile(r"\*{2,}|\*|\?", re.ASCII)


def warnings(policies: Sequence[Built], names: Names | None = None) -> Iterator[Problem]:
    """What the author of these policies should look at.

    Args:
        policies: all of them.
        names: the registries behind the gate; None where they are not known.
    """
    everything = [built.policy for built in policies]
    for built in policies:
        yield from _shallow(built, everything)
        yield from _one_sided(built, everything)
        if names is not None:
            yield from _misnamed(built, names)
        yield from _rules(built)


def _shallow(built: Built, everything: Sequence[Policy]) -> Iterator[Problem]:
    """`team/*` does not cover `team/a/b` (design section 3)."""
    for position, pattern in enumerate(built.policy.repositories):
        if pattern.text != "*" and not pattern.text.endswith("/*"):
            continue
        if any(
            _covers(policy, f"{_sample(pattern.text)}/b", operation) for policy in everything for operation in Operation
        ):
            continue
        deep = f"{pattern.text[:-1]}a/b"
        text = f"{pattern.text} does not cover {deep}, and no other policy does"
        yield built.document.problem(
            ("repositories", position), text, f"{pattern.text}* would, at any depth", error=False
        )


def _one_sided(built: Built, everything: Sequence[Policy]) -> Iterator[Problem]:
    """A repository that is judged on one side only is uncovered, so denied, on the other."""
    for other in set(Operation) - built.policy.operations:
        for position, pattern in enumerate(built.policy.repositories):
            if not any(_covers(policy, _sample(pattern.text), other) for policy in everything):
                text = f"a {other.value} of {pattern.text} is covered by no policy"
                hint = "what is not covered is denied, unless the settings' unmatched says otherwise"
                yield built.document.problem(("repositories", position), text, hint, error=False)


def _misnamed(built: Built, names: Names) -> Iterator[Problem]:
    """Policies know canonical names only (design section 4): what is written in another way matches nothing."""
    for field, patterns in (
        ("repositories", built.policy.repositories),
        ("exclude_repositories", built.policy.exclude_repositories),
    ):
        for position, pattern in enumerate(patterns):
            if not _OPEN_BEGINNING.isdisjoint(pattern.text.partition("/")[0]):
                continue
            sample = _sample(pattern.text)
            try:
                canonical = names.canonical(sample, "", "").repository.name
            except ReferenceMalformed as error:
                text, hint = f"no repository is called so: {error}", "upstreams are named in the settings"
            else:
                if pattern.capture(canonical) is not None:
                    continue
                text, hint = f"no repository is called so: {sample} is {canonical}", "write the canonical name"
            yield built.document.problem((field, position), text, hint, error=False)


def _sample(pattern: str) -> str:
    """A name that the pattern matches, and that no other pattern is likely to name."""
    return _WILD.sub(lambda found: "a/a" if len(found[0]) > 1 else "a", CAPTURE.sub("a", pattern))


def _covers(policy: Policy, repository: str, operation: Operation) -> bool:
    """As `Policy.covers`, with any tag."""
    return (
        operation in policy.operations
        and any(pattern.capture(repository) is not None for pattern in policy.repositories)
        and not any(pattern.capture(repository) is not None for pattern in policy.exclude_repositories)
    )


def _rules(built: Built) -> Iterator[Problem]:
    for number, rule in enumerate(built.policy.rules):
        if rule.signature_type not in (SignatureType.COSIGN, SignatureType.ATTESTATION):
            text = f"{rule.signature_type.value} signatures cannot be checked yet: what this rule applies to is denied"
            yield built.document.problem(("rules", number, "signature_type"), text, error=False)
        for position, wanted in enumerate(rule.alternatives):
            if isinstance(wanted, KeylessRequirement):
                path = ("rules", number, "key_requirements", position)
                for matcher, name in (
                    (wanted.identity, "certificate_identity"),
                    (wanted.issuer, "certificate_oidc_issuer"),
                ):
                    place: Path = (*path, f"{name}_regexp" if isinstance(matcher, Regexp) else name)
                    for text, hint in _wide(matcher, identity=matcher is wanted.identity):
                        yield built.document.problem(place, text, hint, error=False)
                for claim, matcher in wanted.claims.items():
                    for text, hint in _wide(matcher, identity=True) if claim.endswith("_uri") else ():
                        yield built.document.problem((*path, "claims", claim), text, hint, error=False)


def _wide(matcher: Matcher, *, identity: bool) -> Iterator[tuple[str, str]]:
    """What is wider than it looks (attacks A22): what, and what to do about it."""
    text = matcher.text
    match matcher:
        case Glob() if not text.strip("*?/"):
            yield f"{text} matches any identity at all", "say whose signature counts"
        case Glob() if not _HOST_OF_GLOB.fullmatch(text):
            yield f"{text} leaves the host open: an identity at another host may match", "write the host out"
        case Glob() if _ANY_OWNER.fullmatch(text):
            yield f"{text} matches everybody at that host", "write the organisation out"
        case Glob() if _OWNER_GOES_ON.fullmatch(text):
            yield f"{text} matches others, too, whose names begin so", "put a / behind the organisation"
        case Regexp():
            if _OPEN_REGEXP.fullmatch(text) and not _EMAIL_REGEXP.fullmatch(text):
                yield "it leaves the host open: an identity at another host may match", "write the host out"
            if _OWNER_GOES_ON_REGEXP.fullmatch(text):
                yield "it matches others, too, whose names begin so", "put a / behind the organisation"
            if next(_LOOSE_DOT.finditer(text.replace(r"\.", "")), None):
                yield "a dot stands for any character, so look-alike names match", r"write \. for a dot"
            if "(?i" in text:
                yield "(?i) takes upper and lower case for the same, which identities do not", "leave it out"
        case Exact() if not identity and not text.startswith("https://"):
            yield f"{text} is not an https:// URL, as OIDC issuers are", ""
