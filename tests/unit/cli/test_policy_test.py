"""`sealgate policy test`: cases in words, judged by the engine; reports for people, for CI and for programs."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from sealgate.cli.main import app
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.policy import schema

POLICY = """
name: production
repositories: ["production/**"]
rules:
  - name: signed
    artifact_types: [oci]
    key_requirements:
      - type: keyless
        certificate_identity: "*@example.com"
        certificate_oidc_issuer: "https://accounts.google.com"
        claims: {runner_environment: github-hosted}
    trusted_keys: [release]
    max_age: 30d
"""
ANN = "signed_by: {identity: ann@example.com, issuer: 'https://accounts.google.com', claims: {runner_environment: %s}}"
GOOD = f"""
keys: [release]
cases:
  - name: by ann
    repository: production/app
    evidence: [{{{ANN % "github-hosted"}}}]
    expect: admit
  - name: by nobody
    repository: production/app
    expect: deny
    reasons: [signature-missing]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, policy: str = POLICY, cases: str = GOOD) -> Result:
    Path("p").mkdir(exist_ok=True)
    Path("p/policy.yaml").write_text(policy)
    Path("p/cases.yaml").write_text(cases)
    return CliRunner().invoke(app, ["policy", "test", *(arguments or ("p",))])


def decided(case: str, *, policy: str = POLICY, head: str = "keys: [release]\n") -> tuple[str, list[str], list[str]]:
    """What is decided about one case whose expectation is not looked at."""
    text = f"{head}cases:\n  - name: c\n    repository: production/app\n    expect: undetermined\n{case}"
    if "reasons:" not in case:
        text += "    reasons: [state-unavailable]\n"
    result = run("p", "--json", policy=policy, cases=text)
    assert result.exit_code in (0, 1), result.output
    found = json.loads(result.stdout)["suites"][0]["cases"][0]
    return found["decision"], found["reasons"], found["warns"]


def evidence(*entries: str) -> str:
    return "    evidence:\n" + "".join(f"      - {{{entry}}}\n" for entry in entries)


def test_a_table_says_what_was_decided_and_that_all_is_as_expected():
    result = run()
    assert result.exit_code == 0, result.output
    assert "p/cases.yaml" in result.stdout
    assert [line.split() for line in result.stdout.splitlines()[2:4]] == [
        ["ok", "admit", "by", "ann"],
        ["ok", "deny", "signature-missing", "by", "nobody"],
    ]
    assert result.stdout.splitlines()[-1] == "2 cases: all as expected"


def test_what_is_not_as_expected_is_told_with_its_line_and_what_the_gate_would_say():
    result = run(cases=GOOD.replace("expect: admit", "expect: deny\n    reasons: [claim-mismatch]"))
    assert result.exit_code == 1
    assert (
        "p/cases.yaml:4: by ann: expected deny, and it is admit; expected claim-mismatch, and the reasons are none\n"
        "  production, signed: satisfied by ann@example.com (issuer https://accounts.google.com)\n"
    ) in result.stdout
    assert result.stdout.splitlines()[-1] == "2 cases: 1 not as expected"


def test_the_same_answer_for_another_reason_is_a_failure():
    result = run(cases=GOOD.replace("[signature-missing]", "[identity-mismatch]"))
    assert result.exit_code == 1
    assert "expected identity-mismatch, and the reasons are signature-missing" in result.stdout


@pytest.mark.parametrize(
    ("entries", "outcome", "reasons"),
    [
        ([ANN % "github-hosted"], "admit", []),
        ([ANN % "self-hosted"], "deny", ["claim-mismatch"]),
        ([(ANN % "github-hosted").replace("ann@", "ann@not")], "deny", ["identity-mismatch"]),
        ([(ANN % "github-hosted").replace("google", "goggle")], "deny", ["issuer-mismatch"]),
        ([(ANN % "github-hosted") + ", log: promise"], "deny", ["log-proof-missing"]),
        ([(ANN % "github-hosted") + ", log: none"], "deny", ["timestamp-missing"]),
        ([(ANN % "github-hosted") + ", log: none, at: 1 hour ago"], "deny", ["log-entry-missing"]),
        ([(ANN % "github-hosted") + ", at: 29 days ago"], "admit", []),
        ([(ANN % "github-hosted") + ", at: 30 days ago"], "deny", ["signature-too-old"]),
        ([(ANN % "github-hosted") + ", at: in 5 minutes"], "deny", ["signed-in-the-future"]),
        ([(ANN % "github-hosted") + ", at: '2025-12-31T00:00:00Z'"], "admit", []),
        (["signed_by: {key: release}"], "admit", []),
        (["rejected: signature-invalid"], "deny", ["signature-invalid"]),
        (["rejected: sct-invalid", ANN % "github-hosted"], "admit", []),
        (["unavailable: upstream-limited"], "undetermined", ["upstream-limited"]),
        (["unavailable: upstream-limited", "signed_by: {key: release}"], "admit", []),
    ],
)
def test_words_are_the_facts_that_they_say(entries, outcome, reasons):
    assert decided(evidence(*entries)) == (outcome, reasons, [])


def test_the_time_of_day_changes_nothing_and_now_does():
    old = evidence((ANN % "github-hosted") + ", at: '2026-05-20T00:00:00Z'")
    assert decided(old) == ("deny", ["signed-in-the-future"], [])
    assert decided(old + "    now: '2026-06-01T00:00:00Z'\n")[0] == "admit"
    assert decided(old, head="keys: [release]\nnow: '2026-06-01T00:00:00Z'\n")[0] == "admit"
    late = "keys: [release]\nnow: '2027-06-01T00:00:00Z'\n"
    assert decided(old, head=late)[1] == ["signature-too-old"]


@pytest.mark.parametrize(
    ("types", "outcome", "reasons"),
    [("[docker]", "admit", []), ("[helm]", "deny", ["artifact-type-not-covered"]), ("[helm, oci]", "admit", [])],
)
def test_an_artifact_is_what_it_claims_to_be(types, outcome, reasons):
    case = evidence("signed_by: {key: release}") + f"    artifact_types: {types}\n"
    assert decided(case) == (outcome, reasons, [])


def test_an_index_covers_what_it_lists():
    listed = "    listed_by: {evidence: [{signed_by: {key: release}}]%s}\n"
    assert decided(listed % "")[0] == "admit"
    assert decided("    listed_by: {}\n") == ("deny", ["signature-missing"], [])
    each = POLICY + "    index: each\n"
    assert decided(listed % "", policy=each) == ("deny", ["child-not-signed"], [])
    assert decided(listed % ", platform: unknown/unknown", policy=each)[0] == "admit"


def test_exceptions_denials_tags_and_warnings():
    digest = "sha256:" + "a" * 64
    excepting = POLICY + f"exceptions: [{{digest: '{digest}', reason: r, expires: '2026-02-01T00:00:00Z'}}]\n"
    case = f"    digest: '{digest}'\n"
    assert decided(case, policy=excepting)[0] == "admit"
    over = case + "    now: '2026-02-01T00:00:00Z'\n"
    assert decided(over, policy=excepting) == ("deny", ["exception-expired"], [])
    denying = POLICY + "denied: ['*@example.com', release]\n"
    assert decided(evidence(ANN % "github-hosted"), policy=denying) == ("deny", ["denied-by-policy"], [])
    assert decided(evidence("signed_by: {key: release}"), policy=denying)[1] == ["denied-by-policy"]
    guarding = POLICY + "operations: [push]\ntags: ['v*']\n"
    push = "    operation: push\n    tag: %s\n"
    assert decided(push % "v1", policy=guarding)[1] == ["signature-missing"]
    assert decided(push % "latest", policy=guarding)[1] == ["repository-not-covered"]
    assert decided("", policy=POLICY + "mode: warn\n") == ("admit", [], ["signature-missing"])


def test_what_only_warns_can_be_expected():
    cases = "keys: [release]\ncases: [{name: c, repository: production/app, expect: admit, warns: [%s]}]\n"
    warning = POLICY + "mode: warn\n"
    assert run(policy=warning, cases=cases % "signature-missing").exit_code == 0
    result = run(policy=warning, cases=cases % "")
    assert result.exit_code == 1
    assert "expected warnings: none; there are: signature-missing" in result.stdout


def test_a_reference_names_the_repository_at_its_registry_or_at_the_gate():
    naming = POLICY + "    signed_reference: repository\n"
    signed = "signed_by: {key: release}, reference: %s"
    assert decided(evidence(signed % "registry.example/production/app"), policy=naming)[0] == "admit"
    assert decided(evidence(signed % "gate.example/production/app:1"), policy=naming)[0] == "admit"
    assert decided(evidence(signed % "gate.example/stolen/app"), policy=naming)[1] == ["reference-mismatch"]


def test_a_trusted_root_is_another_one():
    rooted = POLICY.replace("claims:", "trusted_root: acme\n        claims:")
    head = "keys: [release]\ntrusted_roots: [acme]\n"
    acme = (ANN % "github-hosted").replace("claims:", "trusted_root: acme, claims:")
    assert decided(evidence(acme), policy=rooted, head=head)[0] == "admit"
    assert decided(evidence(ANN % "github-hosted"), policy=rooted, head=head)[1] == ["identity-mismatch"]


def test_a_key_that_only_another_policy_names_was_not_tried():
    other = "name: q\nrepositories: [other]\nrules: [{name: r, trusted_keys: [spare]}]\n"
    Path("p").mkdir()
    Path("p/q.yaml").write_text(other)
    head = "keys: [release, spare]\n"
    assert decided(evidence("signed_by: {key: spare}"), head=head) == ("deny", ["key-not-trusted"], [])


def test_rules_that_no_case_tries_are_told():
    policy = POLICY + "  - {name: charts, artifact_types: [helm], trusted_keys: [release]}\n"
    result = run(policy=policy)
    assert result.exit_code == 0
    assert "warning: policy production, rule charts: no case satisfies it\n" in result.stdout
    assert "warning: policy production, rule charts: no case is refused by it\n" in result.stdout
    assert "rule signed" not in result.stdout
    assert run("p", "--strict", policy=policy).exit_code == 1
    assert run("p", "--strict").exit_code == 0
    only = GOOD.replace("  - name: by nobody\n    repository: production/app\n", "").split("    expect: deny")[0]
    assert "rule signed: no case is refused by it" in run(cases=only).stdout


def test_what_an_exception_lets_pass_satisfies_no_rule():
    digest = "sha256:" + "a" * 64
    excepting = POLICY + f"exceptions: [{{digest: '{digest}', reason: r, expires: '2026-02-01T00:00:00Z'}}]\n"
    cases = f"keys: [release]\ncases: [{{name: c, repository: production/app, digest: '{digest}', expect: admit}}]\n"
    assert "rule signed: no case satisfies it" in run(policy=excepting, cases=cases).stdout
    assert "rule exceptions: no case passes by one" in run(policy=excepting).stdout


def test_a_policy_without_cases_is_told():
    Path("q").mkdir()
    Path("q/policy.yaml").write_text("name: q\nrepositories: [q]\nallow_unsigned: true\n")
    result = run("p", "q")
    assert result.exit_code == 0
    assert "warning: q: there is no cases.yaml" in result.stdout
    assert run("q").exit_code == 2
    assert run("nowhere").exit_code == 2


def test_the_policies_of_a_folder_are_tried_together_and_each_alone():
    Path("all/p").mkdir(parents=True)
    Path("all/p/policy.yaml").write_text(POLICY)
    Path("all/p/cases.yaml").write_text(GOOD)
    Path("all/more.yaml").write_text("name: more\nrepositories: ['**']\nallow_unsigned: true\n")
    Path("all/cases.yaml").write_text("keys: [release]\ncases: [{name: c, repository: other, expect: admit}]\n")
    result = CliRunner().invoke(app, ["policy", "test", "all", "--strict"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "3 cases: all as expected"


def test_junit_has_every_case_and_why_it_failed(folder):
    result = run("p", "--junit", "out.xml", cases=GOOD.replace("[signature-missing]", "[sct-invalid]"))
    assert result.exit_code == 1
    root = ET.parse(folder / "out.xml").getroot()  # noqa: S314  our own
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    cases = list(root.iter("testcase"))
    assert [(case.get("name"), case.get("classname"), case.get("line")) for case in cases] == [
        ("by ann", "p/cases.yaml", "4"),
        ("by nobody", "p/cases.yaml", "8"),
    ]
    failure = cases[1].find("failure")
    assert failure is not None
    assert "the reasons are signature-missing" in (failure.get("message") or "")


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        (
            GOOD.replace("expect: admit", "expect: admitt"),
            'p/cases.yaml:7: cases[0].expect: "admitt" is not one of admit, deny, undetermined; did you mean admit?\n'
            "     7 |     expect: admitt\n"
            "       |     ^",
        ),
        (GOOD.replace("evidence:", "evidenc:"), "unknown field evidenc; did you mean evidence?"),
        (GOOD.replace("signature-missing", "signature-mising"), "did you mean signature-missing?"),
        (GOOD.replace("reasons:", "#"), "the field reasons is missing"),
        (GOOD.replace("by nobody", "by ann"), "another case is called by ann; names are unique"),
        (GOOD.replace("expect: deny", "expect: admit"), "nothing stands in the way of what is admitted"),
        (GOOD.replace("production/app", "Production"), "cases[0].repository"),
        (GOOD.replace("production/app", "docker.io/nginx"), "is called docker.io/library/nginx; write that name"),
        (GOOD.replace("expect: admit", "tag: v1\n    expect: admit"), "a pull is judged by repository and digest"),
        (
            GOOD.replace("expect: admit", "operation: push\n    listed_by: {}\n    expect: admit"),
            "a tag that is pushed is judged by itself",
        ),
        (GOOD.replace("runner_environment: g", "runner_environ: g"), "did you mean runner_environment?"),
        (GOOD.replace("identity: ann@example.com, ", ""), "the field identity is missing"),
        (GOOD.replace("identity: ann@", "key: release, identity: ann@"), "identity has no meaning beside key"),
        (GOOD.replace(ANN % "github-hosted", "signed_by: {key: releas}"), "did you mean release?"),
        (GOOD.replace(ANN % "github-hosted", "rejected: sct-invalid, log: none"), "log has no meaning beside rejected"),
        (GOOD.replace(ANN % "github-hosted", ""), "evidence has one of signed_by, rejected and unavailable"),
        (GOOD.replace("issuer:", "trusted_root: acme, issuer:"), "there is no trusted root acme; there are default"),
        (GOOD.replace(ANN % "github-hosted", (ANN % "x") + ", at: yesterday"), "yesterday is no time"),
        (GOOD.replace(ANN % "github-hosted", (ANN % "x") + ", at: in 2 hours ago"), "in 2 hours ago is no time"),
        ("now: '0001-01-01T00:00:00Z'" + GOOD, "before or after all time"),
        (GOOD.replace("expect: admit", "digest: sha256:12\n    expect: admit"), "a digest is sha256: and 64"),
        (GOOD.replace("expect: admit", "artifact_types: [helmet]\n    expect: admit"), "did you mean helm?"),
        (GOOD + "cases: []\n", "cases stands here a second time"),
        (GOOD.replace("keys: [release]", "keys: []"), "release"),
        ("cases: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(cases, told):
    result = run(cases=cases)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert told in result.stderr


def test_what_is_wrong_with_the_policies_is_told_too():
    result = run(policy=POLICY.replace("max_age", "max_ag"))
    assert result.exit_code == 2
    assert "unknown field max_ag; did you mean max_age?\n" in result.stderr
    assert "|     ^" in result.stderr


def test_settings_give_keys_and_names(folder):
    (folder / "release.pub").write_text(PEM)
    (folder / "sealgate.yaml").write_text("keys: {release: release.pub}\nunmatched: admit\n")
    cases = GOOD.replace("keys: [release]\n", "") + "  - {name: other, repository: other, expect: admit}\n"
    result = run("p", "--settings", "sealgate.yaml", cases=cases)
    assert result.exit_code == 0, result.output


PROVEN = """
name: proven
repositories: ["production/**"]
rules:
  - name: provenance
    signature_type: attestation
    predicate_type: slsaprovenance1
    condition: predicate.builder == "ours"
    trusted_keys: [release]
"""


SLSA = "signed_by: {key: release}, predicate_type: slsaprovenance1"


@pytest.mark.parametrize(
    ("entries", "outcome", "reasons"),
    [
        ([SLSA + ", predicate: {builder: ours}"], "admit", []),
        ([SLSA + ", predicate_file: p.json"], "admit", []),
        ([SLSA + ", predicate: {builder: x}"], "deny", ["condition-false"]),
        ([SLSA], "deny", ["condition-error"]),
        ([SLSA.replace("slsaprovenance1", "spdx") + ", predicate: {}"], "deny", ["predicate-type-mismatch"]),
        ([], "deny", ["attestation-missing"]),
    ],
)  # fmt: skip
def test_attestations_are_judged_by_what_they_state(folder, entries, outcome, reasons):
    (folder / "p").mkdir()
    (folder / "p/p.json").write_text('{"builder": "ours", "score": 9.8}')
    case = evidence(*entries) if entries else ""
    assert decided(case, policy=PROVEN) == (outcome, reasons, [])


def test_every_reason_can_be_expected_but_for_those_of_holds():
    definitions = schema.schema("cases")["$defs"]
    about_tags = {
        Reason.TAG_IMMUTABLE,
        Reason.SIGNATURE_IN_USE,
        Reason.AWAITING_SIGNATURE,
        Reason.CONTENT_GONE,
    }
    assert set(definitions["reason"]["enum"]) == set(Reason) - about_tags
    assert set(definitions["rejected"]["enum"]) <= set(Reason) - UNDETERMINED
    assert set(definitions["evidence"]["properties"]["unavailable"]["enum"]) <= UNDETERMINED


def test_claims_have_the_names_that_policies_use():
    named = schema.schema("cases")["$defs"]["signer"]["properties"]["claims"]["properties"]
    requirements = schema.schema("policy")["$defs"].values()
    (requirement,) = (part["properties"]["claims"] for part in requirements if "claims" in part["properties"])
    assert named.keys() == requirement["properties"].keys()


PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
