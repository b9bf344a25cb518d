"""What there is to pull: who signed it, the policies that trust them, and the images in the registry."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from servers import Server
from wire import Client, connected

from sealgate.adapters.clock import SystemClock
from sealgate.oci import media_types as mt
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor
from sealgate.testing import images
from sealgate.testing.sigstore import (
    PrivateSigstore,
    SigningKey,
    bundle_object,
    fallback_index,
    simple_signing_object,
)

TAG = "1.0.0"
SMALL, LARGE, LAYERS, KEYED, KEYLESS = "key/small", "key/large", "key/layers", "key/cold", "keyless/cold"
CROWDED, CROWDED_LAST, ATTESTED = "key/crowded", "key/crowded-last", "attested/app"
"""The repositories: a small image, one with a 512 MiB layer, one with `LAYER_COUNT` of 100 MiB, the cold ones, those
beside which a thousand signatures lie, the good one first or last, and those with `ATTESTATIONS` attestations."""

MIB = 1024 * 1024
LARGE_BYTES = 512 * MIB
LAYER_BYTES = 100 * MIB
LAYER_COUNT = 4
CROWD, CROWDED_IMAGES = 1000, 5
ATTESTATIONS, ATTESTED_IMAGES = 10, 12
ATTESTED_TYPE = "https://bench.example/scan/v1"
COLD_IMAGES = 40
"""Of each kind: each is asked for once, so there are as many samples."""

IDENTITY = "release@bench.example"
ISSUER = "https://accounts.bench.example"

_POLICIES = {
    "by-key.yaml": """\
name: by-key
repositories: ["key/**"]
rules:
  - name: release-key
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
""",
    "keyless.yaml": f"""\
name: keyless
repositories: ["keyless/**"]
rules:
  - name: release-identity
    signature_type: cosign
    key_requirements:
      - {{type: keyless, certificate_identity: "{IDENTITY}", certificate_oidc_issuer: "{ISSUER}"}}
""",
    "attested.yaml": f"""\
name: attested
repositories: ["attested/**"]
rules:
  - name: scanned
    signature_type: attestation
    predicate_type: {ATTESTED_TYPE}
    key_requirements: [{{type: key, public_key: release.pub}}]
    rekor: {{required: false}}
    condition: predicate.findings == 0
""",
}
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is in the registry, and what the gate is started with.

    Args:
        policies: the folder of policies; the public key lies beside them.
        trusted_root: the private Sigstore's.
        small: the digest of the small image.
        large: the 512 MiB layer.
        large_digest: its digest.
        layers: the 100 MiB layers.
    """

    policies: Path
    trusted_root: Path
    small: Digest
    large: bytes
    large_digest: Digest
    layers: Sequence[Digest]

    @property
    def public_key(self) -> Path:
        """The key that signed what is signed with a key."""
        return self.policies / "release.pub"


def prepare(home: Path, registry: Server) -> World:
    """Sign and push everything, straight to the registry; the gate meets it for the first time later."""
    key, sigstore = SigningKey.generate("ecdsa-p256"), PrivateSigstore(now=SystemClock().now())
    policies, trusted_root = home / "policies", home / "trusted-root.json"
    policies.mkdir()
    for name, text in _POLICIES.items():
        (policies / name).write_text(text)
    (policies / "release.pub").write_bytes(key.public_pem)
    trusted_root.write_bytes(sigstore.trusted_root_json())

    small, (large,), layers = images.oci_image(), _blobs(1, LARGE_BYTES), _blobs(LAYER_COUNT, LAYER_BYTES)
    with connected(registry) as client:
        for repository, image in ((SMALL, small), (LARGE, _image([large])), (LAYERS, _image(layers))):
            _push_signed(client, repository, TAG, image, sigstore, key)
        for number in range(COLD_IMAGES):
            _push_signed(client, KEYED, str(number), images.oci_image(seed=1000 + number), sigstore, key)
            _push_keyless(client, KEYLESS, str(number), images.oci_image(seed=2000 + number), sigstore)
        for number in range(CROWDED_IMAGES):
            for repository, place in ((CROWDED, 0), (CROWDED_LAST, CROWD - 1)):
                image = images.oci_image(seed=3000 + 2 * number + (place > 0))
                _push_crowded(client, repository, str(number), image, sigstore, key, place)
        for number in range(ATTESTED_IMAGES):
            _push_attested(client, ATTESTED, str(number), images.oci_image(seed=4000 + number), sigstore, key)
    return World(
        policies=policies,
        trusted_root=trusted_root,
        small=small.digest,
        large=large,
        large_digest=Digest.of(large),
        layers=[Digest.of(layer) for layer in layers],
    )


def _push_signed(
    client: Client, repository: str, tag: str, image: images.Artifact, sigstore: PrivateSigstore, key: SigningKey
) -> None:
    """With a key, as cosign 2 does: at the tag `sha256-….sig`."""
    client.push_image(repository, tag, image)
    signature = sigstore.simple_signature(image.digest, key, logged=False)
    client.push_carrier(repository, simple_signing_object(image.digest, [signature]))


def _push_crowded(
    client: Client,
    repository: str,
    tag: str,
    image: images.Artifact,
    sigstore: PrivateSigstore,
    key: SigningKey,
    at: int,
) -> None:
    """With a thousand signatures, of which one is by the key that counts; each has a payload of its own."""
    client.push_image(repository, tag, image)
    stranger = SigningKey.generate("ecdsa-p256")
    signatures = [
        sigstore.simple_signature(
            image.digest, key if place == at else stranger, docker_reference=f"bench.example/{place}", logged=False
        )
        for place in range(CROWD)
    ]
    client.push_carrier(repository, simple_signing_object(image.digest, signatures))


def _push_keyless(client: Client, repository: str, tag: str, image: images.Artifact, sigstore: PrivateSigstore) -> None:
    """Keyless, as cosign 3 does where there is no referrers API: a bundle, and the index at the fallback tag."""
    client.push_image(repository, tag, image)
    subject = Descriptor(media_type=image.media_type, digest=image.digest, size=len(image.raw))
    signer = sigstore.keyless(identity=IDENTITY, issuer=ISSUER)
    carrier = bundle_object(sigstore.bundle(image.digest, signer), subject)
    client.push_carrier(repository, carrier)
    client.push_carrier(repository, fallback_index(image.digest, [carrier]))


def _push_attested(
    client: Client, repository: str, tag: str, image: images.Artifact, sigstore: PrivateSigstore, key: SigningKey
) -> None:
    """With attestations of one type, as cosign 3 writes them; the last one has nothing found."""
    client.push_image(repository, tag, image)
    subject = Descriptor(media_type=image.media_type, digest=image.digest, size=len(image.raw))
    carriers = []
    for left in reversed(range(ATTESTATIONS)):
        said = {"findings": left, "packages": [{"name": f"package-{n}"} for n in range(100)]}
        bundle = sigstore.bundle(image.digest, key, predicate_type=ATTESTED_TYPE, predicate=said, logged=False)
        carriers.append(bundle_object(bundle, subject))
        client.push_carrier(repository, carriers[-1])
    client.push_carrier(repository, fallback_index(image.digest, carriers))


def _image(layers: Sequence[bytes]) -> images.Artifact:
    """An image whose layers are not worth unpacking."""
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}
    return images.artifact(
        [(_LAYER, layer) for layer in layers], config=(mt.OCI_IMAGE_CONFIG, json.dumps(config).encode())
    )


def _blobs(count: int, size: int) -> list[bytes]:
    """Blobs that nothing on the way could compress, each another one; made quickly."""
    return [os.urandom(MIB) * (size // MIB) for _ in range(count)]
