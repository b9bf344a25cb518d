"""Media types, by family. Source: image-spec media-types.md, Docker's manifest schema 2, cosign's specifications."""

from typing import Final

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"

IMAGE_MANIFESTS: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFESTS: Final = (OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST)

OCI_IMAGE_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
DOCKER_IMAGE_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
IMAGE_CONFIGS: Final = frozenset({OCI_IMAGE_CONFIG, DOCKER_IMAGE_CONFIG})
EMPTY: Final = "application/vnd.oci.empty.v1+json"

HELM_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
WASM_CONFIG: Final = "application/vnd.wasm.config.v0+json"
RPM_LAYER: Final = "application/x-rpm"
DEB_LAYER: Final = "application/vnd.debian.binary-package"
APK_LAYER: Final = "application/vnd.alpine.package"  # nobody registered one; our documented choice

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE_ENVELOPE: Final = "application/vnd.dsse.envelope.v1+json"
IN_TOTO: Final = "application/vnd.in-toto+json"
COSIGN_SIGNATURE_ARTIFACT: Final = (
    "application/vnd.dev.cosign.artifact.sig.v1+json"  # cosign's experimental OCI 1.1 mode
)
BUNDLE_V03: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLES: Final = frozenset(
    {
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        BUNDLE_V03,
    }
)
NOTATION_SIGNATURE: Final = "application/vnd.cncf.notary.signature"


def is_image_layer(media_type: str) -> bool:
    """Whether a client would unpack a layer of this type into a root file system.

    Any `tar` below the two image vendors' trees counts, so that a new compression, an encrypted or a
    non-distributable layer is an image layer too.
    """
    return media_type.startswith(("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."))
