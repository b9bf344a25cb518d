"""Cases from a document, and what a schema cannot say about them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid, ReferenceMalformed
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Evidence
from sealgate.oci.artifact import Kind
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import NO_PLATFORM
from sealgate.oci.reference import Repository, Tag
from sealgate.policy import moments, schema
from sealgate.policy.cases.build_evidence import EvidenceBuilder
from sealgate.policy.cases.facts import NOW, kind, made_up_digest
from sealgate.policy.cases.model import Case, Expected, Facts, ListedBy
from sealgate.policy.decision import Outcome, Subject
from sealgate.policy.model import Operation, PolicySet
from sealgate.policy.problems import Path
from sealgate.policy.strict_yaml import Document

_LATEST: Final = "latest"


def check(document: Document) -> None:
    """Hold a document against the schema of cases."""
    schema.check(document, "cases")


def named(document: Document, field: str) -> tuple[str, ...]:
    """The names of `keys` or `trusted_roots` that the document makes up."""
    found = document.items((field,))
    return tuple(name for at, name in enumerate(found) if isinstance(name, str) and document.fits((field, at)))


def repositories(document: Document) -> Iterator[str]:
    """The names of all the repositories that the cases are about."""
    for at in range(len(document.items(("cases",)))):
        if isinstance(name := document.at(("cases", at, "repository")), str):
            yield name


def build(document: Document, policies: PolicySet, evidence: EvidenceBuilder) -> tuple[Case, ...]:
    """The cases of a document that was held against the schema; what is wrong with the others, the document then says.

    Args:
        document: the document.
        policies: what judges them.
        evidence: makes facts of words.
    """
    return tuple(_CaseBuilder(document, policies, evidence).cases())


class _CaseBuilder:
    def __init__(self, document: Document, policies: PolicySet, evidence: EvidenceBuilder) -> None:
        self._document = document
        self._policies = policies
        self._evidence = evidence

    def cases(self) -> Iterator[Case]:
        names: dict[str, int] = {}
        default = self._moment((), NOW)
        for at in range(len(self._document.items(("cases",)))):
            path: Path = ("cases", at)
            name = self._document.at((*path, "name"))
            if isinstance(name, str) and names.setdefault(name, at) != at:
                self._document.refuse((*path, "name"), f"another case is called {name}", "names are unique")
            if (made := self._case(path, default)) is not None:
                yield made

    def _case(self, path: Path, default: datetime) -> Case | None:
        data = self._document.fitting(path)
        if not {"name", "repository", "expect"} <= data.keys():
            return None
        now = self._moment(path, default)
        operation = Operation(data.get("operation", "pull"))
        resolved = self._policies.resolve(*self._asked(path, data, operation))
        expected = self._expected(path, data)
        artifact = self._facts(path, now, resolved.keys, (data["name"],), index=False)
        listed_by: ListedBy | None = None
        if "listed_by" in data:
            if operation is Operation.PUSH:
                text = "an index covers what is pulled; a tag that is pushed is judged by itself"
                self._document.refuse((*path, "listed_by"), text, "leave it out")
            inner: Path = (*path, "listed_by")
            index = self._facts(inner, now, resolved.keys, (data["name"], "the index"), index=True)
            listed_by = ListedBy(index=index, bare=data["listed_by"].get("platform") == NO_PLATFORM)
            if index.subject.digest == artifact.subject.digest:
                self._document.refuse((*inner, "digest"), "the index lists itself", "its digest is another one")
        if not self._document.fits(path):
            return None
        line, _ = self._document.marks[path]
        return Case(
            name=data["name"],
            line=line,
            repository=Repository(data["repository"]),
            resolved=resolved,
            artifact=artifact,
            listed_by=listed_by,
            now=now,
            expected=expected,
        )

    def _asked(self, path: Path, data: Mapping[str, Any], operation: Operation) -> tuple[str, Operation, str | None]:
        """What the policies are asked: repository, operation, tag."""
        name = data["repository"]
        try:
            canonical = Repository.parse(name).name
            if self._policies.names is not None:
                canonical = self._policies.names.canonical(name, "", "").repository.name
            if canonical != name:
                self._document.refuse((*path, "repository"), f"{name} is called {canonical}", "write that name")
        except ReferenceMalformed as bad:
            self._document.refuse((*path, "repository"), str(bad))
        if operation is Operation.PULL:
            if "tag" in data:
                text = "a pull is judged by repository and digest, whatever the tag"
                self._document.refuse((*path, "tag"), text, "leave it out, or say operation: push")
            return name, operation, None
        tag = data.get("tag", _LATEST)
        try:
            Tag.parse(tag)
        except ReferenceMalformed as bad:
            self._document.refuse((*path, "tag"), str(bad))
        return name, operation, tag

    def _expected(self, path: Path, data: Mapping[str, Any]) -> Expected:
        outcome = Outcome(data["expect"])
        reasons = _reasons(data, "reasons")
        if outcome is Outcome.ADMIT and reasons:
            text = "nothing stands in the way of what is admitted"
            self._document.refuse((*path, "reasons"), text, "what only warns stands in warns")
        if outcome is not Outcome.ADMIT and "reasons" not in data and self._document.fits((*path, "reasons")):
            text = "the field reasons is missing: the same answer for another reason would be another answer"
            self._document.refuse(path, text, "as in reasons: [signature-missing]")
        warns = _reasons(data, "warns") if "warns" in data else None
        return Expected(outcome=outcome, reasons=reasons, warns=warns)

    def _facts(self, path: Path, now: datetime, keys: Any, names: tuple[str, ...], *, index: bool) -> Facts:
        data = self._document.fitting(path)
        digest = made_up_digest(*names)
        if "digest" in data:
            try:
                digest = Digest.parse(data["digest"])
            except ReferenceMalformed as bad:
                self._document.refuse((*path, "digest"), str(bad))
            if digest.algorithm != "sha256":  # what is decided about is always the SHA-256 of the bytes
                self._document.refuse((*path, "digest"), "a digest here is a sha256 one")
        kinds = self._kinds(path, data, index=index)
        evidence: Evidence = self._evidence.build(self._document, (*path, "evidence"), digest, keys, now, names)
        return Facts(subject=Subject(digest=digest, kinds=kinds), evidence=evidence)

    def _kinds(self, path: Path, data: Mapping[str, Any], *, index: bool) -> tuple[Kind, ...]:
        found: set[Kind] = set()
        for at, name in enumerate(data.get("artifact_types", ("oci",))):
            try:
                found.add(kind(name, index=index))
            except ConfigurationInvalid as bad:
                self._document.refuse((*path, "artifact_types", at), str(bad))
        return tuple(sorted(found, key=lambda one: sorted(one.names)))

    def _moment(self, path: Path, default: datetime) -> datetime:
        text = self._document.at((*path, "now"))
        if not isinstance(text, str) or not self._document.fits((*path, "now")):
            return default
        try:
            return moments.moment(text)
        except ConfigurationInvalid as bad:
            self._document.refuse((*path, "now"), str(bad), "as in 2026-01-31T12:00:00Z")
            return default


def _reasons(data: Mapping[str, Any], field: str) -> frozenset[Reason]:
    return frozenset(Reason(code) for code in data.get(field, ()))
