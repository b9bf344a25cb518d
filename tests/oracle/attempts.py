"""Signatures on one image in every shape, and what a verifier is told to demand of them."""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from sealgate.oci.digest import Digest
from sealgate.oci.media_types import OCI_IMAGE_CONFIG, OCI_MANIFEST
from sealgate.testing.sigstore import CertifiedKey, OciObject, PrivateSigstore, SigningKey, SimpleSignature
from sealgate.testing.sigstore.dsse import COSIGN_SIGN
from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.log_entries import EntryKind
from sealgate.testing.sigstore.signing import LOG_ENTRY, SIGNATURE, TIMESTAMP, Signer

IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0"
ISSUER = "https://token.actions.githubusercontent.com"


def image(config: bytes) -> OciObject:
    descriptor = {"mediaType": OCI_IMAGE_CONFIG, "size": len(config), "digest": str(Digest.of(config))}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor, "layers": []}
    return OciObject(
        manifest=compact_json(manifest), media_type=OCI_MANIFEST, blobs={Digest.of(config): config}, tag=None
    )


IMAGE = image(b"{}")
SUBJECT = IMAGE.digest
OTHER = image(b'{"other":true}')


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A signature, and what a verifier is told to demand of it; without a key it is to be keyless.

    Args:
        bundle: the signature, where it is a bundle.
        simple: the signature, where it is cosign's older format.
        trusted_root: under which it is judged.
        key: the one key that may have signed.
        identity: the certificate's identity.
        issuer: the certificate's OIDC issuer.
        predicate_type: what an envelope must state.
        logged: whether a log entry is demanded.
        promise: whether the log's promise is enough.
    """

    bundle: JsonObject | None = None
    simple: SimpleSignature | None = None
    trusted_root: JsonObject
    key: SigningKey | None = None
    identity: str = IDENTITY
    issuer: str = ISSUER
    predicate_type: str = COSIGN_SIGN
    logged: bool = True
    promise: bool = False

    @property
    def document(self) -> JsonObject:
        assert self.bundle is not None
        return self.bundle

    @property
    def material(self) -> JsonObject:
        material: JsonObject = self.document["verificationMaterial"]
        return material

    @property
    def entry(self) -> JsonObject:
        """The bundle's first log entry, to be edited."""
        entry: JsonObject = self.material["tlogEntries"][0]
        return entry

    @property
    def timestamps(self) -> list[JsonObject]:
        """The bundle's timestamps, to be edited."""
        timestamps: list[JsonObject] = self.material["timestampVerificationData"]["rfc3161Timestamps"]
        return timestamps

    @property
    def timestamped(self) -> bool:
        """Whether there is a timestamp in it: a verifier is then told to look at it."""
        if self.simple is not None:
            return TIMESTAMP in self.simple.annotations
        return "timestampVerificationData" in self.material

    @property
    def signature(self) -> bytes:
        if self.simple is not None:
            return base64.b64decode(self.simple.annotations[SIGNATURE])
        if "dsseEnvelope" in self.document:
            return base64.b64decode(self.document["dsseEnvelope"]["signatures"][0]["sig"])
        return base64.b64decode(self.document["messageSignature"]["signature"])

    def under(self, world: PrivateSigstore) -> "Attempt":
        """The same, judged under the trusted root of this Sigstore."""
        return replace(self, trusted_root=world.trusted_root())

    def with_entries_of(self, another: "Attempt") -> "Attempt":
        """The same with another signature's log entry stapled to it (attacks A1)."""
        if self.simple is None or another.simple is None:
            self.material["tlogEntries"] = another.material["tlogEntries"]
            return self
        annotations = {**self.simple.annotations, LOG_ENTRY: another.simple.annotations[LOG_ENTRY]}
        return replace(self, simple=replace(self.simple, annotations=annotations))

    def with_body(self, edit: Callable[[JsonObject], None]) -> "Attempt":
        """The same with an edited log body, which no log signed."""
        if self.simple is None:
            body = json.loads(base64.b64decode(self.entry["canonicalizedBody"]))
            edit(body)
            self.entry["canonicalizedBody"] = b64(compact_json(body))
            return self
        entry = json.loads(self.simple.annotations[LOG_ENTRY])
        body = json.loads(base64.b64decode(entry["Payload"]["body"]))
        edit(body)
        entry["Payload"]["body"] = b64(compact_json(body))
        annotations = {**self.simple.annotations, LOG_ENTRY: compact_json(entry).decode()}
        return replace(self, simple=replace(self.simple, annotations=annotations))


Form: TypeAlias = Literal["envelope", "message", "simple"]


@dataclass(frozen=True)
class Sign:
    """Signs in one shape: a form, keyless or with a key."""

    form: Form
    keyless: bool

    def __str__(self) -> str:
        return f"{self.form}-{'keyless' if self.keyless else 'key'}"

    def __call__(
        self,
        world: PrivateSigstore,
        *,
        subject: OciObject = IMAGE,
        signer: Signer | None = None,
        at: datetime | None = None,
        logged: bool = True,
        timestamped: bool = False,
        entry_kind: EntryKind | None = None,
    ) -> Attempt:
        """A good signature, unless an option makes it a bad one, under this world's own root."""
        signer = signer or (workflow(world) if self.keyless else SigningKey.generate())
        key = None if isinstance(signer, CertifiedKey) else signer.key
        if self.form == "simple":
            simple = world.simple_signature(
                subject.digest, signer, at=at, logged=logged, timestamped=timestamped, entry_kind=entry_kind
            )
            return Attempt(simple=simple, trusted_root=world.trusted_root(), key=key, logged=logged, promise=True)
        if self.form == "message":
            bundle = world.message_bundle(
                subject.manifest, signer, at=at, logged=logged, timestamped=timestamped, entry_kind=entry_kind
            )
        else:
            bundle = world.bundle(
                subject.digest, signer, at=at, logged=logged, timestamped=timestamped, entry_kind=entry_kind
            )
        return Attempt(bundle=bundle, trusted_root=world.trusted_root(), key=key, logged=logged)


def workflow(world: PrivateSigstore, identity: str = IDENTITY, key: SigningKey | None = None) -> CertifiedKey:
    """The keyless signer that is looked for."""
    claims = {"source_repository_uri": "https://github.com/acme/app", "github_workflow_trigger": "push"}
    return world.keyless(identity=identity, issuer=ISSUER, claims=claims, key=key)


def another(world: PrivateSigstore) -> PrivateSigstore:
    """A Sigstore that the first one's root knows nothing of."""
    return PrivateSigstore(now=world.now)


def flipped(encoded: str) -> str:
    """The same base64 text with the last bit of what it encodes flipped."""
    raw = base64.b64decode(encoded)
    return b64(raw[:-1] + bytes([raw[-1] ^ 1]))


EVERY = tuple(Sign(form, keyless) for form in ("envelope", "message", "simple") for keyless in (True, False))
KEYLESS = tuple(shape for shape in EVERY if shape.keyless)
KEYED = tuple(shape for shape in EVERY if not shape.keyless)
BUNDLES = tuple(shape for shape in EVERY if shape.form != "simple")
KEYLESS_BUNDLES = tuple(shape for shape in BUNDLES if shape.keyless)
ENVELOPES = tuple(shape for shape in EVERY if shape.form == "envelope")
MESSAGES = tuple(shape for shape in EVERY if shape.form == "message")
SIMPLE = tuple(shape for shape in EVERY if shape.form == "simple")

Build: TypeAlias = Callable[[PrivateSigstore, Sign], Attempt]


@dataclass(frozen=True)
class Case:
    """A signature in one shape, and what our verifier says of it."""

    name: str
    shape: Sign
    accepted: bool
    build: Build

    def __str__(self) -> str:
        return f"{self.name}[{self.shape}]"

    def attempt(self, world: PrivateSigstore) -> Attempt:
        return self.build(world, self.shape)


CASES: list[Case] = []


def good(*shapes: Sign) -> Callable[[Build], Build]:
    """What is to be accepted, in these shapes."""
    return _case(shapes, accepted=True)


def bad(*shapes: Sign) -> Callable[[Build], Build]:
    """What is to be refused, in these shapes."""
    return _case(shapes, accepted=False)


def _case(shapes: Iterable[Sign], *, accepted: bool) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        CASES.extend(Case(build.__name__, shape, accepted, build) for shape in shapes)
        return build

    return register
