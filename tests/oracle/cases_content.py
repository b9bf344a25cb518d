"""What is signed, by whom, and in which version of the format."""

import base64
from dataclasses import replace

from attempts import (
    BUNDLES,
    ENVELOPES,
    EVERY,
    IDENTITY,
    IMAGE,
    KEYED,
    KEYLESS,
    KEYLESS_BUNDLES,
    MESSAGES,
    OTHER,
    SIMPLE,
    SUBJECT,
    Attempt,
    Sign,
    another,
    bad,
    flipped,
    good,
    workflow,
)

from sealgate.testing.sigstore import PrivateSigstore, SigningKey, TransparencyLog, as_version, without_defaults
from sealgate.testing.sigstore.dsse import statement
from sealgate.testing.sigstore.encoding import b64, compact_json
from sealgate.testing.sigstore.keys import Algorithm
from sealgate.testing.sigstore.signing import SIGNATURE, BundleVersion, simple_signing_payload

ALGORITHMS: tuple[Algorithm, ...] = (
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-p521",
    "ed25519",
    "rsa-2048",
    "rsa-4096",
    "rsa-pss-2048",
)

# --- good -------------------------------------------------------------------------------------------------------------


@good(*EVERY)
def plain(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world)


@good(*KEYED)
def not_logged(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, logged=False)


@good(*KEYLESS)
def of_a_person(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, signer=workflow(world, "dev@example.com"))
    return replace(made, identity="dev@example.com")


@good(*ENVELOPES)
def attestation(world: PrivateSigstore, sign: Sign) -> Attempt:
    provenance = "https://slsa.dev/provenance/v1"
    made = sign(world)
    signer = made.key or workflow(world)
    bundle = world.bundle(SUBJECT, signer, predicate_type=provenance, predicate={"buildDefinition": {}})
    return replace(made, bundle=bundle, predicate_type=provenance)


for _version in ("0.1", "0.2", "0.3+json"):

    def _of_version(world: PrivateSigstore, sign: Sign, version: BundleVersion = _version) -> Attempt:
        made = sign(world)
        return replace(made, bundle=as_version(made.document, version))

    _of_version.__name__ = f"bundle_of_version_{_version}"
    good(*BUNDLES)(_of_version)


@good(*KEYLESS_BUNDLES)
def certificate_in_a_chain(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    return replace(made, bundle=as_version(made.document, "0.3", chain=world.authority.chain[:1]))


@good(*BUNDLES)
def defaults_left_out(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world.with_parts(log=TransparencyLog(fresh=True)))
    return replace(made, bundle=without_defaults(made.document))


for _algorithm in ALGORITHMS:

    def _by_key(world: PrivateSigstore, sign: Sign, algorithm: Algorithm = _algorithm) -> Attempt:
        return sign(world, signer=SigningKey.generate(algorithm), logged=False)

    _by_key.__name__ = f"key_{_algorithm}"
    good(*KEYED)(_by_key)

    def _by_certificate(world: PrivateSigstore, sign: Sign, algorithm: Algorithm = _algorithm) -> Attempt:
        return sign(world, signer=workflow(world, key=SigningKey.generate(algorithm)))

    _by_certificate.__name__ = f"certificate_for_{_algorithm}"
    good(*KEYLESS)(_by_certificate)


def with_sha256(world: PrivateSigstore, sign: Sign, algorithm: Algorithm) -> Attempt:
    """As cosigns before 2.6 signed with every key."""
    key = SigningKey.generate(algorithm)
    made = sign(world, signer=key, logged=False)
    if sign.form == "simple":
        payload = simple_signing_payload(SUBJECT, "registry.test/app")
        return replace(made, simple=world.simple_signature_of(payload, key, hash_name="sha256", logged=False))
    if sign.form == "message":
        return replace(made, bundle=world.message_bundle(IMAGE.manifest, key, hash_name="sha256", logged=False))
    payload = compact_json(statement(SUBJECT))
    return replace(made, bundle=world.bundle_of(payload, key, hash_name="sha256", logged=False))


@good(*KEYED)
def key_p384_with_sha256(world: PrivateSigstore, sign: Sign) -> Attempt:
    return with_sha256(world, sign, "ecdsa-p384")


@good(*KEYED)
def key_p521_with_sha256(world: PrivateSigstore, sign: Sign) -> Attempt:
    return with_sha256(world, sign, "ecdsa-p521")


# --- bad: what is signed ----------------------------------------------------------------------------------------------


@bad(*EVERY)
def of_another_image(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, subject=OTHER)


@bad(*EVERY)
def signature_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    if made.simple is not None:
        annotations = {**made.simple.annotations, SIGNATURE: flipped(made.simple.annotations[SIGNATURE])}
        return replace(made, simple=replace(made.simple, annotations=annotations))
    holder = (
        made.document["dsseEnvelope"]["signatures"][0]
        if "dsseEnvelope" in made.document
        else made.document["messageSignature"]
    )
    name = "sig" if "sig" in holder else "signature"
    holder[name] = flipped(holder[name])
    return made


@bad(*ENVELOPES, *SIMPLE)
def payload_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, subject=OTHER, logged=sign.keyless)
    if made.simple is not None:
        return replace(made, simple=replace(made.simple, payload=simple_signing_payload(SUBJECT, "registry.test/app")))
    text = base64.b64decode(made.document["dsseEnvelope"]["payload"]).decode()
    made.document["dsseEnvelope"]["payload"] = b64(text.replace(OTHER.digest.hex, SUBJECT.hex).encode())
    return made


@bad(*ENVELOPES)
def payload_type_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    made.document["dsseEnvelope"]["payloadType"] = "application/json"
    return made


@bad(*ENVELOPES)
def a13_two_signatures(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    made.document["dsseEnvelope"]["signatures"] *= 2
    return made


@bad(*ENVELOPES)
def a13_no_signature(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    made.document["dsseEnvelope"]["signatures"] = []
    return made


@bad(*ENVELOPES)
def a12_statement_about_nothing(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    payload = compact_json({**statement(SUBJECT), "subject": []})
    bundle = world.bundle_of(payload, made.key or workflow(world), logged=made.logged)
    return replace(made, bundle=bundle)


@bad(*ENVELOPES)
def a11_no_statement(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    return replace(made, bundle=world.bundle_of(b"{", made.key or workflow(world), logged=made.logged))


@bad(*MESSAGES)
def digest_beside_the_signature_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, logged=sign.keyless)
    digest = made.document["messageSignature"]["messageDigest"]
    digest["digest"] = flipped(digest["digest"])
    return made


# --- bad: who signed --------------------------------------------------------------------------------------------------


@bad(*KEYED)
def by_another_key(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world, logged=False), key=SigningKey.generate())


@bad(*(shape for shape in KEYED if shape.form != "simple"))
def by_another_key_under_the_hint_of_the_trusted_one(world: PrivateSigstore, sign: Sign) -> Attempt:
    made, trusted = sign(world, logged=False), SigningKey.generate()
    made.material["publicKey"]["hint"] = trusted.hint
    return replace(made, key=trusted)


@bad(*KEYED)
def a_certificate_where_the_key_is_demanded(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world, signer=workflow(world)), key=SigningKey.generate())


@bad(*KEYLESS)
def a_key_where_a_certificate_is_demanded(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world, signer=SigningKey.generate()), key=None)


@bad(*KEYLESS)
def by_another_key_than_the_certificate_has(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, signer=replace(workflow(world), key=SigningKey.generate()))


@bad(*KEYLESS)
def by_another_identity(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world), identity=IDENTITY.replace("acme", "evil"))


@bad(*KEYLESS)
def a22_by_an_identity_that_only_begins_alike(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world), identity=IDENTITY[:-1])


@bad(*KEYLESS)
def by_another_issuer(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world), issuer="https://accounts.google.com")


@bad(*KEYLESS)
def under_another_root(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world).under(another(world))
