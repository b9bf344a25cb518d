"""Conditions as people write them, over predicates as tools write them."""

import pytest

from sealgate.adapters.conditions.compiling import compile_condition
from sealgate.adapters.conditions.evaluating import evaluate
from sealgate.evidence.reason import Reason
from sealgate.limits import CONDITION_TEXT_CHARACTERS
from sealgate.policy.conditions import check_condition

NOW = "2026-11-23T08:00:00+00:00"
SLSA_1 = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {"workflow": {"ref": "refs/tags/v1.2.3", "repository": "https://github.com/myorg/app"}},
        "internalParameters": {"github": {"event_name": "push"}},
        "resolvedDependencies": [{"uri": "git+https://github.com/myorg/app@refs/tags/v1.2.3"}],
    },
    "runDetails": {"builder": {"id": "https://github.com/myorg/build/.github/workflows/go.yml@refs/tags/v2"}},
}
SLSA_02 = {
    "builder": {"id": "https://github.com/slsa-framework/generator@refs/tags/v1.9.0"},
    "invocation": {"configSource": {"uri": "git+https://github.com/myorg/app@refs/heads/main"}},
    "metadata": {"reproducible": False, "completeness": {"parameters": True}},
    "materials": [{"uri": "git+https://github.com/myorg/app", "digest": {"sha1": "a" * 40}}],
}
SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {"name": "openssl", "versionInfo": "3.0.15", "licenseConcluded": "Apache-2.0"},
        {"name": "busybox", "licenseConcluded": "GPL-2.0-only"},
    ],
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"type": "library", "name": "log4j-core", "version": "2.17.1", "purl": "pkg:maven/log4j@2.17.1"}],
}
COSIGN_VULN = {  # cosign's vulnerability predicate, with Trivy's own report in it
    "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.57.0", "version": "0.57.0", "db": {"version": "2"}},
    "metadata": {"scanStartedOn": "2026-11-22T09:58:00Z", "scanFinishedOn": "2026-11-22T10:00:00.123456789Z"},
}
TRIVY = {
    **COSIGN_VULN,
    "scanner": {
        **COSIGN_VULN["scanner"],
        "result": {
            "SchemaVersion": 2,
            "Results": [
                {"Target": "alpine", "Vulnerabilities": [
                    {"VulnerabilityID": "CVE-2026-1", "Severity": "HIGH", "CVSS": {"nvd": {"V3Score": 7.5}}},
                    {"VulnerabilityID": "CVE-2026-2", "Severity": "LOW", "CVSS": {"nvd": {"V3Score": 3}},
                     "FixedVersion": "1.2"},
                ]},
                {"Target": "app"},
            ],
        },
    },
}  # fmt: skip
GRYPE = {"matches": [{"vulnerability": {"id": "CVE-2026-1", "severity": "Medium", "fix": {"state": "not-fixed"}}}]}
COUNTS = {"summary": {"critical": 0, "high": 2, "score": 7.0, "ratio": 0.25, "passed": True, "none": None}}
OPENVEX = {"statements": [{"vulnerability": {"name": "CVE-2026-1"}, "status": "not_affected"}]}


def answer(predicate: object, *conditions: str, schema: str = "") -> dict[str, object]:
    for condition in conditions:
        check_condition(condition, compile_condition)
    return evaluate(
        {
            "schema": schema,
            "conditions": list(conditions),
            "statement": {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "app", "digest": {"sha256": "b" * 64}}],
                "predicateType": "https://slsa.dev/provenance/v1",
                "predicate": predicate,
            },
            "signer": {"identity": "dev@example.com", "claims": {"source_repository_ref": "refs/tags/v1"}},
            "artifact": {"repository": "production/app", "digest": "sha256:" + "b" * 64},
            "now": NOW,
        }
    )


@pytest.mark.parametrize(
    ("predicate", "condition"),
    [
        (SLSA_1, 'predicate.runDetails.builder.id.startsWith("https://github.com/myorg/build/.github/workflows/")'),
        (SLSA_1, 'predicate.runDetails.builder.id.matches("^https://github\\\\.com/myorg/.+@refs/tags/v[0-9]+$")'),
        (SLSA_1, 'predicate.runDetails.builder.id.matches(r"@refs/tags/v\\d+$")'),
        (SLSA_1, 'predicate.buildDefinition.externalParameters.workflow.ref == "refs/tags/v1.2.3"'),
        (SLSA_1, 'predicate.buildDefinition.internalParameters.github.event_name in ["push", "release"]'),
        (SLSA_1, 'predicate.buildDefinition.resolvedDependencies.exists(d, d.uri.contains("myorg/app@"))'),
        (SLSA_1, 'predicate.buildDefinition.resolvedDependencies[0].uri.startsWith("git+https://github.com/myorg/")'),
        (SLSA_1, "!has(predicate.buildDefinition.internalParameters.debug)"),
        (SLSA_1, '!("debug" in predicate.buildDefinition.internalParameters)'),
        (SLSA_02, 'predicate.builder.id == "https://github.com/slsa-framework/generator@refs/tags/v1.9.0"'),
        (SLSA_02, "predicate.metadata.completeness.parameters && !predicate.metadata.reproducible"),
        (SLSA_02, 'predicate.materials.all(m, "sha1" in m.digest && size(m.digest.sha1) == 40)'),
        (SLSA_02, 'predicate["invocation"]["configSource"].uri.endsWith("@refs/heads/main")'),
        (SPDX, "size(predicate.packages) > 0"),
        (SPDX, "predicate.packages.size() >= 2"),
        (SPDX, 'predicate.spdxVersion in ["SPDX-2.2", "SPDX-2.3"]'),
        (SPDX, 'predicate.packages.exists(p, p.name == "openssl")'),
        (SPDX, 'predicate.packages.exists_one(p, p.name == "openssl")'),
        (SPDX, '!predicate.packages.exists(p, p.licenseConcluded.startsWith("AGPL"))'),
        (SPDX, 'predicate.packages.all(p, !has(p.versionInfo) || p.versionInfo != "0.0.0")'),
        (SPDX, 'predicate.packages.filter(p, p.licenseConcluded.contains("GPL")).size() <= 1'),
        (SPDX, '"busybox" in predicate.packages.map(p, p.name)'),
        (CYCLONEDX, 'predicate.bomFormat == "CycloneDX" && double(predicate.specVersion) >= 1.5'),
        (CYCLONEDX, '!predicate.components.exists(c, c.name == "log4j-core" && c.version.startsWith("2.14."))'),
        (CYCLONEDX, 'predicate.components.all(c, has(c.purl) && c.purl.startsWith("pkg:"))'),
        (COSIGN_VULN, 'now - timestamp(predicate.metadata.scanFinishedOn) < duration("24h")'),
        (COSIGN_VULN, 'timestamp(predicate.metadata.scanFinishedOn) > now - duration("168h")'),
        (COSIGN_VULN, 'timestamp(predicate.metadata.scanStartedOn) <= timestamp(predicate.metadata.scanFinishedOn)'),
        (COSIGN_VULN, 'timestamp(predicate.metadata.scanFinishedOn) <= now'),
        (COSIGN_VULN, 'timestamp(predicate.metadata.scanStartedOn).getFullYear() == now.getFullYear()'),
        (COSIGN_VULN, 'predicate.scanner.uri.startsWith("pkg:github/aquasecurity/trivy@")'),
        (COSIGN_VULN, 'int(predicate.scanner.db.version) >= 2'),
        (TRIVY, 'predicate.scanner.result.Results.all(r, !has(r.Vulnerabilities) || '
                'r.Vulnerabilities.all(v, v.Severity != "CRITICAL"))'),
        (TRIVY, '!predicate.scanner.result.Results.exists(r, has(r.Vulnerabilities) && '
                'r.Vulnerabilities.exists(v, v.Severity in ["CRITICAL", "HIGH"] && has(v.FixedVersion)))'),
        (TRIVY, 'predicate.scanner.result.Results.all(r, !has(r.Vulnerabilities) || '
                'r.Vulnerabilities.all(v, v.CVSS.nvd.V3Score < 9))'),
        (GRYPE, '!predicate.matches.exists(m, m.vulnerability.severity in ["Critical", "High"])'),
        (GRYPE, 'predicate.matches.filter(m, m.vulnerability.fix.state == "fixed").size() == 0'),
        (OPENVEX, 'predicate.statements.all(s, s.status in ["not_affected", "fixed"])'),
        (COUNTS, "predicate.summary.critical == 0 && predicate.summary.high <= 2"),
        (COUNTS, "predicate.summary.critical + predicate.summary.high < 3"),
        (COUNTS, "predicate.summary.score >= 7 && predicate.summary.score == 7"),
        (COUNTS, "predicate.summary.high < 2.5 && predicate.summary.ratio < 1"),
        (COUNTS, "predicate.summary.passed"),
        (COUNTS, "predicate.summary.passed == true ? predicate.summary.high > 0 : false"),
        (COUNTS, 'predicate.summary["none"] == null'),
        (COUNTS, "has(predicate.summary) && !has(predicate.summary.medium)"),
        (COUNTS, "has(predicate.summary.medium) && predicate.summary.medium > 3 || true"),
        ([], "predicate.all(p, false) && !predicate.exists(p, true) && size(predicate) == 0"),
        ({}, 'statement.predicateType == "https://slsa.dev/provenance/v1"'),
        ({}, 'statement.subject.exists(s, "sha256:" + s.digest.sha256 == artifact.digest)'),
        ({}, 'signer.identity.endsWith("@example.com")'),
        ({}, 'signer.claims.source_repository_ref.startsWith("refs/tags/")'),
        ({}, 'artifact.repository.startsWith("production/")'),
        ({"é": "日本"}, 'predicate["é"].contains("本")'),
        ({"n": 2**63 - 1, "m": -(2**63)}, "predicate.n == 9223372036854775807 && predicate.m < 0"),
    ],
)  # fmt: skip
def test_what_holds_passes(predicate: object, condition: str) -> None:
    assert answer(predicate, condition) == {"reason": "", "text": "", "timed": "now" in condition}


@pytest.mark.parametrize(
    ("predicate", "condition", "told"),
    [
        (SLSA_1, 'predicate.runDetails.builder.id == "x"', f'builder.id is "{SLSA_1["runDetails"]["builder"]["id"]}"'),
        (COUNTS, "predicate.summary.critical > 0 || predicate.summary.high > 5",
         "critical is 0, predicate.summary.high is 2"),
        (COUNTS, "predicate.summary.none != null", "predicate.summary.none is null"),
        (COUNTS, "has(predicate.summary.medium)", "predicate.summary.medium is not there"),
        (COSIGN_VULN, 'now - timestamp(predicate.metadata.scanFinishedOn) < duration("1h")',
         'now is 2026-11-23T08:00:00+00:00, predicate.metadata.scanFinishedOn is "2026-11-22T10:00:00.123456789Z"'),
        (SPDX, 'predicate.packages.exists(p, p.name == "glibc")', 'packages is 2 entries, [{"name": "openssl"'),
        (SPDX, "size(predicate.packages) == 0", "predicate.packages is 2 entries"),
        ({"a": "b\n\x1b[31m\u202ec"}, 'predicate.a == "c"', "predicate.a is \"b\\n\\u001b[31m c\""),
        ({"a": "3"}, "predicate.a == 3", 'predicate.a is "3"'),
    ],
)  # fmt: skip
def test_what_is_false_is_told_with_its_values(predicate: object, condition: str, told: str) -> None:
    found = answer(predicate, condition)
    assert found["reason"] == Reason.CONDITION_FALSE
    assert f"condition {condition} is false: " in str(found["text"])
    assert told in str(found["text"])
    assert str(found["text"]).isprintable()


@pytest.mark.parametrize(
    ("predicate", "condition", "told"),
    [
        ({}, "predicate.missing == 1", "there is no 'missing'"),
        ({}, "!predicate.missing", "there is no 'missing'"),
        ({}, "has(predicate.missing.deeper)", "there is no 'missing'"),
        (SPDX, 'predicate.packages.exists(p, p.versionInfo == "1")', "there is no 'versionInfo'"),
        (SPDX, "predicate.packages[2].name == 'a'", "index out of bounds: 2"),
        (COUNTS, "predicate.summary.high < 'a'", "overload"),
        (COUNTS, "predicate.summary.score + 1 > 2.0", "float + int"),
        (COUNTS, "predicate.summary.high / predicate.summary.critical > 1", "division by zero"),
        (COSIGN_VULN, "timestamp(predicate.scanner.version) < now", "timestamp"),
        (COSIGN_VULN, 'now - timestamp(predicate.metadata.scanFinishedOn) < duration("7d")', "duration"),
        ({"n": 2**63 - 1}, "predicate.n + 1 > 0", "overflow"),
        (None, "has(predicate.a)", ""),
        (COUNTS, "predicate.summary.high", "gives int (2), neither true nor false"),
        (COUNTS, "predicate.summary.none", "gives NoneType (null), neither true nor false"),
        (COUNTS, "predicate.summary", "neither true nor false"),
        ({"a": "true"}, "predicate.a", 'gives str ("true"), neither true nor false'),
        ({"a": 1}, "predicate.a ? true : false", ""),
    ],
)
def test_what_cannot_be_answered_is_an_error_and_never_true(predicate: object, condition: str, told: str) -> None:
    found = answer(predicate, condition)
    assert found["reason"] == Reason.CONDITION_ERROR
    assert told in str(found["text"])


@pytest.mark.parametrize(
    ("predicate", "condition", "told"),
    [
        (
            SPDX,
            'predicate.packages.all(p, p.name != "busybox")',
            'predicate.packages[1] is 2 entries, {"name": "busybox"',
        ),
        (SPDX, '!predicate.packages.exists(p, p.name == "busybox")', "predicate.packages[1] is 2 entries, {"),
        (SPDX, 'predicate.packages.all(p, p.name in ["openssl"] && (p.name != "x"))', "predicate.packages[1] is "),
        (
            {"s": ["LOW", "HIGH"]},
            'predicate.s.all(s, s == "LOW")',
            'predicate.s[1] is "HIGH", predicate.s is 2 entries',
        ),
        ({"s": ["a", "b"], "t": "b"}, "predicate.s.all(s, s != predicate.t)", 'predicate.s[1] is "b"'),
    ],
)
def test_of_a_list_the_entry_that_fails_is_told(predicate: object, condition: str, told: str) -> None:
    assert f"is false: {told}" in str(answer(predicate, condition)["text"])


@pytest.mark.parametrize(
    "condition",
    [
        'predicate.packages.exists(p, p.name == "glibc")',
        "predicate.packages.all(p, false) && true",
        "predicate.packages.filter(p, true).all(p, false)",
        "!predicate.packages.all(p, true)",
        "[1].all(p, p == 2)",
    ],
)
def test_where_no_single_entry_fails_none_is_told(condition: str) -> None:
    assert "packages[" not in str(answer(SPDX, condition)["text"])


def test_all_that_is_wrong_is_told_and_the_first_gives_the_reason() -> None:
    found = answer(COUNTS, "predicate.summary.high == 2", "predicate.summary.high == 0", "predicate.nothing == 1")
    assert found["reason"] == Reason.CONDITION_FALSE
    assert "high == 0 is false" in str(found["text"])
    assert "nothing == 1 cannot be answered" in str(found["text"])
    assert "high == 2 is" not in str(found["text"])


def test_a_large_value_is_told_within_the_bound() -> None:
    found = answer({"a": ["x" * 1000] * 1000, "b": "y" * 100_000}, "predicate.a == predicate.b")
    assert "1000 entries" in str(found["text"])
    assert len(str(found["text"])) <= CONDITION_TEXT_CHARACTERS


def test_the_schema_is_asked_first_and_conditions_over_what_does_not_fit_are_not() -> None:
    found = answer(COUNTS, "predicate.nothing == 1", schema='{"required":["scanner"]}')
    assert found["reason"] == Reason.PREDICATE_REJECTED
    assert found["text"] == "it does not fit the schema: predicate: 'scanner' is a required property"
    assert answer(COSIGN_VULN, schema='{"required":["scanner"]}')["reason"] == ""


def test_a_schema_that_refers_to_itself_without_end_fits_nothing() -> None:
    assert answer({}, schema='{"$ref":"#"}')["reason"] == Reason.PREDICATE_REJECTED


@pytest.mark.parametrize(
    ("condition", "timed"),
    [
        ("now > timestamp('2026-01-01T00:00:00Z')", True),
        ("predicate.now == 'now'", False),
        ("true || now == now", True),
    ],
)
def test_whether_the_time_matters_is_told(condition: str, timed: bool) -> None:
    assert answer({"now": "now"}, condition)["timed"] is timed


def test_where_the_library_differs_from_the_specification() -> None:
    """docs/conditions.md says so; when one of these changes, the page does."""
    assert answer({"a": "é"}, "size(predicate.a) == 2")["reason"] == ""  # bytes, not characters
    assert answer({}, 'string(now) == "2026-11-23T08:00:00+00:00"')["reason"] == ""  # not …Z
    assert answer({}, "[0, 1].exists(x, 1 / x == 1)")["reason"] == Reason.CONDITION_ERROR  # not true
    assert answer({}, "timestamp(0) < now")["reason"] == Reason.CONDITION_ERROR
    assert answer({}, 'now.getHours("Europe/Berlin") > 0')["reason"] == Reason.CONDITION_ERROR
