# ruff: noqa: E501 (a table of what people read is read best in whole lines)
"""Policies from files: what loads and how it is meant; what does not load, and what a person then reads."""

import hashlib
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.signature import LogProof
from sealgate.limits import POLICY_FILES, PROBLEMS
from sealgate.policy.load import Loaded, RingKey, Sources, load
from sealgate.policy.matchers import Exact, Glob, Regexp
from sealgate.policy.model import (
    KeylessRequirement,
    KeyRequirement,
    Mode,
    Operation,
    PolicySet,
    SignatureType,
    Unmatched,
)


def read_key(pem: bytes) -> PublicKey:
    """A reader of keys for these tests: one line between the two markers."""
    if not pem.startswith(b"-----BEGIN PUBLIC KEY-----\n") or not pem.endswith(b"-----END PUBLIC KEY-----\n"):
        raise KeyRejected("not one public key")
    return PublicKey(fingerprint=hashlib.sha256(pem).hexdigest(), spki=pem, algorithm="ed25519")


PEM, OTHER = (f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode() for body in ("MCow", "MFkw"))
KEY, OTHER_KEY = read_key(PEM), read_key(OTHER)
RING = {
    "release": RingKey(key=KEY, sign_with="awskms:///alias/release"),
    "same": RingKey(key=KEY),
    "other": RingKey(key=OTHER_KEY),
}
FILES = {"release.pub": PEM, "keys/other.pub": OTHER, "junk.pub": b"junk"}


def sources(ring: Mapping[str, RingKey] = RING) -> Sources:
    def read_file(policy: str, name: str) -> bytes:
        if name not in FILES:
            raise ConfigurationInvalid(f"{name}: there is no such file")
        return FILES[name]

    roots = frozenset({"default", "acme"})
    return Sources(ring=ring, read_key=read_key, read_file=read_file, trusted_roots=roots)


def loaded(*texts: str) -> Loaded:
    names = ["a.yaml", "b.yaml", "c.yaml"]
    return load([(name, textwrap.dedent(text).encode()) for name, text in zip(names, texts, strict=False)], sources())


def told(*texts: str) -> list[str]:
    return [str(problem) for problem in loaded(*texts).problems]


def one(text: str):
    made = loaded(text)
    assert made.errors == ()
    (policy,) = made.policies
    return policy


SAMPLE = """\
name: "require-signatures"
description: "Require signed artifacts for production"
repositories:
  - "production/*"
  - "stable/*"
rules:
  - name: "require-cosign-signature"
    artifact_types: ["docker", "oci"]
    signature_type: "cosign"
    required: true
    key_requirements:
      - type: "keyless"
        certificate_identity: "*@example.com"
        certificate_oidc_issuer: "https://accounts.google.com"
  - name: "require-gpg-signature"
    artifact_types: ["rpm", "deb", "apk"]
    signature_type: "gpg"
    required: true
    trusted_keys:
      - "key-123"
      - "key-456"
"""


def test_the_sample_of_the_design_loads_as_it_stands():
    policy = one(SAMPLE)
    assert policy.name == "require-signatures"
    assert policy.description == "Require signed artifacts for production"
    assert [pattern.text for pattern in policy.repositories] == ["production/*", "stable/*"]
    assert policy.operations == {Operation.PULL, Operation.PUSH}
    assert policy.mode is Mode.ENFORCE
    cosign, gpg = policy.rules
    assert cosign.artifact_types == {"docker", "oci"}
    assert cosign.alternatives == (
        KeylessRequirement(identity=Glob("*@example.com"), issuer=Exact("https://accounts.google.com")),
    )
    assert cosign.log is LogProof.INCLUSION
    assert gpg.signature_type is SignatureType.GPG
    assert gpg.required
    assert gpg.artifact_types == {"rpm", "deb", "apk"}
    assert gpg.alternatives == ()  # its keys are not looked up: nothing satisfies it


def test_captures_are_written_into_what_a_rule_asks_for():
    policy = one("""\
        name: own
        repositories: ["ghcr.io/myorg/{repo}"]
        rules:
          - name: own-workflow
            signature_type: cosign
            key_requirements:
              - type: keyless
                certificate_identity: "https://github.com/myorg/{repo}/.github/workflows/release.yml@refs/**"
                certificate_oidc_issuer: "https://token.actions.githubusercontent.com"
              - type: keyless
                certificate_identity_regexp: "https://github\\\\.com/myorg/{repo}/x{2}"
                certificate_oidc_issuer_regexp: "https://{repo}\\\\.example"
              - type: key
                public_key: release.pub
        """)
    captures = policy.covers("ghcr.io/myorg/app.x", Operation.PULL, None)
    assert captures == {"repo": "app.x"}
    first, second, third = policy.fill(captures).rules[0].alternatives
    assert first.identity == Glob("https://github.com/myorg/app.x/.github/workflows/release.yml@refs/**")
    assert second.identity == Regexp(r"https://github\.com/myorg/(?:app\.x)/x{2}")
    assert second.issuer.matches("https://app.x.example")
    assert not second.issuer.matches("https://appxx.example")
    assert third == policy.rules[0].alternatives[2]


RULE = "rules: [{name: r, trusted_keys: [release]}]"
BASE = f"name: p\nrepositories: ['a/**']\n{RULE}\n"


def rule(text: str, repositories: str = "['a/**']") -> str:
    head = f"name: p\nrepositories: {repositories}\nrules:\n  - name: r\n"
    return head + textwrap.indent(textwrap.dedent(text), "    ")


def requirement(text: str, repositories: str = "['a/**']") -> str:
    return rule("key_requirements:\n" + textwrap.indent(f"  - {text}", "  "), repositories)


KEYLESS = "type: keyless, certificate_identity: 'a@b.example', certificate_oidc_issuer: 'https://i.example'"


def test_what_is_left_out_has_its_default():
    policy = one(BASE)
    assert (policy.description, policy.fix, policy.tags, policy.exclude_repositories) == ("", "", (), ())
    (only,) = policy.rules
    assert only.required
    assert not only.allow_unsigned
    assert only.signature_type is SignatureType.COSIGN
    assert only.artifact_types is None
    assert only.threshold == 1
    assert only.log is LogProof.INCLUSION


@pytest.mark.parametrize(
    ("rekor", "log"),
    [
        ("{}", LogProof.INCLUSION),
        ("{required: true}", LogProof.INCLUSION),
        ("{proof: offline}", LogProof.INCLUSION),
        ("{proof: online}", LogProof.INCLUSION),
        ("{proof: promise}", LogProof.PROMISE),
        ("{required: true, proof: promise}", LogProof.PROMISE),
        ("{required: false}", LogProof.NONE),
    ],
)
def test_what_the_log_must_prove(rekor, log):
    assert one(rule(f"trusted_keys: [release]\nrekor: {rekor}")).rules[0].log is log


@pytest.mark.parametrize("proof", ["offline", "online", "promise"])
def test_the_log_is_asked_only_where_the_policy_says_so(proof):
    made = one(rule(f"trusted_keys: [release]\nrekor: {{proof: {proof}}}")).rules[0]
    assert made.fetches_proof is (proof == "online")


def test_keys_from_the_ring_a_file_and_the_text():
    inline = textwrap.indent(PEM.decode(), "          ")
    policy = one(
        rule(
            "trusted_keys: [other]\n"
            "key_requirements:\n"
            "  - {type: key, public_key: release.pub}\n"
            "  - {type: key, public_key: keys/other.pub}\n"
            f"  - type: key\n    public_key: |\n{inline}"
        )
    )
    assert policy.rules[0].alternatives == (
        KeyRequirement(name="release", key=KEY, sign_with="awskms:///alias/release"),
        KeyRequirement(name="other", key=OTHER_KEY),
        KeyRequirement(name="inline key", key=KEY, sign_with="awskms:///alias/release"),
        KeyRequirement(name="other", key=OTHER_KEY),
    )


def test_all_the_other_fields():
    policy = one("""\
        name: p
        description: what for
        fix: ask them
        mode: warn
        repositories: ['a/**', b]
        exclude_repositories: ['a/x/*']
        operations: [push]
        tags: ['v*', latest]
        rules:
          - {name: r, fix: do it, required: false, trusted_keys: [release, other], threshold: 2}
          - {name: sboms, artifact_types: [application/spdx+json, helm], allow_unsigned: true}
        """)
    assert (policy.description, policy.fix, policy.mode) == ("what for", "ask them", Mode.WARN)
    assert [pattern.text for pattern in policy.exclude_repositories] == ["a/x/*"]
    assert policy.operations == {Operation.PUSH}
    assert policy.tags == (Glob("v*"), Exact("latest"))
    first, second = policy.rules
    assert (first.fix, first.required, first.threshold) == ("do it", False, 2)
    assert second.allow_unsigned
    assert second.alternatives == ()
    assert second.artifact_types == {"application/spdx+json", "helm"}


def test_anything_may_pass_where_a_policy_says_so():
    policy = one("name: p\nrepositories: ['dev/**']\nallow_unsigned: true\n")
    assert policy.allow_unsigned
    assert policy.rules == ()


def test_a_policy_that_lets_some_types_pass_may_stand_alone():
    """It admits nothing else: what no rule of all covering policies applies to is denied."""
    assert one("name: p\nrepositories: ['a/**']\nrules: [{name: r, artifact_types: [helm], allow_unsigned: true}]\n")


def test_a_disabled_policy_is_checked_and_dropped():
    made = loaded(BASE + "mode: disabled\n")
    assert made.policies == ()
    assert made.disabled == ("p",)
    assert told(BASE + "mode: disabled\nextra: 1\n") == ["a.yaml:5: unknown field extra"]


def test_where_signatures_are_besides():
    made = one(
        "name: p\nrepositories: ['a/{r}']\nsignature_repository: 'signatures/{r}'\n"
        + BASE.partition("\n")[2].partition("\n")[2]
    )
    assert made.fill({"r": "app"}).signature_repository.text == "signatures/app"


@pytest.mark.parametrize(
    ("repository", "names"),
    [("a/app", {"both", "pushes"}), ("a/secret", {"pushes"}), ("signatures/app", {"both"}), ("signatures/a/b", set())],
)
def test_to_which_policies_a_signature_may_matter_where_it_is_kept(repository, names):
    rules = BASE.partition("\n")[2].partition("\n")[2]
    both = (
        "name: both\nrepositories: ['a/{r}']\nexclude_repositories: [a/secret]\n"
        f"signature_repository: 'signatures/{{r}}'\n{rules}"
    )
    pushes = f"name: pushes\nrepositories: ['a/*']\noperations: [push]\ntags: ['v*']\n{rules}"
    resolved = PolicySet(policies=(one(both), one(pushes))).concerning(repository)
    assert {policy.name for policy in resolved.policies} == names
    assert len(resolved.rules) == len(names)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("signature_repository: UPPER", "signature_repository: a repository name is made of"),
        ("signature_repository: 'a/b:tag'", "signature_repository: a repository name is made of"),
        ("signature_repository: 'a/{x}'", "signature_repository: {x} is captured by no pattern of repositories"),
        (
            "signature_repository: a/b\non_unsigned_push: hold",
            "signature_repository: hold waits for signatures in the image's own",
        ),
    ],
)
def test_where_signatures_cannot_be(more, found):
    assert any(found in line for line in told(BASE + more + "\n")), told(BASE + more + "\n")


FOR_ATTESTATIONS = {"predicate_type": "slsaprovenance", "predicate_schema": "{type: object}", "condition": "'true'"}


@pytest.mark.parametrize(("name", "value"), FOR_ATTESTATIONS.items())
def test_a21_a_field_for_attestations_is_refused_where_a_signature_is_asked_for(name, value):
    found = told(rule(f"trusted_keys: [release]\n{name}: {value}\n"))
    assert found == [
        f"a.yaml:6: rules[0].{name}: {name} has no meaning for signature_type: cosign; "
        "that is signature_type: attestation"
    ]


def test_a7_a_key_counts_between_two_moments():
    said = "{type: key, public_key: release.pub, not_before: '2026-01-01T02:00:00+02:00', not_after: '2027-01-01T00:00:00Z'}"
    (wanted,) = one(requirement(said)).rules[0].alternatives
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert (wanted.not_before, wanted.not_after) == (start, end)
    second = timedelta(seconds=1)
    moments = (start - second, start, end, end + second)
    assert [wanted.allows(moment) for moment in moments] == [False, True, True, False]


def test_a7_when_a_key_counts_is_part_of_what_a_decision_depends_on():
    digests = {
        PolicySet(policies=(one(requirement(f"{{type: key, public_key: release.pub{said}}}")),))
        .resolve("a/b", Operation.PULL)
        .digest
        for said in ("", ", not_before: '2026-01-01T00:00:00Z'", ", not_after: '2026-01-01T00:00:00Z'")
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    "text",
    ["2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "2026-01-01 00:00:00Z", "20260101T000000Z", "never",
     "2026-01-01T00:00:00.5Z", "0001-01-01T00:00:00+23:59"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["not_before", "not_after"])
def test_a7_a_moment_is_a_date_and_a_time_with_its_time_zone(name, text):
    found = told(requirement(f"{{type: key, public_key: release.pub, {name}: '{text}'}}"))
    hint = "is not a date and time with its time zone; as in 2026-01-31T12:00:00Z"
    assert found == [f"a.yaml:6: rules[0].key_requirements[0].{name}: {text} {hint}"]


def test_a7_a_key_that_would_never_count_is_refused():
    said = "{type: key, public_key: release.pub, not_before: '2027-01-01T00:00:00Z', not_after: '2026-01-01T00:00:00Z'}"
    text = "is before not_before: no signature would count"
    assert told(requirement(said)) == [f"a.yaml:6: rules[0].key_requirements[0].not_after: {text}"]


@pytest.mark.parametrize("name", ["not_before", "not_after"])
def test_a7_certificates_bring_their_own_time(name):
    found = told(requirement(f"{{{KEYLESS}, {name}: '2026-01-01T00:00:00Z'}}"))
    text = f"{name} has no meaning for type: keyless; that is type: key"
    assert found == [f"a.yaml:6: rules[0].key_requirements[0].{name}: {text}"]


@pytest.mark.parametrize(
    ("said", "meant"), [("", "default"), (", trusted_root: default", "default"), (", trusted_root: acme", "acme")]
)
def test_the_trusted_root_that_vouches(said, meant):
    policy = one(requirement(f"{{{KEYLESS}{said}}}"))
    (wanted,) = policy.rules[0].alternatives
    assert wanted.trusted_root == meant
    assert PolicySet(policies=(policy,)).trusted_roots == {meant}


def test_policies_with_keys_alone_need_no_trusted_root():
    assert PolicySet(policies=(one(rule("trusted_keys: [release]\n")),)).trusted_roots == frozenset()


NOTHING = "rules: [{name: r, required: false, trusted_keys: [release]}]"

BAD = [
    # the shape of a policy
    ("[]", "a.yaml:1: must be a mapping, and is a list"),
    ("text", 'a.yaml:1: must be a mapping, and is the text "text"'),
    ("~", "a.yaml:1: must be a mapping, and is empty"),
    (f"repositories: [a]\n{RULE}", 'a.yaml:1: the field name is missing; as in name: "require-signatures"'),
    (f"name: p\n{RULE}", 'a.yaml:1: the field repositories is missing; as in repositories: ["production/**"]'),
    (f"name: ''\nrepositories: [a]\n{RULE}", "a.yaml:1: name: must not be empty"),
    (f"name:\nrepositories: [a]\n{RULE}", "a.yaml:1: name: must be text, and is empty"),
    (f"name: 5\nrepositories: [a]\n{RULE}", "a.yaml:1: name: must be text, and is 5; put it into quotes"),
    (f"name: true\nrepositories: [a]\n{RULE}", "a.yaml:1: name: must be text, and is true; put it into quotes"),
    (f"name: [p]\nrepositories: [a]\n{RULE}", "a.yaml:1: name: must be text, and is a list"),
    (f"name: ' p'\nrepositories: [a]\n{RULE}", "a.yaml:1: name: must be one line of text without space around it"),
    (f'name: "p\\n"\nrepositories: [a]\n{RULE}', "a.yaml:1: name: must be one line of text without space around it"),
    (f'name: "p\\e[1m"\nrepositories: [a]\n{RULE}', "a.yaml:1: name: must be one line of text without space around it"),
    (f"name: {'p' * 129}\nrepositories: [a]\n{RULE}", "a.yaml:1: name: has more than 128 characters"),
    (f"name: p\nrepositories: a\n{RULE}", 'a.yaml:2: repositories: must be a list, and is the text "a"; write it as a list: ["a"]'),
    (f"name: p\nrepositories: []\n{RULE}", "a.yaml:2: repositories: must not be empty"),
    (f"name: p\nrepositories: [1]\n{RULE}", "a.yaml:2: repositories[0]: must be text, and is 1; put it into quotes"),
    (f"name: p\nrepositories: [A]\n{RULE}", "a.yaml:2: repositories[0]: A can match no repository: names are in lower case"),
    (f"name: p\nrepositories: ['']\n{RULE}", "a.yaml:2: repositories[0]: must not be empty"),
    (f"name: p\nrepositories: [a]\nexclude_repositories: ['{{x}}']\n{RULE}", "a.yaml:3: exclude_repositories[0]: captures have no use here; use * instead"),
    (f"name: p\nrepositories: [a]\nexclude_repositories: [a//]\n{RULE}", "a.yaml:3: exclude_repositories[0]: a// can match no repository: names have no empty segment, so no / at either end and no //"),
    (BASE + "mod: warn", "a.yaml:4: unknown field mod; did you mean mode?"),
    (BASE + "Mode: warn", "a.yaml:4: unknown field Mode; did you mean mode?"),
    (BASE + "xyzzy: 1", "a.yaml:4: unknown field xyzzy"),
    (BASE + "trusted_keys: [release]", "a.yaml:4: unknown field trusted_keys; it is a field of a rule"),
    (BASE + "certificate_identity: x", "a.yaml:4: unknown field certificate_identity; it is a field of a key requirement"),
    (BASE + "mode: audit", 'a.yaml:4: mode: "audit" is not one of enforce, warn, disabled'),
    (BASE + "mode: enforced", 'a.yaml:4: mode: "enforced" is not one of enforce, warn, disabled; did you mean enforce?'),
    (BASE + "mode: off", 'a.yaml:4: mode: "off" is not one of enforce, warn, disabled'),
    (BASE + "mode: 1", "a.yaml:4: mode: 1 is not one of enforce, warn, disabled"),
    (BASE + "operations: []", "a.yaml:4: operations: must not be empty"),
    (BASE + "operations: pull", 'a.yaml:4: operations: must be a list, and is the text "pull"; write it as a list: ["pull"]'),
    (BASE + "operations: [pull, delete]", 'a.yaml:4: operations[1]: "delete" is not one of pull, push'),
    (BASE + "tags: [v1]", "a.yaml:4: tags: tags can be guarded on push only; say operations: [push]; pulls are judged by digest, whatever the tag"),
    (BASE + "operations: [pull]\ntags: [v1]", "a.yaml:5: tags: tags can be guarded on push only; say operations: [push]; pulls are judged by digest, whatever the tag"),
    (BASE + "operations: [push]\ntags: []", "a.yaml:5: tags: must not be empty"),
    (BASE + "operations: [push]\ntags: ['v/1']", "a.yaml:5: tags[0]: v/1 can match no tag: tags are made of letters, digits and . _ -"),
    (BASE + "operations: [push]\ntags: ['{v}']", "a.yaml:5: tags[0]: {v} can match no tag: tags are made of letters, digits and . _ -"),
    (BASE + "fix: ''", "a.yaml:4: fix: must not be empty"),
    # what a policy must ask for
    ("name: p\nrepositories: [a]", "a.yaml:1: the policy has no required rule; to let everything pass, say allow_unsigned: true instead of rules"),
    ("name: p\nrepositories: [a]\nrules: []", "a.yaml:3: rules: must not be empty"),
    (f"name: p\nrepositories: [a]\n{NOTHING}", "a.yaml:1: the policy has no required rule; to let everything pass, say allow_unsigned: true instead of rules"),
    (BASE + "allow_unsigned: true", "a.yaml:4: allow_unsigned: a policy has allow_unsigned or rules, not both"),
    (BASE + "allow_unsigned: false", "a.yaml:4: allow_unsigned: can only be true, and is false; else leave it out"),
    (BASE + "allow_unsigned: yes", 'a.yaml:4: allow_unsigned: can only be true, and is "yes"; else leave it out'),
    ("name: p\nrepositories: [a]\nrules: {name: r}", "a.yaml:3: rules: must be a list, and is a mapping"),
    ("name: p\nrepositories: [a]\nrules: [r]", 'a.yaml:3: rules[0]: must be a mapping, and is the text "r"'),
    ("name: p\nrepositories: [a]\nrules:\n- &x {name: r, trusted_keys: [release]}\n", "a.yaml:4: rules[0]: the anchor &x is not allowed; write it out where it is needed"),
    # rules
    (rule("trusted_keys: [release]") + "\n  - {name: r, trusted_keys: [release]}\n", "a.yaml:6: rules[1].name: another rule is called r; names are unique"),
    ("name: p\nrepositories: [a]\nrules: [{trusted_keys: [release]}]", 'a.yaml:3: rules[0]: the field name is missing; as in name: "require-cosign-signature"'),
    (rule("required: true"), "a.yaml:4: rules[0]: the rule names nobody to trust; give it key_requirements or trusted_keys"),
    (rule("trusted_keys: []"), "a.yaml:5: rules[0].trusted_keys: must not be empty"),
    (rule("key_requirements: []"), "a.yaml:5: rules[0].key_requirements: must not be empty"),
    (rule("key_requirement: []"), "a.yaml:5: rules[0]: unknown field key_requirement; did you mean key_requirements?"),
    (rule("public_key: release.pub"), "a.yaml:5: rules[0]: unknown field public_key; it is a field of a key requirement"),
    (rule("trusted_keys: [relase]"), "a.yaml:5: rules[0].trusted_keys[0]: there is no key relase in the key ring; did you mean release?"),
    (requirement(f"{{{KEYLESS}, trusted_root: acne}}"), "a.yaml:6: rules[0].key_requirements[0].trusted_root: there is no trusted root acne; did you mean acme?"),
    (requirement(f"{{{KEYLESS}, trusted_root: xyzzy}}"), "a.yaml:6: rules[0].key_requirements[0].trusted_root: there is no trusted root xyzzy; they are trusted_roots: in the settings"),
    (requirement("{type: key, public_key: release.pub, trusted_root: acme}"), "a.yaml:6: rules[0].key_requirements[0].trusted_root: trusted_root has no meaning for type: key; that is type: keyless"),
    (rule("trusted_keys: [xyzzy]"), "a.yaml:5: rules[0].trusted_keys[0]: there is no key xyzzy in the key ring; the key ring is keys: in the settings"),
    (rule("trusted_keys: release"), 'a.yaml:5: rules[0].trusted_keys: must be a list, and is the text "release"; write it as a list: ["release"]'),
    (rule("trusted_keys: [release]\nrequired: yes"), 'a.yaml:6: rules[0].required: must be true or false, and is the text "yes"; only true and false, in lower case and without quotes, are'),
    (rule("trusted_keys: [release]\nrequired: 'true'"), 'a.yaml:6: rules[0].required: must be true or false, and is the text "true"; only true and false, in lower case and without quotes, are'),
    (rule("trusted_keys: [release]\nsignature_type: attestation"), "a.yaml:4: rules[0]: the field predicate_type is missing; one of custom, cyclonedx, link, openvex, slsaprovenance, slsaprovenance02, slsaprovenance1, spdx, spdxjson, vuln, or the URI in the statement"),
    (rule("trusted_keys: [release]\nsignature_type: pgp"), 'a.yaml:6: rules[0].signature_type: "pgp" is not one of cosign, attestation, gpg, notation, dct; did you mean gpg?'),
    (rule("trusted_keys: [release]\nartifact_types: docker"), 'a.yaml:6: rules[0].artifact_types: must be a list, and is the text "docker"; write it as a list: ["docker"]'),
    (rule("trusted_keys: [release]\nartifact_types: []"), "a.yaml:6: rules[0].artifact_types: must not be empty"),
    (rule("trusted_keys: [release]\nartifact_types: [helm, doker]"), "a.yaml:6: rules[0].artifact_types[1]: doker is not a type of artifact; did you mean docker?"),
    (rule("trusted_keys: [release]\nartifact_types: [jar]"), "a.yaml:6: rules[0].artifact_types[0]: jar is not a type of artifact; apk, deb, docker, helm, oci, rpm, wasm, or an exact media type"),
    (rule("trusted_keys: [release]\nartifact_types: ['application/*']"), "a.yaml:6: rules[0].artifact_types[0]: application/* is no media type; media types are exact"),
    (rule("trusted_keys: [release]\nartifact_types: ['a/b c']"), "a.yaml:6: rules[0].artifact_types[0]: a/b c is no media type; media types are exact"),
    (rule("trusted_keys: [release]\nthreshold: 0"), "a.yaml:6: rules[0].threshold: must be 1 or more, and is 0"),
    (rule("trusted_keys: [release]\nthreshold: -1"), "a.yaml:6: rules[0].threshold: must be 1 or more, and is -1"),
    (rule("trusted_keys: [release]\nthreshold: 2"), "a.yaml:6: rules[0].threshold: 2 distinct signers are asked for, and there is only one among those it names"),
    (rule("trusted_keys: [release, same]\nthreshold: 2"), "a.yaml:6: rules[0].threshold: 2 distinct signers are asked for, and there is only one among those it names"),
    (rule("trusted_keys: [release, other]\nthreshold: 3"), "a.yaml:6: rules[0].threshold: 3 distinct signers are asked for, and there are only 2 among those it names"),
    (rule(f"key_requirements: [{{{KEYLESS}}}]\nthreshold: 2"), "a.yaml:6: rules[0].threshold: 2 distinct signers are asked for, and there is only one among those it names"),
    (rule("trusted_keys: [release]\nthreshold: 1.0"), 'a.yaml:6: rules[0].threshold: must be a whole number, and is the text "1.0"; only plain decimal digits without quotes are'),
    (rule("trusted_keys: [release]\nthreshold: '1'"), 'a.yaml:6: rules[0].threshold: must be a whole number, and is the text "1"; only plain decimal digits without quotes are'),
    (rule("trusted_keys: [release]\nthreshold: 101"), "a.yaml:6: rules[0].threshold: must be 100 or less, and is 101"),
    # the transparency log
    (rule("trusted_keys: [release]\nrekor: false"), "a.yaml:6: rules[0].rekor: must be a mapping, and is false"),
    (rule("trusted_keys: [release]\nrekor: {requird: false}"), "a.yaml:6: rules[0].rekor: unknown field requird; did you mean required?"),
    (rule("trusted_keys: [release]\nrekor: {required: no}"), 'a.yaml:6: rules[0].rekor.required: must be true or false, and is the text "no"; only true and false, in lower case and without quotes, are'),
    (rule("trusted_keys: [release]\nrekor: {proof: none}"), 'a.yaml:6: rules[0].rekor.proof: "none" is not one of offline, online, promise; did you mean online?'),
    (rule("trusted_keys: [release]\nrekor: {required: false, proof: promise}"), "a.yaml:6: rules[0].rekor.proof: proof has no meaning where no entry is required; leave it out"),
    (rule(f"key_requirements: [{{{KEYLESS}}}]\nrekor: {{required: false}}"), "a.yaml:6: rules[0].rekor.required: a keyless signature says nothing without its log entry: required: false is for keys only; put keys and keyless identities into rules of their own"),
    (rule(f"trusted_keys: [release]\nkey_requirements: [{{{KEYLESS}}}]\nrekor: {{required: false}}"), "a.yaml:7: rules[0].rekor.required: a keyless signature says nothing without its log entry: required: false is for keys only; put keys and keyless identities into rules of their own"),
    # keyless requirements
    (requirement("{certificate_identity: a}"), 'a.yaml:6: rules[0].key_requirements[0]: the field type is missing; as in type: "keyless"'),
    (requirement("{type: keylss}"), 'a.yaml:6: rules[0].key_requirements[0].type: "keylss" is not one of keyless, key; did you mean keyless?'),
    (requirement("{type: keyless, certificate_oidc_issuer: 'https://i'}"), "a.yaml:6: rules[0].key_requirements[0]: the field certificate_identity is missing; or give certificate_identity_regexp"),
    (requirement("{type: keyless, certificate_identity: a}"), "a.yaml:6: rules[0].key_requirements[0]: the field certificate_oidc_issuer is missing; or give certificate_oidc_issuer_regexp"),
    (requirement("{type: keyless, certificate_identity: a, certificate_oidc_isuer: b}"), "a.yaml:6: rules[0].key_requirements[0]: unknown field certificate_oidc_isuer; did you mean certificate_oidc_issuer?"),
    (requirement("{" + KEYLESS + ", certificate_identity_regexp: a}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity_regexp: give certificate_identity or certificate_identity_regexp, not both"),
    (requirement("{" + KEYLESS + ", certificate_oidc_issuer_regexp: a}"), "a.yaml:6: rules[0].key_requirements[0].certificate_oidc_issuer_regexp: give certificate_oidc_issuer or certificate_oidc_issuer_regexp, not both"),
    (requirement("{type: keyless, certificate_identity: '', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: must not be empty"),
    (requirement("{type: keyless, certificate_identity: ' ', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: must not be empty or have space around it"),
    (requirement("{type: keyless, certificate_identity: 'a ', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: must not be empty or have space around it"),
    (requirement("{type: keyless, certificate_identity_regexp: ' ', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity_regexp: must not be empty or have space around it"),
    (requirement("{type: keyless, certificate_identity_regexp: '(a', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity_regexp: not a regular expression (RE2 syntax): missing ): (a"),
    (requirement("{type: keyless, certificate_identity: [a], certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: must be text, and is a list"),
    (requirement("{type: keyless, certificate_identity: a, certificate_oidc_issuer: 'https://*.example'}"), "a.yaml:6: rules[0].key_requirements[0].certificate_oidc_issuer: it is compared exactly, so * is not special; its _regexp field can match several"),
    (requirement("{" + KEYLESS + ", public_key: release.pub}"), "a.yaml:6: rules[0].key_requirements[0].public_key: public_key has no meaning for type: keyless; that is type: key"),
    # keys
    (requirement("{type: key}"), "a.yaml:6: rules[0].key_requirements[0]: the field public_key is missing; a PEM public key, or the name of a file beside this one"),
    (requirement("{type: key, public_key: absent.pub}"), "a.yaml:6: rules[0].key_requirements[0].public_key: absent.pub: there is no such file"),
    (requirement("{type: key, public_key: junk.pub}"), "a.yaml:6: rules[0].key_requirements[0].public_key: junk.pub: not one public key"),
    (requirement('{type: key, public_key: "-----BEGIN PUBLIC KEY-----"}'), "a.yaml:6: rules[0].key_requirements[0].public_key: not one public key"),
    (requirement("{type: key, public_key: release.pub, certificate_identity: a}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: certificate_identity has no meaning for type: key; that is type: keyless"),
    (requirement("{type: key, public_key: ''}"), "a.yaml:6: rules[0].key_requirements[0].public_key: must not be empty"),
    # rules that let some types pass
    (rule("allow_unsigned: true"), "a.yaml:5: rules[0].allow_unsigned: name the artifact_types that may pass"),
    (rule("allow_unsigned: true\nartifact_types: [docker]"), "a.yaml:6: rules[0].artifact_types[0]: docker is an image, and no rule lets images pass unsigned"),
    (rule("allow_unsigned: true\nartifact_types: [helm, oci]"), "a.yaml:6: rules[0].artifact_types[1]: oci is an image, and no rule lets images pass unsigned"),
    *(
        (rule(f"allow_unsigned: true\nartifact_types: [{image}]"), f"a.yaml:6: rules[0].artifact_types[0]: {image} is an image, and no rule lets images pass unsigned")
        for image in (
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        )
    ),
    *(
        (rule(f"allow_unsigned: true\nartifact_types: [helm]\n{name}: {value}"), f"a.yaml:7: rules[0].{name}: {name} has no meaning beside allow_unsigned; leave it out")
        for name, value in {"trusted_keys": "[release]", "key_requirements": f"[{{{KEYLESS}}}]", "threshold": "1", "rekor": "{}", "signature_type": "cosign", "required": "false"}.items()
    ),
    # captures
    (requirement("{" + KEYLESS + "}", "['a/{repo}']"), "a.yaml:2: repositories[0]: the capture {repo} is used by no rule; use * instead"),
    (requirement("{type: keyless, certificate_identity: 'x/{repo}', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: {repo} is captured by no pattern of repositories; put {repo} there in the place of a segment"),
    (requirement("{type: keyless, certificate_identity: 'x/{reop}/{repo}', certificate_oidc_issuer: b}", "['a/{repo}']"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: {reop} is captured by no pattern of repositories; did you mean repo?"),
    (requirement("{type: keyless, certificate_identity: 'x/{repo}', certificate_oidc_issuer: b}", "['a/{repo}', b]"), "a.yaml:2: repositories[1]: the capture {repo}, which a rule uses, is not in this pattern; capture it here too, or make two policies of it"),
    (requirement("{type: keyless, certificate_identity: 'x/{Repo}', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity: braces stand for captures only: {name}, in lower case"),
    (requirement("{type: keyless, certificate_identity_regexp: '[{repo}]', certificate_oidc_issuer: b}"), "a.yaml:6: rules[0].key_requirements[0].certificate_identity_regexp: a capture within [{repo}] would match any one of its letters"),
    (requirement("{" + KEYLESS + "}", "['**/{repo}/**']"), "a.yaml:2: repositories[0]: beside captures ** may stand once, as a segment of its own; else a name could be read in two ways"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), BAD, ids=[str(at) for at in range(len(BAD))])
def test_what_does_not_load_and_what_a_person_reads(text, problem):
    made = loaded(text)
    assert [str(found) for found in made.problems] == [problem]
    assert made.policies == ()
    with pytest.raises(ConfigurationInvalid) as refused:
        made.policy_set(Unmatched.DENY)
    assert refused.value.problems == (problem,)


@pytest.mark.parametrize("issuer", ["", "''", "'  '", "~", '"\\n"', "[]"])
def test_a23_an_issuer_that_says_nothing_is_refused(issuer):
    (problem,) = told(requirement(f"{{type: keyless, certificate_identity: a, certificate_oidc_issuer: {issuer}}}"))
    assert problem.startswith("a.yaml:6: rules[0].key_requirements[0].certificate_oidc_issuer: must ")


def test_every_problem_of_every_file_is_told_in_one_run():
    assert told(
        "name: a\nname: b\nrepositories: [A]\nmode: off\ntags: [x]\nrules:\n"
        "  - {name: r, requird: true, trusted_keys: [nobody]}\n"
        "  - {name: s, trusted_keys: [release], threshold: 5, condition: x}\n",
        "name: [",
        BASE,
    ) == [
        "a.yaml:2: name: name stands here a second time; the first is in line 1",
        "a.yaml:3: repositories[0]: A can match no repository: names are in lower case",
        'a.yaml:4: mode: "off" is not one of enforce, warn, disabled',
        "a.yaml:5: tags: tags can be guarded on push only; say operations: [push]; pulls are judged by digest, whatever the tag",
        "a.yaml:7: rules[0]: unknown field requird; did you mean required?",
        "a.yaml:7: rules[0].trusted_keys[0]: there is no key nobody in the key ring; the key ring is keys: in the settings",
        "a.yaml:8: rules[1].threshold: 5 distinct signers are asked for, and there is only one among those it names",
        "a.yaml:8: rules[1].condition: condition has no meaning for signature_type: cosign; that is signature_type: attestation",
        "b.yaml:1: not YAML: while parsing a flow node, expected the node content, but found '<stream end>'; put text that has brackets or braces in it into quotes",
    ]  # fmt: skip


def test_one_bad_file_refuses_the_whole_set():
    made = loaded(BASE, "name: q\nrepositories: [b]\n")
    assert made.policies == ()
    assert [problem.file for problem in made.errors] == ["b.yaml"]


def test_names_are_unique_over_all_files():
    other = "name: p\nrepositories: [b]\nallow_unsigned: true\n"
    assert told(BASE, other, other) == [
        "b.yaml:1: name: p is the name of the policy in a.yaml too; names are unique",
        "c.yaml:1: name: p is the name of the policy in a.yaml too; names are unique",
    ]
    assert told(BASE, other + "mode: disabled\n") == told(BASE, other)


def test_no_file_at_all_is_an_error():
    made = load([], sources())
    assert [str(problem) for problem in made.errors] == ["policies: there is no policy file"]


def test_the_number_of_files_is_bounded():
    many = [(f"{number}.yaml", f"name: p{number}\nrepositories: [a]\nallow_unsigned: true\n".encode()) for number in range(POLICY_FILES + 1)]  # fmt: skip
    assert [str(problem) for problem in load(many, sources()).errors] == ["policies: more than 1000 policy files"]


def test_the_number_of_problems_is_bounded():
    made = loaded("name: p\nrepositories: [a]\nallow_unsigned: true\n" + "".join(f"x{n}: 1\n" for n in range(1000)))
    assert len(made.problems) == PROBLEMS
    assert made.policies == ()


@pytest.mark.parametrize("kind", ["gpg", "notation", "dct"])
def test_a_rule_that_cannot_be_checked_loads_and_says_so(kind):
    made = loaded(rule(f"signature_type: {kind}\ntrusted_keys: [nobody]\n"))
    assert made.errors == ()
    assert made.policies[0].rules[0].signature_type == kind
    assert made.policies[0].rules[0].alternatives == ()
    assert [str(problem) for problem in made.problems] == [
        f"a.yaml:5: rules[0].signature_type: {kind} signatures cannot be checked yet: what this rule applies to is denied"
    ]


def test_the_digest_of_a_set_depends_on_what_it_asks_for():
    """Each field that is enforced changes the digest under which decisions are kept."""
    base = loaded(BASE).policy_set(Unmatched.DENY)
    changed = [
        BASE.replace("name: p", "name: q"),
        BASE.replace("a/**", "b/**"),
        BASE.replace("release", "other"),
        BASE + "mode: warn\n",
        BASE + "fix: x\n",
        BASE + "description: x\n",
        BASE + "operations: [pull]\n",
        BASE + "operations: [push]\ntags: [v1]\n",
        BASE + "exclude_repositories: [a/b]\n",
        BASE.replace("name: r,", "name: r, rekor: {proof: promise},"),
        BASE.replace("name: r,", "name: r, rekor: {required: false},"),
        BASE.replace("name: r,", "name: r, artifact_types: [helm],"),
        BASE.replace("[release]", "[release, other], threshold: 2"),
        requirement("{" + KEYLESS + "}"),
        requirement("{" + KEYLESS.replace("a@b", "*@b") + "}"),
        requirement("{" + KEYLESS.replace("identity", "identity_regexp") + "}"),
        requirement("{" + KEYLESS.replace("i.example", "j.example") + "}"),
        requirement("{" + KEYLESS + ", claims: {build_trigger: push}}"),
        requirement("{" + KEYLESS + ", claims: {runner_environment: push}}"),
        *(
            BASE.replace("name: r,", f"name: r, {said},")
            for said in (
                "max_age: 1d",
                "max_age: 2d",
                "min_signed_at: '2026-01-01T00:00:00Z'",
                "index: each",
                "signed_reference: repository",
            )
        ),
        *(BASE + f"denied: [{said}]\n" for said in ("release", "other", "'*@x.example'", f"'sha256:{'0' * 64}'")),
        *(
            BASE + f"exceptions: [{{digest: 'sha256:{'0' * 64}', reason: {why}, expires: '{year}-01-01T00:00:00Z'}}]\n"
            for why, year in (("x", 2026), ("y", 2026), ("x", 2027))
        ),
    ]
    digests = {base.digest} | {loaded(text).policy_set(Unmatched.DENY).digest for text in changed}
    assert len(digests) == len(changed) + 1
    assert loaded(BASE).policy_set(Unmatched.DENY).digest == base.digest
    assert loaded(BASE).policy_set(Unmatched.WARN).digest != base.digest
