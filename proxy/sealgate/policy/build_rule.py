"""One rule of a policy, and what a schema cannot say about it."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.payload import COSIGN_SIGNATURE_PREDICATE
from sealgate.evidence.predicate import PredicateTest
from sealgate.evidence.signature import LogProof
from sealgate.oci import media_types as mt
from sealgate.oci.artifact import IMAGE, TYPE_NAMES
from sealgate.policy import moments
from sealgate.policy.build_requirement import RequirementBuilder, moment_at
from sealgate.policy.conditions import check_condition, check_schema
from sealgate.policy.matchers import Exact
from sealgate.policy.model import KeylessRequirement, KeyRequirement, Requirement, Rule, SignatureType
from sealgate.policy.predicate_types import PREDICATE_TYPES, meant
from sealgate.policy.problems import Path, did_you_mean
from sealgate.policy.sources import Sources
from sealgate.policy.strict_yaml import Document

_FOR_ATTESTATIONS: Final = ("predicate_type", "predicate_schema", "condition")
_NOT_BESIDE_FREE: Final = (
    "key_requirements",
    "trusted_keys",
    "threshold",
    "rekor",
    "signature_type",
    "required",
    "signed_reference",
    "max_age",
    "min_signed_at",
    "index",
    *_FOR_ATTESTATIONS,
)
# Their rules load, so that the rest of the policy is enforced; what they apply to is denied (design section 3).
_UNCHECKABLE: Final = frozenset({SignatureType.GPG, SignatureType.NOTATION, SignatureType.DCT})
_MEDIA_TYPE: Final = re.compile(r"[!-)+->@-~]+", re.ASCII)  # RFC 6838 and parameters: printable, and nothing of a glob
_PROOFS: Final = {"offline": LogProof.INCLUSION, "online": LogProof.INCLUSION, "promise": LogProof.PROMISE}
_IMAGES: Final = IMAGE | mt.IMAGE_CONFIGS | mt.IMAGE_MANIFESTS | mt.INDEXES


def check_name(document: Document, data: Mapping[str, Any], path: Path) -> None:
    """A name is shown in one line, in logs and in HTTP reason phrases."""
    name = data.get("name", "-")
    if not name.isprintable() or name != name.strip():
        document.refuse((*path, "name"), "must be one line of text without space around it")


class RuleBuilder:
    """Makes the rules of one policy.

    Args:
        captured: the captures of the policy's patterns.
        every_capture: whether those are all, or a pattern could not be read.
    """

    def __init__(self, document: Document, sources: Sources, captured: frozenset[str], *, every_capture: bool) -> None:
        self._document = document
        self._compile = sources.compile_condition
        self._requirements = RequirementBuilder(document, sources, captured, every_capture=every_capture)

    @property
    def used(self) -> set[str]:
        """The captures that the rules made so far use."""
        return self._requirements.used

    def rule(self, path: Path) -> Rule | None:
        """The rule at a place; None when something is wrong with it."""
        if not isinstance(self._document.at(path), dict):
            return None
        data = self._document.fitting(path)
        check_name(self._document, data, path)
        kind = SignatureType(data.get("signature_type", "cosign"))
        types = self._types(data, path)
        free = data.get("allow_unsigned", False)
        if free:
            self._check_free(data, types, path)
        alternatives = () if free or kind in _UNCHECKABLE else tuple(self._requirements.alternatives(path))
        nobody = "key_requirements" not in data and "trusted_keys" not in data
        if kind not in _UNCHECKABLE and not free and nobody and self._document.all_fit(path):
            self._document.refuse(path, "the rule names nobody to trust", "give it key_requirements or trusted_keys")
        self._check_threshold(data, alternatives, path)
        log = self._log(data.get("rekor", {}), alternatives, (*path, "rekor"))
        max_age = self._span(data, "max_age", path)
        min_signed_at = moment_at(self._document, data, "min_signed_at", path)
        predicate_type, predicate = self._predicate(data, kind, path)
        if not self._document.fits(path):
            return None
        return Rule(
            name=data["name"],
            signature_type=kind,
            required=data.get("required", True),
            artifact_types=types,
            alternatives=alternatives,
            threshold=data.get("threshold", 1),
            log=log,
            fetches_proof=data.get("rekor", {}).get("proof") == "online",
            references=frozenset() if data.get("signed_reference") == "repository" else None,
            max_age=max_age,
            min_signed_at=min_signed_at,
            predicate_type=predicate_type,
            predicate=predicate,
            covers_children=data.get("index", "covers-children") == "covers-children",
            allow_unsigned=free,
            fix=data.get("fix", ""),
        )

    def _predicate(self, data: Mapping[str, Any], kind: SignatureType, path: Path) -> tuple[str, PredicateTest]:
        """What is asked of an attestation, all of it of one and the same."""
        if kind is not SignatureType.ATTESTATION:
            for name in _FOR_ATTESTATIONS:
                if name in data and not data.get("allow_unsigned", False):
                    text = f"{name} has no meaning for signature_type: {kind.value}"
                    self._document.refuse((*path, name), text, "that is signature_type: attestation")
            return "", PredicateTest()
        if "signed_reference" in data:  # a statement has a digest, and the name beside it is free
            self._document.refuse((*path, "signed_reference"), "attestations name no repository", "leave it out")
        return self._predicate_type(data, path), PredicateTest(
            schema=self._schema(data, path), conditions=self._conditions(data, path)
        )

    def _predicate_type(self, data: Mapping[str, Any], path: Path) -> str:
        if "predicate_type" not in data:
            if self._document.all_fit(path):
                hint = f"one of {', '.join(sorted(PREDICATE_TYPES))}, or the URI in the statement"
                self._document.refuse(path, "the field predicate_type is missing", hint)
            return ""
        text: str = data["predicate_type"]
        uri = meant(text)
        if text == COSIGN_SIGNATURE_PREDICATE:
            told = "that is a signature, and no attestation"
            self._document.refuse((*path, "predicate_type"), told, "that is signature_type: cosign")
        elif uri is None:
            hint = did_you_mean(text, PREDICATE_TYPES) or f"or one of {', '.join(sorted(PREDICATE_TYPES))}"
            self._document.refuse((*path, "predicate_type"), f"{text} is no URI", hint)
        return uri or ""

    def _schema(self, data: Mapping[str, Any], path: Path) -> str:
        if "predicate_schema" not in data:
            return ""
        try:
            return check_schema(data["predicate_schema"])
        except ConfigurationInvalid as bad:
            self._document.refuse((*path, "predicate_schema"), str(bad))
            return ""

    def _conditions(self, data: Mapping[str, Any], path: Path) -> tuple[str, ...]:
        found = data.get("condition", [])
        several = isinstance(found, list)
        for at, text in enumerate(found if several else [found]):
            try:
                check_condition(text, self._compile)
            except ConfigurationInvalid as bad:
                self._document.refuse((*path, "condition", at) if several else (*path, "condition"), str(bad))
        return tuple(found) if several else (found,)

    def _types(self, data: Mapping[str, Any], path: Path) -> frozenset[str] | None:
        if "artifact_types" not in data:
            return None
        for at, name in enumerate(data["artifact_types"]):
            if name not in TYPE_NAMES and "/" not in name:
                hint = did_you_mean(name, TYPE_NAMES) or f"{', '.join(sorted(TYPE_NAMES))}, or an exact media type"
                self._document.refuse((*path, "artifact_types", at), f"{name} is not a type of artifact", hint)
            elif not _MEDIA_TYPE.fullmatch(name):
                text = f"{name} is no media type; media types are exact"
                self._document.refuse((*path, "artifact_types", at), text)
        return frozenset(data["artifact_types"])

    def _check_free(self, data: Mapping[str, Any], types: frozenset[str] | None, path: Path) -> None:
        """A rule that lets artifacts of some types pass: never images (design section 3)."""
        if types is None and self._document.fits((*path, "artifact_types")):
            self._document.refuse((*path, "allow_unsigned"), "name the artifact_types that may pass")
        for at, name in enumerate(data.get("artifact_types", ())):
            if name in _IMAGES or mt.is_image_layer(name):
                text = f"{name} is an image, and no rule lets images pass unsigned"
                self._document.refuse((*path, "artifact_types", at), text)
        for key in _NOT_BESIDE_FREE:
            if key in data:
                self._document.refuse((*path, key), f"{key} has no meaning beside allow_unsigned", "leave it out")

    def _check_threshold(self, data: Mapping[str, Any], alternatives: Sequence[Requirement], path: Path) -> None:
        lists = all(self._document.fits((*path, key)) for key in ("key_requirements", "trusted_keys"))
        signers = _most_signers(alternatives)
        if alternatives and lists and signers is not None and signers < (wanted := data.get("threshold", 1)):
            there = "is only one" if signers == 1 else f"are only {signers}"
            text = f"{wanted} distinct signers are asked for, and there {there} among those it names"
            self._document.refuse((*path, "threshold"), text)

    def _span(self, data: Mapping[str, Any], name: str, path: Path) -> timedelta | None:
        if name not in data:
            return None
        try:
            return moments.span(data[name])
        except ConfigurationInvalid as bad:
            self._document.refuse((*path, name), str(bad), "as in 90d: a number and m, h, d or w")
            return None

    def _log(self, data: Mapping[str, Any], alternatives: Sequence[Requirement], path: Path) -> LogProof:
        if data.get("required", True):
            return _PROOFS.get(data.get("proof", "offline"), LogProof.INCLUSION)
        if any(isinstance(wanted, KeylessRequirement) for wanted in alternatives):
            text = "a keyless signature says nothing without its log entry: required: false is for keys only"
            hint = "put keys and keyless identities into rules of their own"
            self._document.refuse((*path, "required"), text, hint)
        if "proof" in data:
            self._document.refuse((*path, "proof"), "proof has no meaning where no entry is required", "leave it out")
        return LogProof.NONE


def _most_signers(alternatives: Sequence[Requirement]) -> int | None:
    """How many distinct signers there can be; None where an identity is open."""
    signers: set[tuple[str, str]] = set()
    for wanted in alternatives:
        if isinstance(wanted, KeyRequirement):
            signers.add(("", wanted.key.fingerprint))
        elif isinstance(wanted.identity, Exact) and isinstance(wanted.issuer, Exact):
            signers.add((wanted.identity.text, wanted.issuer.text))
        else:
            return None
    return len(signers)
