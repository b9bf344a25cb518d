"""Public keys: which are accepted, and how a signature is verified with one.

The kind of the key decides the algorithm; nothing that comes with a signature does (attacks A32).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from sealgate.errors import KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.limits import (
    PUBLIC_KEY_BYTES,
    PUBLIC_KEYS_IN_MEMORY,
    RSA_EXPONENT_BITS,
    RSA_LEAST_BITS,
    RSA_LEAST_EXPONENT,
    RSA_MOST_BITS,
)

_Attempt: TypeAlias = Callable[[], object]
_Key: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_CURVES: Final[dict[str, tuple[str, type[hashes.HashAlgorithm]]]] = {
    "secp256r1": ("ecdsa-p256", hashes.SHA256),
    "secp384r1": ("ecdsa-p384", hashes.SHA384),
    "secp521r1": ("ecdsa-p521", hashes.SHA512),
}
_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
_PEM: Final = re.compile(rb"\s*-----BEGIN ([A-Z0-9 ]+)-----\s([A-Za-z0-9+/=\s]+)-----END \1-----\s*")
_OTHER_THINGS: Final = {
    b"PRIVATE KEY-----": "this is a private key: give its public half",
    b"BEGIN CERTIFICATE": "this is a certificate: give its public key, or a keyless requirement",
    b"BEGIN RSA PUBLIC KEY": "this is a PKCS#1 key: `openssl rsa -RSAPublicKey_in -in KEY -pubout` converts it",
    b"BEGIN PGP": "this is a PGP key, and signatures of that kind cannot be checked yet",
}


def read_public_key(pem: bytes) -> PublicKey:
    """Read one PEM public key.

    Args:
        pem: a SubjectPublicKeyInfo, `-----BEGIN PUBLIC KEY-----`, once, and nothing else but white space.

    Raises:
        KeyRejected: it is something else, or a key of a kind or size that is not accepted.
    """
    if len(pem) > PUBLIC_KEY_BYTES:
        raise KeyRejected(f"this has {len(pem)} bytes, a public key has at most {PUBLIC_KEY_BYTES}")
    for marker, told in _OTHER_THINGS.items():
        if marker in pem:
            raise KeyRejected(told)
    spki = pem_content(pem, "PUBLIC KEY")
    if spki is None:
        raise KeyRejected("not one PEM public key (-----BEGIN PUBLIC KEY-----), and nothing else")
    return read_spki(spki)


def read_spki(spki: bytes) -> PublicKey:
    """Read a public key as SubjectPublicKeyInfo, DER.

    Raises:
        KeyRejected: it is none, or a key that is not accepted: ECDSA on P-256, P-384 and P-521, Ed25519, and RSA of
            2048 to 8192 bits are; or it is written in another way than everybody writes such a key (explicit curve
            parameters, compressed points): one key has one fingerprint.
    """
    key = _load(spki)
    if key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) != spki:
        raise KeyRejected("the key is not in its usual encoding: named curve, uncompressed point, plain RSA")
    return PublicKey(fingerprint=hashlib.sha256(spki).hexdigest(), spki=spki, algorithm=_called(key))


def pem_content(text: bytes, label: str) -> bytes | None:
    """What is in a text that is one PEM block of this label, and nothing else (RFC 7468); None if it is not."""
    found = _PEM.fullmatch(text)
    if found is None or found[1] != label.encode():
        return None
    try:
        return base64.b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error:
        return None


def pem_contents(text: bytes, label: str) -> list[bytes] | None:
    """What is in a text of any number of such blocks, and nothing else; None if it is not."""
    end = b"-----END %s-----" % label.encode()
    *blocks, rest = text.split(end)
    contents = [content for block in blocks if (content := pem_content(block + end, label)) is not None]
    return contents if len(contents) == len(blocks) and not rest.strip() else None


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message was made with the key.

    cosign signs with the curve's own hash, and its older versions with SHA-256, so on P-384 and P-521 both are tried;
    RSA is tried as PKCS#1 v1.5 and as PSS, both with SHA-256.
    """
    return any(_holds(attempt) for attempt in _attempts(_load(key.spki), signature, message))


def verifies_digest(key: PublicKey, signature: bytes, digest: bytes) -> bool:
    """The same for a message of which only its SHA-256 digest is known.

    What was signed with another hash, as P-384, P-521 and Ed25519 keys do, does not verify so.
    """
    hashed = Prehashed(hashes.SHA256())
    match _load(key.spki):
        case ec.EllipticCurvePublicKey() as curve:
            return _holds(partial(curve.verify, signature, digest, ec.ECDSA(hashed)))
        case rsa.RSAPublicKey() as rsa_key:
            return any(
                _holds(partial(rsa_key.verify, signature, digest, padded, hashed))
                for padded in (padding.PKCS1v15(), _PSS)
            )
        case _:
            return False


def _attempts(key: _Key, signature: bytes, message: bytes) -> Iterable[_Attempt]:
    match key:
        case ec.EllipticCurvePublicKey():
            own = _CURVES[key.curve.name][1]
            yield partial(key.verify, signature, message, ec.ECDSA(own()))
            if own is not hashes.SHA256:
                yield partial(key.verify, signature, message, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PublicKey():
            yield partial(key.verify, signature, message)
        case rsa.RSAPublicKey():
            yield partial(key.verify, signature, message, padding.PKCS1v15(), hashes.SHA256())
            yield partial(key.verify, signature, message, _PSS, hashes.SHA256())


def _holds(attempt: _Attempt) -> bool:
    try:
        attempt()
    except InvalidSignature:
        return False
    return True


@lru_cache(PUBLIC_KEYS_IN_MEMORY)
def _load(spki: bytes) -> _Key:
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRejected("not a public key that can be read") from error
    match key:
        case ed25519.Ed25519PublicKey():
            return key
        case ec.EllipticCurvePublicKey():
            if key.curve.name not in _CURVES:
                raise KeyRejected(f"a key on the curve {key.curve.name} is not accepted: P-256, P-384 and P-521 are")
            return key
        case rsa.RSAPublicKey():
            if not RSA_LEAST_BITS <= key.key_size <= RSA_MOST_BITS:
                raise KeyRejected(
                    f"an RSA key of {key.key_size} bits is not accepted: {RSA_LEAST_BITS} to {RSA_MOST_BITS} are"
                )
            exponent = key.public_numbers().e
            if exponent < RSA_LEAST_EXPONENT or exponent.bit_length() > RSA_EXPONENT_BITS:
                raise KeyRejected("an RSA key with an unsafe public exponent is not accepted: 65537 is usual")
            return key
        case _:
            raise KeyRejected("a key of this kind is not accepted: ECDSA, Ed25519 and RSA are")


def _called(key: _Key) -> str:
    match key:
        case ec.EllipticCurvePublicKey():
            return _CURVES[key.curve.name][0]
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case rsa.RSAPublicKey():
            return f"rsa-{key.key_size}"
