"""Public keys: which are accepted, and how a signature is verified with one.

The kind of the key decides the algorithm; nothing that comes with a signature does (attacks A32).
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from sealgate.errors import KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.limits import RSA_LEAST_BITS, RSA_LEAST_EXPONENT, RSA_MOST_BITS

_Attempt: TypeAlias = Callable[[], object]
_Key: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_CURVES: Final[dict[str, tuple[str, type[hashes.HashAlgorithm]]]] = {
    "secp256r1": ("ecdsa-p256", hashes.SHA256),
    "secp384r1": ("ecdsa-p384", hashes.SHA384),
    "secp521r1": ("ecdsa-p521", hashes.SHA512),
}


def read_public_key(pem: bytes) -> PublicKey:
    """Read one PEM public key.

    Args:
        pem: `-----BEGIN PUBLIC KEY-----`, once, and nothing else but white space.

    Raises:
        KeyRejected: it is something else, or a key of a kind or size that is not accepted.
    """
    text = pem.strip()
    for marker, told in (
        (b"PRIVATE KEY", "this is a private key: give its public half"),
        (b"BEGIN CERTIFICATE", "this is a certificate: give its public key, or a keyless requirement"),
        (b"BEGIN PGP", "this is a PGP key, and signatures of that kind cannot be checked yet"),
    ):
        if marker in text:
            raise KeyRejected(told)
    if text.count(b"-----BEGIN") != 1 or not text.startswith(b"-----BEGIN PUBLIC KEY-----"):
        raise KeyRejected("not one PEM public key (-----BEGIN PUBLIC KEY-----)")
    try:
        loaded = serialization.load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRejected("not a public key that can be read") from error
    return describe(loaded)


def describe(key: object) -> PublicKey:
    """A loaded public key as a fact.

    Raises:
        KeyRejected: it is of a kind or size that is not accepted: ECDSA on P-256, P-384 and P-521, Ed25519, and RSA of
            2048 to 8192 bits are.
    """
    accepted = _accepted(key)
    spki = accepted.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(fingerprint=hashlib.sha256(spki).hexdigest(), spki=spki, algorithm=_called(accepted))


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature over the message was made with the key.

    cosign signs with the curve's own hash and with SHA-256, so on P-384 and P-521 both are tried; RSA is tried as
    PKCS#1 v1.5 and as PSS, both with SHA-256.
    """
    loaded = _accepted(serialization.load_der_public_key(key.spki))
    return any(_holds(attempt) for attempt in _attempts(loaded, signature, message))


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
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
            yield partial(key.verify, signature, message, padding.PKCS1v15(), hashes.SHA256())
            yield partial(key.verify, signature, message, pss, hashes.SHA256())


def _holds(attempt: _Attempt) -> bool:
    try:
        attempt()
    except InvalidSignature:
        return False
    return True


def _accepted(key: object) -> _Key:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise KeyRejected(f"a key on the curve {key.curve.name} is not accepted: P-256, P-384 and P-521 are")
        return key
    if isinstance(key, rsa.RSAPublicKey):
        if not RSA_LEAST_BITS <= key.key_size <= RSA_MOST_BITS:
            raise KeyRejected(
                f"an RSA key of {key.key_size} bits is not accepted: {RSA_LEAST_BITS} to {RSA_MOST_BITS} are"
            )
        if key.public_numbers().e < RSA_LEAST_EXPONENT:
            raise KeyRejected("an RSA key with an unsafe public exponent is not accepted")
        return key
    raise KeyRejected("a key of this kind is not accepted: ECDSA, Ed25519 and RSA are")


def _called(key: _Key) -> str:
    match key:
        case ec.EllipticCurvePublicKey():
            return _CURVES[key.curve.name][0]
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case rsa.RSAPublicKey():
            return f"rsa-{key.key_size}"
