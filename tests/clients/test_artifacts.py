"""What is no image: Helm charts and files, each with the rule for its type."""

import pytest
from harness.clients import Helm, Oras
from harness.cosign import Cosign, KeyPair
from harness.images import TAG
from harness.matrix import COSIGNS
from harness.refusal import Refusal
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "cosign2")

NOTES = "application/vnd.example.notes"
CHART_UNSIGNED = Refusal("charts-are-signed", "charts", "no signature found", "signature-missing")
NOTES_UNSIGNED = Refusal("files-are-signed", "notes", "no signature found", "signature-missing")


@pytest.mark.client("helm")
@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_chart(
    helm: Helm, cosign: Cosign, release_key: KeyPair, registry: Server, gate: Server, repository: str
) -> None:
    folder = repository.replace("apps/", "charts/")
    chart = helm.package("tiny", "0.1.0")
    refused = helm.push(chart, f"{gate.host}/{folder}")
    assert not refused.ok, refused.output
    signed = cosign.follow(refused.output, release_key)
    assert signed.ok, signed.output
    pushed = helm.push(chart, f"{gate.host}/{folder}")
    assert pushed.ok, pushed.output
    pulled = helm.pull(f"{gate.host}/{folder}/tiny", "0.1.0")
    assert pulled.ok, pulled.output
    (digest,) = (line.split()[1] for line in pulled.output.splitlines() if line.startswith("Digest:"))
    CHART_UNSIGNED.in_message(refused, f"{folder}/tiny", digest, gate)


@pytest.mark.client("helm")
def test_unsigned_chart_is_not_pulled(helm: Helm, registry: Server, gate: Server, repository: str) -> None:
    folder = repository.replace("apps/", "charts/")
    assert helm.push(helm.package("tiny", "0.1.0"), f"{registry.host}/{folder}").ok
    refused = helm.pull(f"{gate.host}/{folder}/tiny", "0.1.0")
    assert not refused.ok
    assert "denied by policy charts-are-signed" in refused.output


@pytest.mark.client("oras")
@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_file(oras: Oras, cosign: Cosign, release_key: KeyPair, gate: Server, repository: str) -> None:
    reference = f"{gate.host}/{repository.replace('apps/', 'files/')}:{TAG}"
    refused = oras.push_file("hello", NOTES, reference)
    assert not refused.ok, refused.output
    assert "denied by policy files-are-signed" in refused.output
    signed = cosign.follow(refused.output, release_key)
    assert signed.ok, signed.output
    pushed = oras.push_file("hello", NOTES, reference)
    assert pushed.ok, pushed.output
    pulled, file = oras.pull_file(reference)
    assert pulled.ok, pulled.output
    assert file.read_text() == "hello"


@pytest.mark.client("oras")
def test_file_of_a_type_without_a_rule(oras: Oras, registry: Server, gate: Server, repository: str) -> None:
    name = repository.replace("apps/", "files/")
    assert oras.push_file("hello", "application/vnd.example.other", f"{registry.host}/{name}:{TAG}").ok
    refused, _ = oras.pull_file(f"{gate.host}/{name}:{TAG}")
    assert not refused.ok
    assert "application/vnd.example.other" in refused.output
