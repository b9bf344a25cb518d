"""Build, push, sign by digest: under `on_unsigned_push: hold` the tag moves by itself, for every client that pushes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import servers
from harness.clients import Crane, Oras, Pusher, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import TAG, Image
from harness.matrix import COSIGNS, PUSHERS
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "crane")

_POLICY = """\
name: apps-are-signed
repositories: ["apps/**"]
on_unsigned_push: hold
immutable_tags: ["v*"]
rules:
  - name: release-key
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
_ATTESTED = """\
name: what-is-in-it-is-stated
repositories: ["attested/**"]
on_unsigned_push: hold
rules:
  - name: release-key
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
  - name: contents
    signature_type: attestation
    predicate_type: custom
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
    condition: "predicate.Data.contains('right')"
"""


@pytest.fixture(scope="module")
def gate_home(tmp_path_factory: pytest.TempPathFactory, release_key: KeyPair) -> Path:
    home = tmp_path_factory.mktemp("holding-gate")
    (home / "policies").mkdir()
    (home / "policies" / "hold.yaml").write_text(_POLICY)
    (home / "policies" / "attested.yaml").write_text(_ATTESTED)
    (home / "policies" / "release.pub").write_bytes(release_key.public.read_bytes())
    return home


@pytest.fixture(scope="module")
def holding_gate(gate_home: Path, registry: Server) -> Iterator[Server]:
    settings = {
        "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
        "policies": ["policies"],
        "state": f"sqlite://{gate_home}/state.db",
        "decision_log": "decisions.jsonl",
    }
    with servers.gate_of(gate_home, settings) as gate:
        yield gate


def _events(home: Path, repository: str) -> list[str]:
    lines = [json.loads(line) for line in (home / "decisions.jsonl").read_text().splitlines()]
    return [line["event"] for line in lines if line["repository"] == repository and line["event"]]


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
@pytest.mark.parametrize("client", PUSHERS, indirect=True)
def test_push_then_sign_by_digest(
    client: Pusher,
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    registry: Server,
    holding_gate: Server,
    gate_home: Path,
    repository: str,
    image: Image,
) -> None:
    reference = f"{holding_gate.host}/{repository}:{TAG}"
    pushed = client.push(image, reference)
    if isinstance(client, Oras):  # `oras cp` reads back what it has pushed, which nobody may: it is held all the same
        assert "is held until" in pushed.output
    else:
        assert pushed.ok, pushed.output
    assert not crane.pull(f"{registry.host}/{repository}:{TAG}").ok, "the tag has not moved"
    assert not client.pull(reference).ok
    held = [json.loads(line) for line in (gate_home / "decisions.jsonl").read_text().splitlines()]
    digest = next(
        line["digest"] for line in reversed(held) if line["event"] == "held" and repository in line["reference"]
    )
    signed = cosign.sign(f"{holding_gate.host}/{repository}@{digest}", release_key)
    assert signed.ok, signed.output
    assert crane.digest(f"{registry.host}/{repository}:{TAG}") == digest
    pulled = client.pull(reference)
    assert pulled.ok, pulled.output
    assert _events(gate_home, repository) == ["held", "released"]


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_a_signature_and_a_statement_release_together(
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    registry: Server,
    holding_gate: Server,
    gate_home: Path,
    repository: str,
    image: Image,
    tmp_path: Path,
) -> None:
    repository = repository.replace("apps/", "attested/")
    name = f"{holding_gate.host}/{repository}"
    assert crane.push(image, f"{name}:{TAG}").ok

    def state(word: str) -> None:
        (tmp_path / "stated.json").write_text(json.dumps({"what": word}))
        attested = cosign.attest(f"{name}@{image.digest}", release_key, "custom", tmp_path / "stated.json")
        assert attested.ok, attested.output

    state("wrong")
    assert cosign.sign(f"{name}@{image.digest}", release_key).ok
    assert not crane.pull(f"{registry.host}/{repository}:{TAG}").ok, "the tag has not moved"
    state("right")
    assert crane.digest(f"{registry.host}/{repository}:{TAG}") == image.digest
    assert crane.pull(f"{name}:{TAG}").ok
    assert _events(gate_home, repository) == ["held", "released"]


@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_an_index_is_released_with_its_platforms(
    cosign: Cosign,
    crane: Crane,
    release_key: KeyPair,
    holding_gate: Server,
    gate_home: Path,
    repository: str,
    index: Image,
) -> None:
    reference = f"{holding_gate.host}/{repository}:{TAG}"
    assert crane.push(index, reference).ok
    assert cosign.sign(f"{holding_gate.host}/{repository}@{index.digest}", release_key).ok
    assert crane.digest(reference) == index.digest
    assert crane.pull(reference).ok
    assert _events(gate_home, repository) == ["held", "released"]


def test_an_immutable_tag_stays_where_it_is(
    crane: Crane,
    cosign2: Cosign,
    release_key: KeyPair,
    holding_gate: Server,
    repository: str,
    image: Image,
    index: Image,
) -> None:
    reference = f"{holding_gate.host}/{repository}:v1"
    assert crane.push(image, reference).ok
    assert cosign2.sign(f"{holding_gate.host}/{repository}@{image.digest}", release_key).ok
    refused = crane.push(index, reference)
    assert not refused.ok
    assert "never moves" in refused.output
    assert crane.digest(reference) == image.digest


def test_children_first_and_the_index_last_twice(
    cosign3: Cosign, crane: Crane, release_key: KeyPair, holding_gate: Server, gate_home: Path, repository: str,
    index: Image,
) -> None:  # fmt: skip
    """What buildx and CI do that is run again before anybody has signed: the same hold goes on."""
    reference = f"{holding_gate.host}/{repository}:{TAG}"
    for _ in range(2):
        assert crane.push(index, reference).ok
    assert cosign3.sign(f"{holding_gate.host}/{repository}@{index.digest}", release_key).ok
    assert crane.digest(reference) == index.digest
    assert _events(gate_home, repository)[-1] == "released"


@pytest.mark.client("oras", "cosign2")
def test_what_is_attached_while_it_waits_releases_nothing_and_is_there_afterwards(
    oras: Oras, cosign2: Cosign, crane: Crane, release_key: KeyPair, registry: Server, holding_gate: Server,
    repository: str, image: Image,
) -> None:  # fmt: skip
    reference = f"{holding_gate.host}/{repository}"
    assert crane.push(image, f"{reference}:{TAG}").ok
    attached = oras.attach("an SBOM", "application/spdx+json", f"{reference}@{image.digest}")
    assert attached.ok, attached.output
    assert not crane.pull(f"{registry.host}/{repository}:{TAG}").ok
    assert cosign2.sign(f"{reference}@{image.digest}", release_key).ok
    assert crane.digest(f"{reference}:{TAG}") == image.digest


@pytest.mark.client("skopeo")
def test_crane_copies_what_is_not_signed_and_it_waits(
    crane: Crane, skopeo: Skopeo, cosign2: Cosign, release_key: KeyPair, registry: Server, holding_gate: Server,
    repository: str, image: Image,
) -> None:  # fmt: skip
    source, target = f"{registry.host}/elsewhere/{repository}:{TAG}", f"{holding_gate.host}/{repository}:{TAG}"
    assert skopeo.push(image, source).ok
    copied = crane.copy(source, target)
    assert copied.ok, copied.output
    assert not crane.pull(target).ok
    assert cosign2.sign(f"{holding_gate.host}/{repository}@{image.digest}", release_key).ok
    assert crane.digest(target) == image.digest


@pytest.mark.client("skopeo", "cosign2")
@pytest.mark.parametrize("cosign", COSIGNS, indirect=True)
def test_cosign_copies_an_image_with_its_signatures_and_the_tag_moves(
    cosign: Cosign, cosign2: Cosign, crane: Crane, skopeo: Skopeo, release_key: KeyPair, registry: Server,
    holding_gate: Server, repository: str, image: Image,
) -> None:  # fmt: skip
    """Signatures at tags: `cosign copy` of either version leaves bundles that are referrers where they are."""
    source, target = f"{registry.host}/elsewhere/{repository}:{TAG}", f"{holding_gate.host}/{repository}:{TAG}"
    assert skopeo.push(image, source).ok
    assert cosign2.sign(f"{registry.host}/elsewhere/{repository}@{image.digest}", release_key).ok
    copied = cosign.copy(source, target)
    assert copied.ok, copied.output
    assert crane.digest(target) == image.digest
    assert crane.pull(target).ok
