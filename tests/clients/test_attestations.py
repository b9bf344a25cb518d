"""`cosign attest` through the gate, by both majors: what a rule asks is found where cosign puts it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.clients import Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo")

_POLICY = """\
name: apps-are-scanned
repositories: ["apps/**"]
rules:
  - name: scanned
    signature_type: attestation
    predicate_type: vuln
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
    condition: predicate.scanner.result.critical == 0
"""


@pytest.fixture(scope="module")
def asking_gate(start_gate: Callable[..., Server], registry: Server) -> Server:
    return start_gate(registry, {"attested.yaml": _POLICY})


def _predicate(folder: Path, critical: int) -> Path:
    found = {
        "invocation": {"parameters": [], "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": "scanner",
            "version": "1",
            "db": {"uri": "", "version": ""},
            "result": {"critical": critical},
        },
        "metadata": {"scanStartedOn": "2026-11-23T00:00:00Z", "scanFinishedOn": "2026-11-23T00:01:00Z"},
    }
    file = folder / f"scan-{critical}.json"
    file.write_text(json.dumps(found))
    return file


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_what_is_attested_decides(
    cosign: Cosign,
    skopeo: Skopeo,
    release_key: KeyPair,
    other_key: KeyPair,
    asking_gate: Server,
    repository: str,
    image: Image,
    tmp_path: Path,
) -> None:
    reference = f"{asking_gate.host}/{repository}:{TAG}"
    by_digest = f"{asking_gate.host}/{repository}@{image.digest}"
    refused = skopeo.push(image, reference)
    assert "cosign attest --type vuln" in refused.output, refused.output

    for key, critical, told in (
        (other_key, 0, "key release"),
        (release_key, 2, "predicate.scanner.result.critical == 0"),
    ):
        attested = cosign.attest(by_digest, key, "vuln", _predicate(tmp_path, critical))
        assert attested.ok, attested.output
        refused = skopeo.push(image, reference)
        assert not refused.ok
        assert told in refused.output, refused.output

    attested = cosign.attest(by_digest, release_key, "vuln", _predicate(tmp_path, 0))
    assert attested.ok, attested.output
    pushed = skopeo.push(image, reference)
    assert pushed.ok, pushed.output
    assert skopeo.pull(reference).ok
