"""What an artifact is: every kind that it claims to be, whatever else it claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.oci import media_types as mt
from sealgate.oci.artifact import IMAGE, TYPE_NAMES, kinds_of
from sealgate.oci.artifact import is_image as is_an_image
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, ImageManifest, Index

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ROOTFS = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
SPDX = "application/spdx+json"


def descriptor(media_type: str) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(media_type.encode()), size=1)


def artifact(config: str, *layers: str, artifact_type: str = "") -> ImageManifest:
    return ImageManifest(
        media_type=mt.OCI_MANIFEST,
        config=descriptor(config),
        layers=tuple(descriptor(layer) for layer in layers),
        artifact_type=artifact_type,
    )


def names(manifest: ImageManifest | Index) -> set[frozenset[str]]:
    return {kind.names for kind in kinds_of(manifest)}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (artifact(mt.OCI_IMAGE_CONFIG, GZIP), [{"docker", "oci", mt.OCI_IMAGE_CONFIG, GZIP}]),
        (artifact(mt.DOCKER_IMAGE_CONFIG, ROOTFS), [{"docker", "oci", mt.DOCKER_IMAGE_CONFIG, ROOTFS}]),
        (artifact(mt.OCI_IMAGE_CONFIG), [{"docker", "oci", mt.OCI_IMAGE_CONFIG}]),
        (artifact(mt.HELM_CONFIG, HELM_CHART), [{"helm", mt.HELM_CONFIG}]),
        (artifact(mt.WASM_CONFIG, "application/wasm"), [{"wasm", mt.WASM_CONFIG}]),
        (artifact(mt.EMPTY, mt.RPM_LAYER), [{"rpm", mt.RPM_LAYER}]),
        (artifact(mt.EMPTY, mt.DEB_LAYER, mt.DEB_LAYER), [{"deb", mt.DEB_LAYER}]),
        (artifact(mt.EMPTY, mt.APK_LAYER), [{"apk", mt.APK_LAYER}]),
        (artifact(mt.EMPTY, "text/plain", artifact_type="rpm"), [{"rpm", mt.RPM_LAYER}]),
        (artifact(mt.EMPTY, "text/plain", artifact_type=mt.DEB_LAYER), [{"deb", mt.DEB_LAYER}]),
        (artifact(mt.EMPTY, SPDX, artifact_type=SPDX), [{SPDX}]),
        (artifact("application/vnd.example.config", "x/y"), [{"application/vnd.example.config"}]),
        (artifact(mt.EMPTY, "x/y", "x/z"), [{"x/y"}, {"x/z"}]),
        (artifact(mt.EMPTY), [{mt.EMPTY}]),
        (artifact(mt.EMPTY, mt.EMPTY, artifact_type=mt.EMPTY), [{mt.EMPTY}]),
    ],
)
def test_what_each_is(manifest: ImageManifest, expected: list[set[str]]) -> None:
    assert names(manifest) == {frozenset(one) for one in expected}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        # An image that says it is something else is an image too, and nothing that it may not be at once.
        (
            artifact(mt.OCI_IMAGE_CONFIG, GZIP, artifact_type=SPDX),
            [{"docker", "oci", mt.OCI_IMAGE_CONFIG, GZIP}, {SPDX}],
        ),
        (
            artifact(mt.OCI_IMAGE_CONFIG, mt.RPM_LAYER, artifact_type="rpm"),
            [{"docker", "oci", mt.OCI_IMAGE_CONFIG}, {"rpm", mt.RPM_LAYER}],
        ),
        (artifact(mt.HELM_CONFIG, HELM_CHART, GZIP), [{"docker", "oci", mt.HELM_CONFIG, GZIP}]),
        (artifact(mt.EMPTY, mt.RPM_LAYER, FOREIGN), [{"docker", "oci", mt.EMPTY, FOREIGN}]),
        (artifact(mt.EMPTY, GZIP, artifact_type="rpm"), [{"docker", "oci", mt.EMPTY, GZIP}, {"rpm"}]),
        (artifact(mt.EMPTY, mt.RPM_LAYER, mt.DEB_LAYER), [{mt.RPM_LAYER}, {mt.DEB_LAYER}]),
        (
            artifact(mt.HELM_CONFIG, mt.RPM_LAYER, artifact_type="deb"),
            [{"helm", mt.HELM_CONFIG}, {"rpm", mt.RPM_LAYER}, {"deb", mt.DEB_LAYER}],
        ),
    ],
)
def test_several_claims_are_several_kinds(manifest: ImageManifest, expected: list[set[str]]) -> None:
    assert names(manifest) == {frozenset(one) for one in expected}


@pytest.mark.parametrize("media_type", [mt.OCI_INDEX, mt.DOCKER_INDEX])
def test_an_index_is_an_image_of_either_family_and_what_it_says(media_type: str) -> None:
    plain = Index(media_type=media_type, manifests=())
    assert names(plain) == {IMAGE | mt.INDEXES}
    assert names(Index(media_type=media_type, manifests=(), artifact_type=SPDX)) == {
        IMAGE | mt.INDEXES,
        frozenset({SPDX}),
    }


@pytest.mark.parametrize(
    "layer",
    [
        GZIP,
        ROOTFS,
        FOREIGN,
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.tar+whatever-comes-next",
        "application/vnd.docker.image.rootfs.diff.tar",
    ],
)
@pytest.mark.parametrize("config", [mt.EMPTY, mt.HELM_CONFIG, mt.WASM_CONFIG, SPDX])
@pytest.mark.parametrize("artifact_type", ["", "rpm", SPDX])
def test_whatever_has_an_image_layer_is_an_image(layer: str, config: str, artifact_type: str) -> None:
    assert is_an_image(kinds_of(artifact(config, SPDX, layer, artifact_type=artifact_type)))


@pytest.mark.parametrize("layer", [HELM_CHART, SPDX, mt.RPM_LAYER, "application/vnd.oci.image.config.v1+json", "x"])
def test_other_layers_make_no_image(layer: str) -> None:
    assert not is_an_image(kinds_of(artifact(mt.EMPTY, layer)))


media_types = st.sampled_from(
    [mt.OCI_IMAGE_CONFIG, mt.EMPTY, mt.HELM_CONFIG, mt.WASM_CONFIG, GZIP, ROOTFS, mt.RPM_LAYER, mt.DEB_LAYER, SPDX]
)


@given(media_types, st.lists(media_types, max_size=4), media_types | st.sampled_from(["", *sorted(TYPE_NAMES)]))
def test_there_is_always_a_kind_and_the_order_of_layers_does_not_matter(
    config: str, layers: list[str], artifact_type: str
) -> None:
    kinds = kinds_of(artifact(config, *layers, artifact_type=artifact_type))
    assert kinds
    assert all(kind.names for kind in kinds)
    assert kinds == kinds_of(artifact(config, *reversed(layers), artifact_type=artifact_type))
    claimed = frozenset().union(*(kind.names for kind in kinds))
    assert {config, artifact_type} - {"", mt.EMPTY} <= claimed  # no claim is lost, so no rule for it is evaded


def test_b6_a_claim_of_an_image_that_other_claims_stand_beside_stays_one() -> None:
    assert is_an_image(kinds_of(artifact(mt.OCI_IMAGE_CONFIG, SPDX, artifact_type="deb")))
