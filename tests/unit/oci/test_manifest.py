"""Manifests and indexes: one shape, one reading, or none."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import ManifestMalformed, TooLarge
from sealgate.limits import MANIFEST_BYTES, MANIFEST_DESCRIPTORS
from sealgate.oci import media_types as mt
from sealgate.oci.digest import Digest
from sealgate.oci.manifest import Descriptor, ImageManifest, Index, parse_manifest

CONFIG, LAYER, CHILD, SUBJECT = (Digest.of(name) for name in (b"config", b"layer", b"child", b"subject"))
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def descriptor(digest: Digest = LAYER, media_type: str = GZIP, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest), "size": 5, **more}


def image(**more: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": mt.OCI_MANIFEST,
        "config": descriptor(CONFIG, mt.OCI_IMAGE_CONFIG),
        "layers": [descriptor()],
        **more,
    }


def index(**more: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": mt.OCI_INDEX,
        "manifests": [descriptor(CHILD, mt.OCI_MANIFEST)],
        **more,
    }


def parse(document: Any, content_type: str = mt.OCI_MANIFEST) -> ImageManifest | Index:
    return parse_manifest(json.dumps(document).encode(), content_type)


def refused(document: Any, content_type: str = mt.OCI_MANIFEST) -> str:
    with pytest.raises(ManifestMalformed) as bad:
        parse(document, content_type)
    return str(bad.value)


class TestWhatIsRead:
    """Everything a manifest says that the gate looks at."""

    def test_an_image(self) -> None:
        layer = descriptor(annotations={"a": "b"}, artifactType="x/y", unknown=[1])
        read = parse(
            image(
                layers=[layer, descriptor(CHILD)],
                artifactType="application/vnd.example",
                subject=descriptor(SUBJECT, mt.OCI_MANIFEST),
                annotations={"org.example": "yes"},
                unknown={"more": True},
            )
        )
        assert read == ImageManifest(
            media_type=mt.OCI_MANIFEST,
            config=Descriptor(media_type=mt.OCI_IMAGE_CONFIG, digest=CONFIG, size=5),
            layers=(
                Descriptor(media_type=GZIP, digest=LAYER, size=5, artifact_type="x/y", annotations={"a": "b"}),
                Descriptor(media_type=GZIP, digest=CHILD, size=5),
            ),
            artifact_type="application/vnd.example",
            subject=Descriptor(media_type=mt.OCI_MANIFEST, digest=SUBJECT, size=5),
            annotations={"org.example": "yes"},
        )
        assert read.blobs == {CONFIG, LAYER, CHILD}

    def test_an_index(self) -> None:
        platform = {"os": "linux", "architecture": "arm64", "variant": "v8", "os.version": "1", "features": []}
        children = [descriptor(CHILD, mt.OCI_MANIFEST, platform=platform)]
        read = parse(index(manifests=children, artifactType="x/y", subject=descriptor(SUBJECT)), mt.OCI_INDEX)
        assert isinstance(read, Index)
        assert read.manifests[0].platform == "linux/arm64/v8"
        assert (read.artifact_type, read.subject and read.subject.digest) == ("x/y", SUBJECT)

    @pytest.mark.parametrize(
        ("document", "content_type"),
        [
            (image(), mt.OCI_MANIFEST),
            (image(mediaType=mt.DOCKER_MANIFEST), mt.DOCKER_MANIFEST),
            (index(), mt.OCI_INDEX),
            (index(mediaType=mt.DOCKER_INDEX), mt.DOCKER_INDEX),
        ],
    )
    def test_the_four_kinds(self, document: dict[str, Any], content_type: str) -> None:
        assert parse(document, content_type).media_type == content_type

    def test_without_a_media_type_of_its_own_it_is_what_its_content_type_says(self) -> None:
        document = image()
        del document["mediaType"]
        assert parse(document).media_type == mt.OCI_MANIFEST
        assert parse(document, f" {mt.DOCKER_MANIFEST} ; charset=utf-8").media_type == mt.DOCKER_MANIFEST

    @pytest.mark.parametrize("field", ["subject", "annotations"])
    def test_null_is_none(self, field: str) -> None:
        assert parse(image(**{field: None})) == parse(image())

    @pytest.mark.parametrize("more", [{"annotations": None}, {"platform": None}, {"urls": None}, {"urls": []}])
    def test_null_in_a_descriptor_is_none(self, more: dict[str, Any]) -> None:
        assert parse(image(layers=[descriptor(**more)])) == parse(image())

    def test_nothing_in_it_can_be_changed(self) -> None:
        read = parse(image(annotations={"a": "b"}))
        with pytest.raises(TypeError):
            read.annotations["a"] = "c"  # type: ignore[index]

    def test_no_layers_and_no_manifests_are_none(self) -> None:
        empty_image, empty_index = parse(image(layers=[])), parse(index(manifests=[]), mt.OCI_INDEX)
        assert isinstance(empty_image, ImageManifest)
        assert isinstance(empty_index, Index)
        assert (empty_image.layers, empty_index.manifests) == ((), ())


class TestB6OneShape:
    """A document that one reader takes for an image and another for an index is neither."""

    @pytest.mark.parametrize("content_type", [mt.OCI_MANIFEST, mt.DOCKER_MANIFEST])
    @pytest.mark.parametrize("more", [{"manifests": []}, {"manifests": None}, {"manifests": index()["manifests"]}])
    def test_b6_an_image_with_manifests(self, content_type: str, more: dict[str, Any]) -> None:
        assert "has manifests" in refused(image(mediaType=content_type, **more), content_type)

    @pytest.mark.parametrize("content_type", [mt.OCI_INDEX, mt.DOCKER_INDEX])
    @pytest.mark.parametrize(
        "more", [{"layers": []}, {"layers": None}, {"config": None}, {"config": descriptor(CONFIG)}]
    )
    def test_b6_an_index_with_layers_or_config(self, content_type: str, more: dict[str, Any]) -> None:
        assert "has config or layers" in refused(index(mediaType=content_type, **more), content_type)

    @pytest.mark.parametrize("stated", [mt.OCI_MANIFEST, mt.DOCKER_MANIFEST, mt.OCI_INDEX, mt.DOCKER_INDEX, "x/y"])
    @pytest.mark.parametrize("sent", [mt.OCI_MANIFEST, mt.DOCKER_MANIFEST, mt.OCI_INDEX, mt.DOCKER_INDEX, "x/y", ""])
    @pytest.mark.parametrize("document", [image(), index()], ids=["image", "index"])
    def test_b6_the_media_type_contradicts_the_content_type_or_the_shape(
        self, document: dict[str, Any], stated: str, sent: str
    ) -> None:
        shape = mt.IMAGE_MANIFESTS if "layers" in document else mt.INDEXES
        if stated == sent and sent in shape:
            assert parse({**document, "mediaType": stated}, sent).media_type == sent
        else:
            refused({**document, "mediaType": stated}, sent)

    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "application/json",
            "application/vnd.docker.distribution.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            mt.OCI_MANIFEST.upper(),
            f"{mt.OCI_MANIFEST}, {mt.OCI_INDEX}",
            f"text/plain;{mt.OCI_MANIFEST}",
            mt.OCI_IMAGE_CONFIG,
        ],
    )
    def test_b6_the_content_type_is_not_one_of_a_manifest(self, content_type: str) -> None:
        document = image()
        del document["mediaType"]
        assert "is not one of a manifest" in refused(document, content_type)

    @pytest.mark.parametrize("field", ["blobs", "fsLayers", "history", "signatures"])
    @pytest.mark.parametrize("value", [None, [], [{}]])
    def test_b6_a_field_of_schema_1_or_of_the_artifact_manifest(self, field: str, value: Any) -> None:
        assert f"has {field}" in refused(image(**{field: value}))

    @pytest.mark.parametrize("version", [None, 1, 3, "2", True, 2.0, [2]])
    def test_b6_another_schema_version(self, version: Any) -> None:
        assert refused(image(schemaVersion=version)) == "schemaVersion is not 2"

    def test_b6_no_schema_version(self) -> None:
        document = image()
        del document["schemaVersion"]
        assert refused(document) == "schemaVersion is not 2"

    @pytest.mark.parametrize("field", ["config", "layers"])
    def test_b6_half_an_image(self, field: str) -> None:
        document = image()
        del document[field]
        refused(document)

    def test_b6_an_index_without_manifests(self) -> None:
        assert refused({"schemaVersion": 2}, mt.OCI_INDEX) == "manifests is not a list"


class TestB7Keys:
    """Keys that one reader sees and another does not."""

    @pytest.mark.parametrize(
        "raw",
        [
            b'{"schemaVersion":2,"config":{},"layers":[],"layers":[{}],"Layers":[]}',
            b'{"schemaVersion":2,"config":{},"layers":[],"Layers":[]}',
            b'{"schemaVersion":2,"config":{},"Config":{},"layers":[]}',
            b'{"schemaVersion":2,"mediaType":"a","mediatype":"b","config":{},"layers":[]}',
            b'{"schemaVersion":2,"subject":{},"Subject":{},"config":{},"layers":[]}',
            b'{"schemaVersion":2,"config":{"digest":"a","digest":"b"},"layers":[]}',
            b'{"schemaVersion":2,"config":{},"layers":[{"digest":"a","Digest":"b"}]}',
        ],
    )
    def test_b7_a_key_twice(self, raw: bytes) -> None:
        with pytest.raises(ManifestMalformed, match="two keys that are equal"):
            parse_manifest(raw, mt.OCI_MANIFEST)

    @pytest.mark.parametrize(
        "document",
        [
            image(Manifests=[]),
            {**index(), "Layers": [], "mediaType": mt.OCI_MANIFEST},
            {**image(MediaType=mt.OCI_INDEX), "mediaType": ""},
            image(ArtifactType="x/y"),
            image(Subject=descriptor()),
            image(blobS=[]),
            image(layers=[descriptor(Urls=["https://elsewhere.example"])]),
            image(layers=[descriptor(Data="")]),
            image(layers=[descriptor(Size=1)]),
            image(layers=[descriptor(platform={"OS": "linux"})]),
            image(layers=[descriptor() | {"url\N{LATIN SMALL LETTER LONG S}": ["https://elsewhere.example"]}]),
        ],
    )
    def test_b7_a_look_alike_of_a_field(self, document: dict[str, Any]) -> None:
        assert "two keys that are equal" in (told := refused(document)) or "which some readers take for" in told

    @pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"x"', b"2", b"{", b"\xff", b"\xef\xbb\xbf{}", b"{}{}"])
    def test_1c_what_is_no_object(self, raw: bytes) -> None:
        with pytest.raises(ManifestMalformed):
            parse_manifest(raw, mt.OCI_MANIFEST)


class TestB38Urls:
    """Content from elsewhere is not admitted."""

    @pytest.mark.parametrize("urls", [["https://elsewhere.example/layer"], [""], "https://elsewhere.example", {"a": 1}])
    @pytest.mark.parametrize(
        "place",
        [
            lambda entry: (image(config=entry), mt.OCI_MANIFEST),
            lambda entry: (image(layers=[descriptor(), entry]), mt.OCI_MANIFEST),
            lambda entry: (image(subject=entry), mt.OCI_MANIFEST),
            lambda entry: (index(manifests=[entry]), mt.OCI_INDEX),
        ],
        ids=["config", "layer", "subject", "child"],
    )
    def test_b38_urls_in_any_descriptor(self, urls: Any, place: Callable[[Any], tuple[Any, str]]) -> None:
        assert "has urls" in refused(*place(descriptor(urls=urls)))


class TestB39Data:
    """Inline data is the content of its digest, or there is no manifest."""

    def test_data_that_is_the_content(self) -> None:
        parse(image(layers=[descriptor(data=base64.b64encode(b"layer").decode())]))

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (base64.b64encode(b"evil!").decode(), "not the content"),
            (base64.b64encode(b"layer and more").decode(), "not the content"),
            (base64.b64encode(b"laye").decode(), "not the content"),
            ("bGF5ZXI", "not base64"),
            ("bGF5\nZXI=", "not base64"),
            ("bGF5-_I=", "not base64"),
            ("bGF5ZXI=====", "not base64"),
            ("bGF5ZXI=\N{FULLWIDTH EQUALS SIGN}", "not base64"),
            (7, "not a string"),
            (None, "not a string"),
        ],
    )
    def test_b39_data_that_is_something_else(self, data: Any, told: str) -> None:
        assert told in refused(image(layers=[descriptor(data=data)]))

    def test_b39_data_of_another_length_than_stated(self) -> None:
        entry = descriptor(data=base64.b64encode(b"layer").decode()) | {"size": 6}
        assert "not the content" in refused(image(layers=[entry]))

    def test_b39_data_is_checked_by_the_algorithm_of_its_digest(self) -> None:
        data = base64.b64encode(b"layer").decode()
        parse(image(layers=[descriptor(Digest.of(b"layer", "sha512"), data=data)]))
        assert "not the content" in refused(image(layers=[descriptor(Digest.of(b"evil!", "sha512"), data=data)]))


class TestDescriptors:
    """What a descriptor must have."""

    @pytest.mark.parametrize("field", ["mediaType", "digest", "size"])
    @pytest.mark.parametrize("junk", [None, "", "x", -1, 2**63, 1.0, True, [], {}])
    def test_a_field_of_another_kind(self, field: str, junk: Any) -> None:
        if (field, junk) == ("mediaType", "x"):
            return
        refused(image(layers=[descriptor() | {field: junk}]))

    @pytest.mark.parametrize("field", ["mediaType", "digest", "size"])
    def test_a_field_that_is_missing(self, field: str) -> None:
        entry = descriptor()
        del entry[field]
        refused(image(layers=[entry]))

    @pytest.mark.parametrize("digest", ["sha256:" + "A" * 64, "md5:" + "a" * 32, "sha256:../../x", str(LAYER) + "\n"])
    def test_b14_a_digest_of_another_form(self, digest: str) -> None:
        assert "a digest is" in refused(image(layers=[descriptor() | {"digest": digest}]))

    @pytest.mark.parametrize("junk", [7, "x", [], {"a": 1}, {"a": None}])
    @pytest.mark.parametrize("place", ["manifest", "descriptor"])
    def test_annotations_of_another_kind(self, junk: Any, place: str) -> None:
        more = {"annotations": junk}
        assert "annotations" in refused(image(**more) if place == "manifest" else image(layers=[descriptor(**more)]))

    @pytest.mark.parametrize("junk", [7, "linux/amd64", [], {"os": 7}, {"architecture": None}, {"variant": []}])
    def test_a_platform_of_another_kind(self, junk: Any) -> None:
        assert "platform" in refused(index(manifests=[descriptor(platform=junk)]), mt.OCI_INDEX)

    @pytest.mark.parametrize("junk", [7, "x", [], None])
    def test_a_list_of_something_else(self, junk: Any) -> None:
        refused(image(layers=[junk]))
        refused(image(config=junk))
        if junk is not None:
            refused(image(subject=junk))
        if junk != []:
            refused(image(layers=junk))


class TestBounds:
    """Past a bound there is no manifest, not a part of one."""

    def test_bytes(self) -> None:
        raw = json.dumps(image()).encode()
        parse_manifest(raw.ljust(MANIFEST_BYTES), mt.OCI_MANIFEST)
        with pytest.raises(TooLarge):
            parse_manifest(raw.ljust(MANIFEST_BYTES + 1), mt.OCI_MANIFEST)

    def test_descriptors(self) -> None:
        assert len(parse(image(layers=[descriptor()] * MANIFEST_DESCRIPTORS)).layers) == MANIFEST_DESCRIPTORS  # type: ignore[union-attr]
        with pytest.raises(TooLarge):
            parse(image(layers=[descriptor()] * (MANIFEST_DESCRIPTORS + 1)))
        with pytest.raises(TooLarge):
            parse(index(manifests=[descriptor()] * (MANIFEST_DESCRIPTORS + 1)), mt.OCI_INDEX)


junk_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(sorted(image())), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.sampled_from([image, index]),
    st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "annotations", "more"]),
    junk_values,
    st.sampled_from(sorted(mt.MANIFESTS)),
)
def test_whatever_stands_in_it_it_is_read_or_refused(
    make: Callable[..., dict[str, Any]], field: str, value: Any, content_type: str
) -> None:
    with suppress(ManifestMalformed, TooLarge):
        read = parse(make(**{field: value}), content_type)
        assert isinstance(read, Index if content_type in mt.INDEXES else ImageManifest)
