"""`cosign attest` through the gate, by both majors: what a rule asks is found where cosign puts it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.clients import Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.keyless import IDENTITY, ISSUER, WAYS, Keyless, Way
from harness.matrix import COSIGNS
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo")

# The conditions hold of the attestation of `v1`, and of no other.
_KINDS = {
    "slsaprovenance1": ("predicate.runDetails.builder.id == 'https://builder.example/v1'", {
        "buildDefinition": {
            "buildType": "https://builder.example/t", "externalParameters": {}, "internalParameters": {},
            "resolvedDependencies": [],
        },
        "runDetails": {"builder": {"id": "https://builder.example/VERSION"}, "metadata": {"invocationId": "1"}},
    }),
    "spdxjson": ("size(predicate.packages) > 0 && predicate.name == 'v1'", {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "VERSION",
        "documentNamespace": "https://sbom.example/1", "packages": [{"name": "busybox", "SPDXID": "SPDXRef-b"}],
    }),
    "vuln": ("predicate.scanner.uri == 'https://scanner.example/v1'", {
        "invocation": {"parameters": [], "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": "https://scanner.example/VERSION", "version": "1", "db": {"uri": "", "version": ""}, "result": {},
        },
        "metadata": {"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:01:00Z"},
    }),
    "custom": ("predicate.Data.contains('v1')", {"what": "VERSION"}),
}  # fmt: skip
_POLICY = """\
name: {kind}
repositories: ["{kind}/**"]
rules:
  - name: attested
    signature_type: attestation
    predicate_type: {kind}
    key_requirements:
      - {signer}
    rekor: {{{rekor}}}
    condition: "{condition}"
"""
_BY_KEY = {"signer": "{type: key, public_key: release.pub}", "rekor": "required: false"}
_BY_WORKFLOW = {
    "signer": f'{{type: keyless, certificate_identity: "{IDENTITY}", certificate_oidc_issuer: "{ISSUER}"}}',
    "rekor": "proof: promise",
}


def _policies(words: dict[str, str]) -> dict[str, str]:
    """One policy for each kind of predicate."""
    return {
        f"{kind}.yaml": _POLICY.format(kind=kind, condition=condition, **words)
        for kind, (condition, _) in _KINDS.items()
    }


def _predicate(folder: Path, kind: str, version: str) -> Path:
    file = folder / f"{version}.json"
    file.write_text(json.dumps(_KINDS[kind][1]).replace("VERSION", version))
    return file


@pytest.fixture(scope="module")
def key_gate(start_gate: Callable[..., Server], registry: Server) -> Server:
    return start_gate(registry, _policies(_BY_KEY))


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_what_is_attested_decides(
    cosign: Cosign,
    kind: str,
    skopeo: Skopeo,
    release_key: KeyPair,
    other_key: KeyPair,
    key_gate: Server,
    repository: str,
    image: Image,
    tmp_path: Path,
) -> None:
    name = f"{key_gate.host}/{repository.replace('apps/', f'{kind}/')}"
    refused = skopeo.push(image, f"{name}:{TAG}")
    assert f"cosign attest --type {kind}" in refused.output, refused.output

    for key, version, told in ((other_key, "v1", "key release"), (release_key, "v2", _KINDS[kind][0])):
        attested = cosign.attest(f"{name}@{image.digest}", key, kind, _predicate(tmp_path, kind, version))
        assert attested.ok, attested.output
        refused = skopeo.push(image, f"{name}:{TAG}")
        assert not refused.ok
        assert told in refused.output, refused.output

    attested = cosign.attest(f"{name}@{image.digest}", release_key, kind, _predicate(tmp_path, kind, "v1"))
    assert attested.ok, attested.output
    pushed = skopeo.push(image, f"{name}:{TAG}")
    assert pushed.ok, pushed.output
    assert skopeo.pull(f"{name}:{TAG}").ok


_WAYS = [
    pytest.param(WAYS[name], id=name, marks=pytest.mark.client(WAYS[name].cosign))
    for name in ("cosign2-annotations", "cosign2-bundle", "cosign3-bundle", "cosign3-bundle-rekor-v2")
]


@pytest.fixture(scope="module")
def keyless_gate(start_gate: Callable[..., Server], registry: Server, keyless: Keyless) -> Server:
    return start_gate(registry, _policies(_BY_WORKFLOW), "--trusted-root", str(keyless.root))


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("way", _WAYS)
def test_a_keyless_attestation_is_judged_by_who_and_by_what(
    way: Way,
    kind: str,
    keyless: Keyless,
    skopeo: Skopeo,
    keyless_gate: Server,
    repository: str,
    image: Image,
    tmp_path: Path,
) -> None:
    name = f"{keyless_gate.host}/{repository.replace('apps/', f'{kind}/')}"
    assert f"cosign attest --type {kind}" in skopeo.push(image, f"{name}:{TAG}").output

    def attested(version: str, identity: str) -> str:
        stated = _predicate(tmp_path, kind, version)
        made = keyless.attest(way, f"{name}@{image.digest}", kind, stated, identity=identity)
        assert made.ok, made.output
        return skopeo.push(image, f"{name}:{TAG}").output

    assert "denied by policy" in attested("v1", "https://github.com/acme/app/.github/workflows/other.yml@refs/tags/v1")
    assert "is false" in attested("v2", IDENTITY)
    assert "denied" not in attested("v1", IDENTITY)
    assert skopeo.pull(f"{name}:{TAG}").ok
