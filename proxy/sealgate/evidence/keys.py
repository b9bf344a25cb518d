"""Public keys, as facts: what a policy names and a signature was made with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key that this program accepts.

    Args:
        fingerprint: SHA-256 of its SubjectPublicKeyInfo (DER), in hexadecimal. One key under two names is one key.
        spki: that SubjectPublicKeyInfo.
        algorithm: for people, e.g. `ecdsa-p256`.
    """

    fingerprint: str
    spki: bytes = field(repr=False)
    algorithm: str
