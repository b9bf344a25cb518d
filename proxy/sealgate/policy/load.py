"""Policies from files: everything that is wrong is told at once, and one bad file refuses the whole set.

Three readings, each on what the one before left: YAML with one meaning (`strict_yaml`), the published schema
(`schema`), and what a schema cannot say (here). A field that is not enforced yet is refused by name, never ignored
(attacks A21).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import LogProof
from sealgate.limits import POLICY_FILES
from sealgate.oci import media_types as mt
from sealgate.oci.artifact import IMAGE, TYPE_NAMES
from sealgate.policy import schema, strict_yaml
from sealgate.policy.glob import CAPTURE, RepositoryGlob, repository_glob
from sealgate.policy.lint import warnings
from sealgate.policy.matchers import Exact, Glob, exact_or_glob, regexp
from sealgate.policy.model import (
    KeylessRequirement,
    KeyRequirement,
    Matcher,
    Mode,
    Operation,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    SignatureType,
    Unmatched,
)
from sealgate.policy.problems import Path, Problem, did_you_mean

_LATER_IN_POLICY: Final = ("immutable_tags", "exceptions", "denied", "signature_repository")
_LATER_IN_RULE: Final = ("predicate_type", "predicate_schema", "condition", "max_age", "min_signed_at")
_LATER_IN_REQUIREMENT: Final = ("claims", "trusted_root", "not_before", "not_after")
_FOR_KEYLESS: Final = (
    "certificate_identity",
    "certificate_identity_regexp",
    "certificate_oidc_issuer",
    "certificate_oidc_issuer_regexp",
)
_UNCHECKABLE: Final = frozenset({SignatureType.GPG, SignatureType.NOTATION, SignatureType.DCT})
_PROOFS: Final = {"offline": LogProof.INCLUSION, "promise": LogProof.PROMISE}
_LATER: Final = "is not supported yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """A key of the settings' key ring.

    Args:
        key: the public key.
        sign_with: what stands after `cosign sign --key` in refusals; "" when the settings do not say.
    """

    key: PublicKey
    sign_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the loader needs from outside.

    Args:
        ring: the key ring.
        read_key: reads a PEM public key; raises `KeyRejected`.
        read_file: reads the file that a policy names, relative to the policy's own; raises `ConfigurationInvalid`.
    """

    ring: Mapping[str, RingKey]
    read_key: Callable[[bytes], PublicKey]
    read_file: Callable[[str, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of loading.

    Args:
        policies: those in force, when there is no error.
        disabled: names of policies that are as if they were not there.
        problems: errors and warnings, in the order of files and lines.
    """

    policies: tuple[Policy, ...] = ()
    disabled: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse the set."""
        return tuple(problem for problem in self.problems if problem.error)

    def policy_set(self, unmatched: Unmatched) -> PolicySet:
        """The set, whole.

        Raises:
            ConfigurationInvalid: there is an error in any of the files; it holds every one of them.
        """
        if self.errors:
            raise ConfigurationInvalid(*(str(problem) for problem in self.errors))
        return PolicySet(policies=self.policies, unmatched=unmatched)


def load(policy_files: Sequence[tuple[str, bytes]], sources: Sources) -> Loaded:
    """Read policies.

    Args:
        policy_files: name and content of each.
        sources: keys, and files that policies name.
    """
    if not policy_files or len(policy_files) > POLICY_FILES:
        told = f"more than {POLICY_FILES} policy files" if policy_files else "there is no policy file"
        return Loaded(problems=(Problem(file="policies", text=told),))
    problems: list[Problem] = []
    made: list[tuple[Policy, strict_yaml.Document, bool]] = []
    names: dict[str, str] = {}
    for file, raw in policy_files:
        document = strict_yaml.read(file, raw)
        found = document.problems or schema.check(document, "policy")
        if not found and isinstance(document.data, dict):
            builder = _Builder(document, sources)
            policy, disabled = builder.policy(document.data)
            found = builder.problems
            if policy.name in names:
                found.append(document.problem(("name",), f"{policy.name} is the name of {names[policy.name]} too"))
            names.setdefault(policy.name, file)
            made.append((policy, document, disabled))
        problems.extend(sorted(found))
    in_force = [(policy, document) for policy, document, disabled in made if not disabled]
    if not problems:
        problems.extend(warnings(in_force))
    return Loaded(
        policies=tuple(policy for policy, _ in in_force),
        disabled=tuple(policy.name for policy, _, disabled in made if disabled),
        problems=tuple(problems),
    )


@dataclass(slots=True)
class _Builder:
    """Makes a policy of a document that fits the schema, and collects what the schema cannot say."""

    document: strict_yaml.Document
    sources: Sources
    problems: list[Problem] = field(default_factory=list)
    captures: frozenset[str] = frozenset()
    used: set[str] = field(default_factory=set)

    def policy(self, data: Mapping[str, Any]) -> tuple[Policy, bool]:
        """The policy, and whether it is disabled. Only good when there are no problems."""
        self.later(data, (), _LATER_IN_POLICY)
        if data.get("on_unsigned_push") == "hold":
            self.error(("on_unsigned_push",), f"hold {_LATER}")
        repositories = self.repositories(data, "repositories")
        excluded = self.repositories(data, "exclude_repositories")
        captured = [frozenset(glob.names) for glob in repositories]
        self.captures = frozenset.intersection(*captured) if captured else frozenset()
        for position, glob in enumerate(repositories):
            for name in sorted(set(glob.names) - self.captures):
                self.error(("repositories", position), f"the capture {{{name}}} is not in every pattern")
        operations = frozenset(Operation(name) for name in data.get("operations", ("pull", "push")))
        if "tags" in data and operations != {Operation.PUSH}:
            hint = "set operations: [push]; pulls are judged by digest, whatever the tag"
            self.error(("tags",), "tags can be guarded on push only", hint)
        free = data.get("allow_unsigned", False)
        rules = tuple(self.rule(rule, ("rules", at)) for at, rule in enumerate(data.get("rules", ())))
        self.check_rules(data, rules, free=free)
        for name in sorted(self.captures - self.used):
            self.error(("repositories",), f"the capture {{{name}}} is not used by any rule", "use * instead")
        policy = Policy(
            name=data["name"],
            description=data.get("description", ""),
            fix=data.get("fix", ""),
            mode=Mode.WARN if data.get("mode") == "warn" else Mode.ENFORCE,
            repositories=repositories,
            exclude_repositories=excluded,
            operations=operations,
            tags=tuple(exact_or_glob(tag) for tag in data.get("tags", ())),
            allow_unsigned=free,
            rules=rules,
        )
        return policy, data.get("mode") == "disabled"

    def check_rules(self, data: Mapping[str, Any], rules: Sequence[Rule], *, free: bool) -> None:
        if free and "rules" in data:
            self.error(("allow_unsigned",), "a policy has allow_unsigned or rules, not both")
        if not free and not any(rule.required and not rule.allow_unsigned for rule in rules):
            hint = "to let everything pass, say allow_unsigned: true instead of rules"
            self.error((), "the policy has no required rule", hint)
        seen: set[str] = set()
        for at, rule in enumerate(rules):
            if rule.name in seen:
                self.error(("rules", at, "name"), f"another rule is called {rule.name}")
            seen.add(rule.name)

    def repositories(self, data: Mapping[str, Any], key: str) -> tuple[RepositoryGlob, ...]:
        made: list[RepositoryGlob] = []
        for at, text in enumerate(data.get(key, ())):
            try:
                glob = repository_glob(text)
            except ConfigurationInvalid as bad:
                self.error((key, at), str(bad))
                continue
            if key == "exclude_repositories" and glob.names:
                self.error((key, at), "captures have no use here", "use * instead")
            made.append(glob)
        return tuple(made)

    def rule(self, data: Mapping[str, Any], path: Path) -> Rule:
        self.later(data, path, _LATER_IN_RULE)
        for key, value in (("signed_reference", "repository"), ("index", "each")):
            if data.get(key) == value:
                self.error((*path, key), f"{value} {_LATER}")
        kind = SignatureType(data.get("signature_type", "cosign"))
        if kind is SignatureType.ATTESTATION:
            self.error((*path, "signature_type"), f"attestation {_LATER}")
        types = frozenset(data["artifact_types"]) if "artifact_types" in data else None
        self.check_types(types, path)
        required, free = data.get("required", True), data.get("allow_unsigned", False)
        if free:
            self.check_free(data, types, path)
        alternatives = () if free or kind in _UNCHECKABLE else tuple(self.alternatives(data, path))
        if kind is SignatureType.COSIGN and not free and not (data.get("key_requirements") or data.get("trusted_keys")):
            self.error(path, "the rule names nobody to trust", "give it key_requirements or trusted_keys")
        threshold = data.get("threshold", 1)
        keys = {wanted.key.fingerprint for wanted in alternatives if isinstance(wanted, KeyRequirement)}
        if (
            alternatives
            and all(isinstance(wanted, KeyRequirement) for wanted in alternatives)
            and len(keys) < threshold
        ):
            text = f"{threshold} distinct signers are asked for, and there are only {len(keys)} distinct keys"
            self.error((*path, "threshold"), text)
        return Rule(
            name=data["name"],
            signature_type=kind,
            required=required,
            artifact_types=types,
            alternatives=alternatives,
            threshold=threshold,
            log=self.log(data.get("rekor", {}), alternatives, (*path, "rekor")),
            allow_unsigned=free,
            fix=data.get("fix", ""),
        )

    def check_types(self, types: frozenset[str] | None, path: Path) -> None:
        for at, name in enumerate(sorted(types or ())):
            if name not in TYPE_NAMES and "/" not in name:
                hint = did_you_mean(name, sorted(TYPE_NAMES)) or "give a short name or an exact media type"
                self.error((*path, "artifact_types", at), f"{name} is not a type of artifact", hint)

    def check_free(self, data: Mapping[str, Any], types: frozenset[str] | None, path: Path) -> None:
        """A rule that lets artifacts of some types pass: never images (design section 3)."""
        if types is None:
            self.error((*path, "allow_unsigned"), "name the artifact_types that may pass")
        for name in sorted(types or ()):
            if name in IMAGE | mt.IMAGE_CONFIGS | mt.IMAGE_MANIFESTS | mt.INDEXES or mt.is_image_layer(name):
                self.error((*path, "artifact_types"), f"{name} is an image, and images never pass unsigned by a rule")
        for key in ("key_requirements", "trusted_keys", "threshold", "rekor", "signature_type", "required"):
            if key in data:
                self.error((*path, key), f"{key} has no meaning beside allow_unsigned")

    def alternatives(self, data: Mapping[str, Any], path: Path) -> Iterator[Requirement]:
        for at, requirement in enumerate(data.get("key_requirements", ())):
            here = (*path, "key_requirements", at)
            self.later(requirement, here, _LATER_IN_REQUIREMENT)
            made = self.key(requirement, here) if requirement["type"] == "key" else self.keyless(requirement, here)
            if made is not None:
                yield made
        for at, name in enumerate(data.get("trusted_keys", ())):
            if (ring := self.sources.ring.get(name)) is None:
                hint = did_you_mean(name, sorted(self.sources.ring)) or "name it under keys: in the settings"
                self.error((*path, "trusted_keys", at), f"there is no key {name} in the key ring", hint)
            else:
                yield KeyRequirement(name=name, key=ring.key, sign_with=ring.sign_with)

    def key(self, data: Mapping[str, Any], path: Path) -> KeyRequirement | None:
        for name in _FOR_KEYLESS:
            if name in data:
                self.error((*path, name), f"{name} has no meaning for type: key")
        if "public_key" not in data:
            self.error(path, "the field public_key is missing")
            return None
        text: str = data["public_key"]
        inline = "-----BEGIN" in text
        try:
            pem = text.encode() if inline else self.sources.read_file(self.document.file, text)
            key = self.sources.read_key(pem)
        except (ConfigurationInvalid, KeyRejected) as bad:
            self.error((*path, "public_key"), str(bad))
            return None
        name = "inline key" if inline else text.rpartition("/")[2].removesuffix(".pub").removesuffix(".pem")
        ring = next((ring for ring in self.sources.ring.values() if ring.key.fingerprint == key.fingerprint), None)
        return KeyRequirement(name=name, key=key, sign_with=ring.sign_with if ring else "")

    def keyless(self, data: Mapping[str, Any], path: Path) -> KeylessRequirement | None:
        if "public_key" in data:
            self.error((*path, "public_key"), "public_key has no meaning for type: keyless")
        identity = self.matcher(data, "certificate_identity", path, exact_or_glob)
        issuer = self.matcher(data, "certificate_oidc_issuer", path, Exact)
        return KeylessRequirement(identity=identity, issuer=issuer) if identity and issuer else None

    def matcher(
        self, data: Mapping[str, Any], key: str, path: Path, plain: Callable[[str], Exact | Glob]
    ) -> Matcher | None:
        other = f"{key}_regexp"
        if (key in data) == (other in data):
            if key in data:
                self.error((*path, other), f"give {key} or {other}, not both")
            else:
                self.error(path, f"the field {key} is missing", f"or give {other}")
            return None
        name = key if key in data else other
        text: str = data[name]
        if not text.strip() or text != text.strip():
            self.error((*path, name), "must not be empty or have space around it")
            return None
        for capture in CAPTURE.findall(text):
            if capture not in self.captures:
                hint = did_you_mean(capture, sorted(self.captures)) or "capture it in repositories"
                self.error((*path, name), f"{{{capture}}} is captured by no pattern of repositories", hint)
            self.used.add(capture)
        try:
            return plain(text) if name == key else regexp(text)
        except ConfigurationInvalid as bad:
            self.error((*path, name), str(bad))
            return None

    def log(self, data: Mapping[str, Any], alternatives: Sequence[Requirement], path: Path) -> LogProof:
        proof = data.get("proof", "offline")
        if proof not in _PROOFS:
            self.error((*path, "proof"), f"{proof} {_LATER}")
        if data.get("required", True):
            return _PROOFS.get(proof, LogProof.INCLUSION)
        if any(isinstance(wanted, KeylessRequirement) for wanted in alternatives):
            text = "a keyless signature says nothing without its log entry: required: false is for keys only"
            self.error((*path, "required"), text, "put keys and keyless identities into rules of their own")
        if "proof" in data:
            self.error((*path, "proof"), "proof has no meaning where no entry is required")
        return LogProof.NONE

    def later(self, data: Mapping[str, Any], path: Path, keys: Sequence[str]) -> None:
        for key in keys:
            if key in data:
                self.error((*path, key), f"{key} {_LATER}")

    def error(self, path: Path, text: str, hint: str = "") -> None:
        self.problems.append(self.document.problem(path, text, hint))
