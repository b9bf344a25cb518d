"""`sealgate policy explain`: what is asked of a repository, in sentences."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sealgate.cli.main import app

PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
DIGEST = "sha256:" + "a" * 64
OWN = """
name: own
description: Each by its own workflow
repositories: ["myorg/{repo}"]
rules:
  - name: release
    artifact_types: [docker, oci]
    key_requirements:
      - type: keyless
        certificate_identity: "https://github.com/myorg/{repo}/r.yml@refs/tags/*"
        certificate_oidc_issuer: "https://token.example"
        claims: {runner_environment: github-hosted}
"""
TAGS = """
name: tags
repositories: ["myorg/*"]
operations: [push]
tags: ["v*"]
rules:
  - name: people
    threshold: 2
    key_requirements:
      - {type: key, public_key: release.pub, not_after: "2027-01-01T00:00:00Z"}
      - {type: keyless, certificate_identity: "*@example.com", certificate_oidc_issuer: "https://accounts.google.com"}
    rekor: {proof: online}
    max_age: 30d
    min_signed_at: "2026-01-01T00:00:00Z"
    signed_reference: repository
    index: each
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "release.pub").write_text(PEM)
    return tmp_path


def explain(repository: str, *more: str, **policies: str) -> list[str]:
    for name, text in policies.items():
        Path(f"{name}.yaml").write_text(text)
    result = CliRunner().invoke(app, ["policy", "explain", repository, "--policies", ".", *more])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_captures_are_filled_in_and_what_no_rule_is_for_is_told():
    assert explain("myorg/shop", own=OWN) == [
        "myorg/shop",
        "",
        "A pull, and a push of any tag:",
        "  policy own: Each by its own workflow",
        "    with {repo} = shop",
        "    release: images must be signed by https://github.com/myorg/shop/r.yml@refs/tags/* "
        "(issuer https://token.example, runner_environment github-hosted); "
        "the transparency log must prove that it holds the signature",
        "  artifacts that are no images are denied: no rule is for them",
    ]


def test_policies_for_some_tags_are_told_with_them():
    told = explain("myorg/shop", own=OWN, tags=TAGS)
    push = told[told.index("A push:") :]
    assert "  policy tags (only tags v*)" in push
    (people,) = [line for line in push if line.startswith("    people: ")]
    assert people.removeprefix("    people: ").split("; ") == [
        "all artifacts must be signed by 2 distinct signers of: key release (counts until 2027-01-01 00:00:00 UTC), "
        "*@example.com (issuer https://accounts.google.com)",
        "the transparency log must prove that it holds the signature, and is asked for the proof where a signature "
        "brings none",
        "signed not longer ago than 30 days",
        "signed 2026-01-01 00:00:00 UTC or later",
        "what was signed must name this repository",
        "each platform's manifest is signed itself: a signed index does not cover what it lists",
    ]
    pull = told[: told.index("A push:")]
    assert "  policy tags does not cover it: it is about operations: [push]" in pull


def test_what_no_policy_covers_is_told_with_what_becomes_of_it(folder):
    told = explain("other/app", own=OWN)
    assert told[2:] == [
        "A pull:",
        "  no policy covers a pull: it is denied (unmatched: deny)",
        "",
        "A push:",
        "  no policy covers a push: it is denied (unmatched: deny)",
    ]
    (folder / "deeper").mkdir()
    (folder / "deeper/sealgate.json").write_text(
        "upstreams: [{name: default, url: 'http://r.example'}]\nunmatched: warn\n"
    )
    told = explain("other/app", "--settings", "deeper/sealgate.json")
    assert told[3] == "  no policy covers a pull: it is let through, with a warning (unmatched: warn)"
    assert "  no policy covers a push of any other tag: it is denied (unmatched: deny)" in explain(
        "myorg/x", tags=TAGS, own=OWN + "operations: [pull]\n"
    )


def test_what_is_excepted_and_denied_and_only_warned_of():
    more = (
        f"mode: warn\nexclude_repositories: [myorg/old]\n"
        f"exceptions: [{{digest: '{DIGEST}', reason: incident, expires: '2026-02-01T00:00:00Z', approved_by: ann}}]\n"
        f"denied: ['{DIGEST[:-1]}b', 'eve@example.com']\n"
    )
    told = explain("myorg/shop", own=OWN + more)
    assert told[6:9] == [
        f"    exception: {DIGEST} passes this policy until 2026-02-01 00:00:00 UTC (incident, approved by ann)",
        f"    denied, whatever else is true: {DIGEST[:-1]}b, eve@example.com",
        "    mode: warn: what it would deny is told and let through, but for what is denied by name",
    ]
    assert told[9] == "  artifacts that are no images are warned of: no rule is for them"
    assert "  policy own does not cover it: exclude_repositories has myorg/old" in explain("myorg/old")


def test_rules_that_ask_for_nothing_or_for_what_cannot_be_checked():
    more = (
        "  - {name: docs, artifact_types: [application/spdx+json], allow_unsigned: true}\n"
        "  - {name: rpm, artifact_types: [rpm], signature_type: gpg, trusted_keys: [k]}\n"
        "  - name: soon\n    artifact_types: [helm]\n    required: false\n"
        "    key_requirements: [{type: key, public_key: release.pub}]\n"
    )
    told = "\n".join(explain("myorg/shop", own=OWN + more))
    assert "docs: artifacts of type application/spdx+json may pass without a signature" in told
    assert "rpm: artifacts of type rpm must carry a gpg signature, which cannot be checked yet: they are denied" in told
    assert "not required: where this fails, it is only warned of" in told
    assert "artifacts that are neither images nor of type application/spdx+json or rpm are denied" in told


def test_what_becomes_of_pushes():
    told = "\n".join(explain("myorg/shop", own=OWN + "on_unsigned_push: hold\nimmutable_tags: ['v*', latest]\n"))
    assert "    tags that never move once they are admitted: v* or latest\n" in told
    assert "    a push that lacks nothing but a signature is held: its tag moves once the signature has come\n" in told


def test_programs_read_json():
    found = json.loads("\n".join(explain("myorg/shop", "--json", own=OWN)))
    assert found["repository"] == "myorg/shop"
    assert found["pull"]["covering"][0]["captures"] == {"repo": "shop"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Not/Valid", "--policies", "."], "repository"),
        (["a/b"], "no policies are named"),
        (["a/b", "--policies", "bad.yaml"], "did you mean repositories?\n     2 | repositorys: [a]\n"),
    ],
)
def test_what_cannot_be_explained_is_wrong_usage(arguments, told):
    Path("own.yaml").write_text(OWN)
    Path("bad.yaml").write_text("name: p\nrepositorys: [a]\nallow_unsigned: true\n")
    if arguments[-1] == ".":
        Path("bad.yaml").unlink()
    result = CliRunner().invoke(app, ["policy", "explain", *arguments])
    assert result.exit_code == 2
    assert told in result.stderr
