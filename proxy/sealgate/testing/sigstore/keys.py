"""Keys that sign: managed ones, and those of every part of the private Sigstore."""

import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sealgate.testing.sigstore.encoding import JsonObject, b64

Algorithm: TypeAlias = Literal[
    "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096", "rsa-pss-2048"
]
HashName: TypeAlias = Literal["sha256", "sha384", "sha512"]
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "ecdsa-p256": ec.SECP256R1(),
    "ecdsa-p384": ec.SECP384R1(),
    "ecdsa-p521": ec.SECP521R1(),
}
_RSA_BITS: Final = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096, "rsa-pss-2048": 2048}
_KEY_DETAILS: Final[dict[Algorithm, str]] = {
    "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256",
    "ecdsa-p384": "PKIX_ECDSA_P384_SHA_384",
    "ecdsa-p521": "PKIX_ECDSA_P521_SHA_512",
    "ed25519": "PKIX_ED25519",
    "rsa-2048": "PKIX_RSA_PKCS1V15_2048_SHA256",
    "rsa-3072": "PKIX_RSA_PKCS1V15_3072_SHA256",
    "rsa-4096": "PKIX_RSA_PKCS1V15_4096_SHA256",
    "rsa-pss-2048": "PKIX_RSA_PSS_2048_SHA256",
}
_HASHES: Final[dict[HashName, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
HASH_ALGORITHMS: Final[dict[HashName, str]] = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
"""Hashes as `HashAlgorithm` of sigstore_common.proto names them."""

_DEFAULT_HASH: Final[dict[str, HashName]] = {"ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and what Sigstore says of its public half. As a signer it is a managed key.

    Args:
        algorithm: its kind and size.
        private: the key itself.
    """

    algorithm: Algorithm
    private: PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, algorithm: Algorithm = "ecdsa-p256") -> "SigningKey":
        """A new key."""
        if algorithm == "ed25519":
            return cls(algorithm, ed25519.Ed25519PrivateKey.generate())
        if algorithm in _CURVES:
            return cls(algorithm, ec.generate_private_key(_CURVES[algorithm]))
        return cls(algorithm, rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[algorithm]))

    def sign(self, message: bytes, hash_name: HashName | None = None) -> bytes:
        """Sign a message.

        Args:
            message: what is signed, whole.
            hash_name: another than the key's own: older cosigns used SHA-256 with every curve. Ed25519 takes none.
        """
        algorithm = _HASHES[hash_name or self.hash_name]
        match self.private:
            case ed25519.Ed25519PrivateKey():
                return self.private.sign(message)
            case ec.EllipticCurvePrivateKey():
                return self.private.sign(message, ec.ECDSA(algorithm))
            case rsa.RSAPrivateKey() if self.algorithm == "rsa-pss-2048":
                pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH)
                return self.private.sign(message, pss, algorithm)
            case rsa.RSAPrivateKey():
                return self.private.sign(message, padding.PKCS1v15(), algorithm)

    @property
    def hash_name(self) -> HashName:
        """The hash that cosign signs with by default for such a key (measured with cosign 2.6.5 and 3.1.3)."""
        return _DEFAULT_HASH.get(self.algorithm, "sha256")

    @property
    def spki(self) -> bytes:
        """The public key as SubjectPublicKeyInfo, DER."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def raw(self) -> bytes:
        """The bare public key, of Ed25519 alone: what the key ids of signed notes are made of."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def details(self) -> str:
        """Its kind as `PublicKeyDetails` of sigstore_common.proto names it."""
        return _KEY_DETAILS[self.algorithm]

    @property
    def public_pem(self) -> bytes:
        """The public key as PEM: what a policy's `public_key` holds."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def private_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM: what `cosign import-key-pair` reads."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the SPKI: a log's id (RFC 6962 section 3.2), and the base of `hint` and `fingerprint`."""
        return hashlib.sha256(self.spki).digest()

    @property
    def fingerprint(self) -> str:
        """`key_id` in hexadecimal, as `sealgate.evidence.keys.PublicKey` has it."""
        return self.key_id.hex()

    @property
    def hint(self) -> str:
        """`key_id` in base64, as cosign writes it into a bundle."""
        return b64(self.key_id)

    # What a managed key shows of itself in a signature (`signing.Signer`).

    @property
    def key(self) -> "SigningKey":
        """Itself: the key that signs."""
        return self

    @property
    def verifier(self) -> bytes:
        """What a log entry names as the one who signed: the public key, PEM."""
        return self.public_pem

    @property
    def verifier_v2(self) -> JsonObject:
        """The same in Rekor v2's entries (`Verifier` of rekor-tiles' verifier.proto)."""
        return {"keyDetails": self.details, "publicKey": {"rawBytes": b64(self.spki)}}

    @property
    def material(self) -> JsonObject:
        """The bundle's `verificationMaterial`, without log entries and timestamps."""
        return {"publicKey": {"hint": self.hint}}

    @property
    def annotations(self) -> dict[str, str]:
        """What simple signing's annotations say of the signer: of a managed key, nothing."""
        return {}


def verify(key: PublicKeyTypes, signature: bytes, message: bytes) -> None:
    """Check a signature as Fulcio does when somebody shows to have a key: with the hash that the key signs with.

    Raises:
        InvalidSignature: it is no signature over the message by this key, or no key that Fulcio takes.
    """
    match key:
        case ed25519.Ed25519PublicKey():
            key.verify(signature, message)
        case ec.EllipticCurvePublicKey():
            name = _DEFAULT_HASH.get(f"ecdsa-p{key.key_size}", "sha256")
            key.verify(signature, message, ec.ECDSA(_HASHES[name]))
        case rsa.RSAPublicKey():
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        case _:
            raise InvalidSignature(f"a key of an unknown kind: {type(key).__name__}")
