"""Keyless signatures of real cosigns, by a private Sigstore: admitted for the right identity and issuer alone."""

from collections.abc import Callable

import pytest
from harness.clients import Skopeo
from harness.images import TAG, Image
from harness.keyless import IDENTITY, ISSUER, WAYS, Keyless, Way
from harness.servers import Server

pytestmark = pytest.mark.client("docker-registry", "skopeo")

PARAMETERS = [pytest.param(way, id=name, marks=pytest.mark.client(way.cosign)) for name, way in WAYS.items()]
ANNOTATIONS = [parameter for parameter, way in zip(PARAMETERS, WAYS.values(), strict=True) if way.annotations]

POLICY = """\
name: {name}
repositories: ["{name}/**"]
rules:
  - name: release-workflow
    signature_type: cosign
    key_requirements:
      - type: keyless
        certificate_identity: "https://github.com/acme/*/.github/workflows/release.yml@refs/tags/**"
        certificate_oidc_issuer: "https://token.actions.githubusercontent.com"
    rekor: {{proof: {proof}}}
"""


POLICIES = {
    "proof.yaml": POLICY.format(name="proof", proof="offline"),
    "promise.yaml": POLICY.format(name="promise", proof="promise"),
}


@pytest.fixture(scope="module")
def keyless_gate(start_gate: Callable[..., Server], registry: Server, keyless: Keyless) -> Server:
    """A gate that trusts the private Sigstore; `proof/` wants inclusion proofs, `promise/` is content with promises."""
    return start_gate(registry, POLICIES, "--trusted-root", str(keyless.root))


@pytest.fixture(scope="module")
def public_gate(start_gate: Callable[..., Server], registry: Server) -> Server:
    """The same with the root of the public good instance, which knows nothing of the private one."""
    return start_gate(registry, POLICIES)


def place(repository: str, way: Way) -> str:
    """Where a signature made this way is to be enough."""
    return repository.replace("apps/", "promise/" if way.annotations else "proof/")


@pytest.mark.parametrize("way", PARAMETERS)
def test_refused_until_signed_by_the_workflow(
    way: Way, keyless: Keyless, skopeo: Skopeo, keyless_gate: Server, repository: str, image: Image
) -> None:
    name = f"{keyless_gate.host}/{place(repository, way)}"
    refused = skopeo.push(image, f"{name}:{TAG}")
    assert not refused.ok
    assert "no signature found" in refused.output, refused.output

    signed = keyless.sign(way, f"{name}@{image.digest}")
    assert signed.ok, signed.output
    verified = keyless.verify(way, f"{name}@{image.digest}")
    assert verified.ok, verified.output

    pushed = skopeo.push(image, f"{name}:{TAG}")
    assert pushed.ok, pushed.output
    pulled = skopeo.pull(f"{name}:{TAG}")
    assert pulled.ok, pulled.output


@pytest.mark.parametrize(
    ("identity", "issuer", "told"),
    [
        (IDENTITY.replace("acme", "evil"), ISSUER, "https://github.com/evil/"),
        (IDENTITY, "https://accounts.google.com", "https://accounts.google.com"),
    ],
    ids=["identity", "issuer"],
)
@pytest.mark.parametrize("way", PARAMETERS)
def test_refused_when_signed_by_another(
    way: Way,
    identity: str,
    issuer: str,
    told: str,
    keyless: Keyless,
    skopeo: Skopeo,
    keyless_gate: Server,
    repository: str,
    image: Image,
) -> None:
    name = f"{keyless_gate.host}/{place(repository, way)}"
    assert not skopeo.push(image, f"{name}:{TAG}").ok
    signed = keyless.sign(way, f"{name}@{image.digest}", identity=identity, issuer=issuer)
    assert signed.ok, "a signature that satisfies nothing is stored all the same"
    assert keyless.verify(way, f"{name}@{image.digest}", identity=identity, issuer=issuer).ok
    assert not keyless.verify(way, f"{name}@{image.digest}").ok, "cosign refuses it too"
    refused = skopeo.push(image, f"{name}:{TAG}")
    assert not refused.ok
    assert told in refused.output, refused.output
    assert not skopeo.pull(f"{name}:{TAG}").ok


@pytest.mark.parametrize("way", ANNOTATIONS)
def test_a_promise_is_not_enough_where_the_policy_wants_a_proof(
    way: Way, keyless: Keyless, skopeo: Skopeo, keyless_gate: Server, repository: str, image: Image
) -> None:
    name = f"{keyless_gate.host}/{repository.replace('apps/', 'proof/')}"
    assert not skopeo.push(image, f"{name}:{TAG}").ok
    assert keyless.sign(way, f"{name}@{image.digest}").ok
    refused = skopeo.push(image, f"{name}:{TAG}")
    assert not refused.ok
    assert "inclusion proof" in refused.output, refused.output


@pytest.mark.parametrize("way", PARAMETERS)
def test_another_sigstore_does_not_count(
    way: Way,
    keyless: Keyless,
    skopeo: Skopeo,
    public_gate: Server,
    registry: Server,
    repository: str,
    image: Image,
) -> None:
    name = place(repository, way)
    assert skopeo.push(image, f"{registry.host}/{name}:{TAG}").ok
    assert keyless.sign(way, f"{registry.host}/{name}@{image.digest}").ok
    refused = skopeo.pull(f"{public_gate.host}/{name}:{TAG}")
    assert not refused.ok
    assert "denied by policy" in refused.output, refused.output
