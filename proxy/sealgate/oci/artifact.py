"""What an artifact is: every kind that any of its media types claims (design section 3).

The pusher chooses those fields, so they must not choose the rule: an artifact that claims two kinds is of both, and
the rules for both apply.
"""

from dataclasses import dataclass
from typing import Final

from sealgate.oci import media_types as mt
from sealgate.oci.manifest import ImageManifest, Index, Manifest

IMAGE: Final = frozenset({"docker", "oci"})
PACKAGES: Final = {"rpm": mt.RPM_LAYER, "deb": mt.DEB_LAYER, "apk": mt.APK_LAYER}
TYPE_NAMES: Final = frozenset({*IMAGE, "helm", "wasm", *PACKAGES})


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that an artifact claims to be.

    Args:
        names: by which of the policy's `artifact_types` it may be called: short names and exact media types.
    """

    names: frozenset[str]


def kinds_of(manifest: Manifest) -> tuple[Kind, ...]:
    """Every kind this artifact claims to be; never empty, in a stable order."""
    claims = _index_claims(manifest) if isinstance(manifest, Index) else _claims(manifest)
    return tuple(Kind(names) for names in sorted(set(claims), key=sorted))


def is_image(kinds: tuple[Kind, ...]) -> bool:
    """Whether one of the kinds is an image, which no `allow_unsigned` rule may let pass."""
    return any(IMAGE & kind.names for kind in kinds)


def _index_claims(index: Index) -> list[frozenset[str]]:
    # Of both families: which it is need not be in its bytes, and a rule or a kept decision must not hang on a header.
    own = [frozenset({index.artifact_type})] if index.artifact_type else []
    return [IMAGE | mt.INDEXES, *own]


def _claims(manifest: ImageManifest) -> list[frozenset[str]]:
    config, artifact = manifest.config.media_type, manifest.artifact_type
    layers = frozenset(layer.media_type for layer in manifest.layers)
    image_layer = any(mt.is_image_layer(layer) for layer in layers)
    claims: list[frozenset[str]] = []
    if config in mt.IMAGE_CONFIGS or image_layer:
        claims.append(IMAGE | {config} | {layer for layer in layers if mt.is_image_layer(layer)})
    if not image_layer:
        for name, wanted in (("helm", mt.HELM_CONFIG), ("wasm", mt.WASM_CONFIG)):
            if config == wanted:
                claims.append(frozenset({name, wanted}))
        for name, wanted in PACKAGES.items():
            if layers == {wanted} or artifact in (name, wanted):
                claims.append(frozenset({name, wanted}))
    known = frozenset().union(*claims)
    claims.extend(frozenset({claim}) for claim in (artifact, config) if claim and claim not in known | {mt.EMPTY})
    if not claims:  # an empty config and no artifactType: all that is left to call it by is its layers
        claims.extend(frozenset({layer}) for layer in layers or {config})
    return claims
