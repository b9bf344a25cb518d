"""`sealgate policy import`: other gates' policies, with everything that could not be carried over."""

import base64
import json
import re
from pathlib import Path
from textwrap import indent

import pytest
from typer.testing import CliRunner, Result

from sealgate.cli.policy import app
from sealgate.policy import strict_yaml

PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"
KEYLESS = {"type": "keyless", "certificate_identity": WORKFLOW, "certificate_oidc_issuer": GITHUB}
KEY = {"type": "key", "public_key": PEM}
PROMISE = {"proof": "promise"}

CIP = f"""\
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: shop
spec:
  images:
    - glob: "ghcr.io/acme/**"
    - glob: "docker.io/acme/*"
  authorities:
    - name: workflow
      keyless:
        url: https://fulcio.sigstore.dev
        identities:
          - issuer: {GITHUB}
            subject: {WORKFLOW}
      ctlog:
        url: https://rekor.sigstore.dev
"""
KYVERNO = f"""\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: signed
spec:
  validationFailureAction: Enforce
  rules:
    - name: both
      verifyImages:
        - imageReferences: ["ghcr.io/acme/*"]
          skipImageReferences: ["ghcr.io/acme/scratch/*"]
          attestors:
            - entries:
                - keys:
                    publicKeys: |-
{indent(PEM, " " * 22)}
                - keyless:
                    issuer: {GITHUB}
                    subject: "https://github.com/acme/*"
                    additionalExtensions:
                      githubWorkflowTrigger: push
"""
IMAGE_POLICY = f"""\
apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata:
  name: shop
spec:
  validationActions: [Deny]
  matchImageReferences:
    - glob: "ghcr.io/acme/*"
  attestors:
    - name: workflow
      cosign:
        keyless:
          identities: [{{issuer: {GITHUB}, subject: "{WORKFLOW}"}}]
  validations:
    - expression: >-
        images.containers.map(image, verifyImageSignatures(image, [attestors.workflow])).all(e, e > 0)
      message: not signed
"""
CONNAISSEUR = f"""\
application:
  validators:
    - name: default
      type: cosign
      trustRoots:
        - name: ann
          key: |
{indent(PEM, " " * 12)}
        - name: ci
          keyless: {{issuer: {GITHUB}, subject: "{WORKFLOW}"}}
    - name: allow
      type: static
      approve: true
    - name: deny
      type: static
      approve: false
  policy:
    - pattern: "*:*"
      validator: deny
    - pattern: "docker.io/acme/*:*"
      validator: default
      with:
        trustRoot: "*"
    - pattern: "docker.io/acme/tools/*:*"
      validator: allow
"""


def policy_json(**scopes: object) -> str:
    return json.dumps({"default": [{"type": "reject"}], "transports": {"docker": scopes}})


def signed_by_key(**more: object) -> dict[str, object]:
    data = base64.b64encode(PEM.encode()).decode()
    return {"type": "sigstoreSigned", "keyData": data, "signedIdentity": {"type": "matchRepository"}, **more}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def imported(text: str, *arguments: str) -> Result:
    Path("source").write_text(text)
    return CliRunner().invoke(app, ["import", "source", *arguments])


def policies(result: Result) -> list[dict[str, object]]:
    return [
        strict_yaml.read("made", text.encode()).data for text in re.split(r"^---$", result.stdout, flags=re.MULTILINE)
    ]


def only_rule(result: Result) -> dict[str, object]:
    (policy,) = policies(result)
    (rule,) = policy["rules"]
    return rule


def test_cluster_image_policy():
    result = imported(CIP)
    assert (result.exit_code, result.stderr) == (0, "")
    (policy,) = policies(result)
    assert policy["repositories"] == ["ghcr.io/acme/**", "docker.io/acme/*"]
    assert only_rule(result)["key_requirements"] == [KEYLESS]
    assert only_rule(result)["rekor"] == PROMISE


def test_of_cluster_image_policy_a_key_without_ctlog_needs_no_log():
    key = "key:\n        data: |\n" + indent(PEM, " " * 10)
    result = imported(CIP[: CIP.index("keyless:")] + key)
    assert result.exit_code == 0
    assert only_rule(result)["key_requirements"] == [KEY]
    assert only_rule(result)["rekor"] == {"required": False}


def test_regular_expressions_that_need_not_match_the_whole_stay_so():
    result = imported(CIP.replace("subject: ", "subjectRegExp: ").replace(WORKFLOW, "github.com/acme/"))
    (signer,) = only_rule(result)["key_requirements"]
    assert signer["certificate_identity_regexp"] == ".*(?:github.com/acme/).*"


def test_exact_texts_with_stars_in_them_stay_exact():
    result = imported(CIP.replace(f"subject: {WORKFLOW}", 'subject: "https://github.com/*"'))
    (signer,) = only_rule(result)["key_requirements"]
    assert signer["certificate_identity_regexp"] == r"https://github\.com/\*"


def test_several_documents_are_several_policies():
    result = imported("# ours\n---\n" + CIP + "---\n" + CIP.replace("name: shop", "name: blog"))
    assert [policy["name"] for policy in policies(result)] == ["shop", "blog"]


def test_mode_warn_stays():
    result = imported(CIP.replace("spec:\n", "spec:\n  mode: warn\n"))
    assert policies(result)[0]["mode"] == "warn"


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        (CIP + "  policy: {type: rego, data: x}\n", "source:18: spec.policy", "Rego"),
        (CIP + "  novel: 1\n", "source:18: spec.novel", "no counterpart"),
        (CIP + "      rfc3161timestamp: {trustRootRef: t}\n", "rfc3161timestamp", "not asked for"),
        (CIP.replace("ghcr.io/acme", "ghcr.io:5000/acme"), "source:7: spec.images[0]", "not covered"),
        (KYVERNO + '          attestations: [{name: a, type: "https://x"}]\n', "attestations[0]", "who makes it"),
        (KYVERNO + "          attestations: [{name: a, type: no type}]\n", "attestations[0]", "no type"),
        (
            KYVERNO + '          attestations: [{name: a, type: "https://x", conditions: [{all: []}]}]\n',
            "attestations[0].conditions",
            "JMESPath",
        ),
        (CIP + "      attestations: [{name: a, predicateType: vuln, policy: {type: cue, data: x}}]\n", "policy", "CUE"),
        (
            CIP + "      attestations: [{name: a, predicateType: no type}, {name: b, predicateType: vuln}]\n",
            "attestations[0]",
            "no type",
        ),
        (
            KYVERNO.replace("- keyless:", "- annotations: {a: b}\n                  keyless:"),
            "annotations",
            "not asked",
        ),
        (KYVERNO.replace("githubWorkflowTrigger", "other"), "additionalExtensions.other", "no counterpart"),
        (KYVERNO.replace("issuer: http", "other: http"), "attestors[0]", "had to sign"),
        (IMAGE_POLICY.replace("e > 0", "e >= 0") + IMAGE_POLICY[IMAGE_POLICY.index("    - expr") :], "[0]", "carried"),
        (CONNAISSEUR.replace("acme/*:*", "acme/*:v1"), "pattern", "depends on the tag"),
        (CONNAISSEUR.replace("issuer: ", "other: "), "with", "ci had to sign"),
        (
            policy_json(**{"h.example/a": [signed_by_key(signedIdentity={"type": "matchExact"})]}),
            "[0]",
            "the tag is not",
        ),
        (policy_json(**{"h.example/a": [signed_by_key(), {"type": "signedBy", "keyPath": "x"}]}), "[1]", "signedBy"),
    ],
)
def test_a_restriction_that_is_lost_is_told_and_is_a_failure(text: str, place: str, told: str):
    result = imported(text)
    assert result.exit_code == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("NOT THE SAME: source")]
    assert any(place in line and told in line for line in lines), result.stderr
    assert all(f"# {line}" in result.stdout for line in lines)


def test_kyverno_all_entries_of_a_set_must_sign():
    result = imported(KYVERNO)
    assert result.exit_code == 0, result.stderr
    (policy,) = policies(result)
    assert policy["repositories"] == ["ghcr.io/acme/**"]
    assert policy["exclude_repositories"] == ["ghcr.io/acme/scratch/**"]
    first, second = policy["rules"]
    assert first["key_requirements"] == [KEY]
    (signer,) = second["key_requirements"]
    assert signer["certificate_identity"] == "https://github.com/acme/**"
    assert signer["claims"] == {"github_workflow_trigger": "push"}


def test_kyverno_one_of_a_set_is_enough_with_count_1():
    rule = only_rule(imported(KYVERNO.replace("- entries:", "- count: 1\n              entries:")))
    assert len(rule["key_requirements"]) == 2
    assert "threshold" not in rule


def test_kyverno_audits_become_warnings():
    assert policies(imported(KYVERNO.replace("Enforce", "Audit")))[0]["mode"] == "warn"


def test_kyverno_what_is_left_out_by_tag_is_not_left_out():
    result = imported(KYVERNO.replace("scratch/*", "scratch:dev"))
    assert result.exit_code == 0
    assert "exclude_repositories" not in policies(result)[0]
    assert "is not left out" in result.stderr


def test_image_validating_policy():
    result = imported(IMAGE_POLICY)
    assert (result.exit_code, result.stderr) == (0, "")
    assert only_rule(result)["key_requirements"] == [KEYLESS]


def test_of_cluster_image_policy_an_authority_that_attests_gives_a_rule_for_each_attestation():
    attestations = (
        "      attestations: [{name: a, predicateType: vuln}, {name: b, predicateType: 'https://b.example/x'}]\n"
    )
    result = imported(CIP + attestations)
    assert (result.exit_code, result.stderr) == (0, "")
    rules = policies(result)[0]["rules"]
    assert [(rule["signature_type"], rule["predicate_type"]) for rule in rules] == [
        ("attestation", "vuln"),
        ("attestation", "https://b.example/x"),
    ]
    assert all(rule["key_requirements"] == [KEYLESS] for rule in rules)


def test_of_cluster_image_policy_one_of_several_who_attests_is_left_out():
    key = "    - key:\n        data: |\n" + indent(PEM, " " * 10)
    result = imported(CIP + "      attestations: [{name: a, predicateType: vuln}]\n" + key)
    assert "one of several" in result.stderr
    rule = only_rule(result)
    assert (rule["signature_type"], rule["key_requirements"]) == ("cosign", [KEY])


def test_kyverno_attestations_are_rules_beside_those_for_signatures():
    entry = f"{{keyless: {{issuer: {GITHUB}, subject: '{WORKFLOW}'}}}}"
    more = (
        f"          attestations: [{{type: 'https://slsa.dev/provenance/v1', attestors: [{{entries: [{entry}]}}]}}]\n"
    )
    result = imported(KYVERNO + more)
    assert result.exit_code == 0, result.stderr
    rules = policies(result)[0]["rules"]
    assert [rule["name"] for rule in rules] == ["signer-1", "signer-2", "signer-3"]
    assert [rule["signature_type"] for rule in rules] == ["cosign", "cosign", "attestation"]
    assert rules[2]["predicate_type"] == "https://slsa.dev/provenance/v1"
    assert rules[2]["key_requirements"] == [KEYLESS]


@pytest.mark.parametrize(
    ("attestation", "carried"),
    [("{name: sbom, intoto: {type: spdx}}", True), ("{name: sbom, referrer: {type: sbom/cyclone}}", False)],
    ids=["in-toto", "referrer"],
)
def test_attestations_of_an_image_validating_policy(attestation: str, carried: bool):
    text = IMAGE_POLICY.replace("  validations:", f"  attestations: [{attestation}]\n  validations:")
    call = "verifyAttestationSignatures(image, attestations.sbom, "
    result = imported(text.replace("verifyImageSignatures(image, ", call))
    if carried:
        rule = only_rule(result)
        assert (rule["signature_type"], rule["predicate_type"], rule["key_requirements"]) == (
            "attestation",
            "spdx",
            [KEYLESS],
        )
    else:
        assert result.exit_code == 2  # there is nothing left to write
        assert "referrers" in result.stderr


def test_connaisseur_the_narrower_pattern_is_taken_out_of_the_wider_one():
    result = imported(CONNAISSEUR)
    assert result.exit_code == 0, result.stderr
    signed, allowed = policies(result)
    assert signed["repositories"] == ["docker.io/acme/**"]
    assert signed["exclude_repositories"] == ["docker.io/acme/tools/**"]
    assert [rule["key_requirements"] for rule in signed["rules"]] == [[KEY], [KEYLESS]]
    assert allowed["allow_unsigned"] is True


def test_connaisseur_threshold():
    result = imported(CONNAISSEUR.replace('trustRoot: "*"', 'trustRoot: "*"\n        threshold: 1'))
    (rule,) = policies(result)[0]["rules"]
    assert rule["key_requirements"] == [KEY, KEYLESS]


def test_policy_json():
    result = imported(
        policy_json(**{"h.example": [{"type": "insecureAcceptAnything"}], "h.example/a": [signed_by_key()]})
    )
    assert (result.exit_code, result.stderr) == (0, "")
    anything, signed = policies(result)
    assert anything["repositories"] == ["h.example/**"]
    assert anything["exclude_repositories"] == ["h.example/a", "h.example/a/**"]
    assert signed["repositories"] == ["h.example/a", "h.example/a/**"]
    assert signed["rules"][0]["key_requirements"] == [KEY]
    assert signed["rules"][0]["signed_reference"] == "repository"
    assert signed["rules"][0]["rekor"] == {"required": False}


def test_policy_json_key_files_are_read_beside_it(folder):
    (folder / "a.pub").write_text(PEM)
    requirement = signed_by_key(keyPath="a.pub")
    del requirement["keyData"]
    result = imported(policy_json(**{"h.example/a": [requirement]}))
    assert only_rule(result)["key_requirements"] == [KEY]


def test_a_file_that_is_no_key_is_not_shown(folder):
    (folder / "secret").write_text("hunter2")
    requirement = signed_by_key(keyPath="secret")
    del requirement["keyData"]
    result = imported(policy_json(**{"h.example/a": [requirement], "h.example/b": [signed_by_key()]}))
    assert result.exit_code == 1
    assert "hunter2" not in result.output


def test_output_writes_policies_with_their_keys_that_load(folder):
    result = imported(KYVERNO, "--output", "made")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (folder / "made").iterdir()) == ["signed-both-1.pub", "signed-both.yaml"]
    assert CliRunner().invoke(app, ["validate", "made"]).exit_code == 0


def test_nothing_is_overwritten(folder):
    assert imported(CIP, "--output", "made").exit_code == 0
    result = imported(CIP, "--output", "made")
    assert result.exit_code == 2
    assert "nothing is overwritten" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "a: &a 1\nb: *a\n",
        "a: 1\na: 2\n",
        CIP.replace("ClusterImagePolicy", "ClusterImagePolicy\nkind: Other"),
        '{"default": [], "Default": []}',
        "---\n" * 3,
        "name: sealgate\n",
        CIP.replace("images:\n", "images: none\n  x:\n"),
        CIP.replace("subject: ", "subjectRegExp: '(' #"),
        policy_json(),
        CIP + "---\n" + "a: [",
        "\n".join(["---\na: 1"] * 201),
        KYVERNO.replace("- entries:", "- count: 0\n              entries:"),
    ],
)
def test_what_cannot_be_read_makes_no_policy(text: str):
    result = imported(text)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr


def test_hostile_names_do_not_leave_the_folder_or_their_comment(folder):
    hostile = CIP.replace("name: shop", 'name: "../../x\\nrules: []"').replace("issuer: h", 'is"suer: h')
    text = CIP.replace("name: shop", 'name: "../../x"') + '  "evil\\nmode: disabled": 1\n'
    result = imported(text, "--output", "made")
    assert result.exit_code == 1
    assert [path.name for path in (folder / "made").iterdir()] == ["x.yaml"]
    assert "\nmode" not in (folder / "made/x.yaml").read_text()
    assert imported(hostile).exit_code == 2
