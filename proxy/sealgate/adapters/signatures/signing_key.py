"""Which key made a signature over which content: one of the policies' keys, or a certificate's."""

from collections.abc import Sequence
from typing import Final

from sealgate.adapters.keys import verifies, verifies_digest
from sealgate.adapters.signatures.opened import Content, SignedDigest, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.payload import Envelope
from sealgate.evidence.reason import Reason

_OF_DIGESTS: Final = ("ecdsa-p256", "rsa-")  # whose own hash is SHA-256


def signer_of(content: Content, signature: bytes, keys: Sequence[PublicKey]) -> PublicKey:
    """The one of the policies' keys that made a signature.

    Raises:
        Rejected: none did.
    """
    for key in keys:
        if _made(key, content, signature):
            return key
    for key in keys:
        _check_judged(key, content)
    match len(keys):
        case 0:
            text = "it is signed with a key, and the policies here name none"
        case 1:
            text = "it is not signed with the one key that the policies here name"
        case many:
            text = f"it is signed with none of the {many} keys that the policies here name"
    raise Rejected(Reason.KEY_NOT_TRUSTED, text)


def check(key: PublicKey, content: Content, signature: bytes) -> None:
    """That a certificate's key made a signature.

    Raises:
        Rejected: it did not.
    """
    if not _made(key, content, signature):
        _check_judged(key, content)
        raise Rejected(Reason.SIGNATURE_INVALID, "it is not signed with the certificate's key, or was changed since")


def _made(key: PublicKey, content: Content, signature: bytes) -> bool:
    match content:
        case SignedPayload(raw):
            return verifies(key, signature, raw)
        case Envelope():
            return verifies(key, signature, content.signed_bytes)
        case SignedDigest(digest, artifact):
            if artifact is None:
                return verifies_digest(key, signature, bytes.fromhex(digest.hex))
            return verifies(key, signature, artifact)


def _check_judged(key: PublicKey, content: Content) -> None:
    """That not verifying means not signed. Of keys that hash in their own way nothing is known without the artifact."""
    if isinstance(content, SignedDigest) and content.artifact is None and not key.algorithm.startswith(_OF_DIGESTS):
        text = f"what a key of the kind {key.algorithm} signed can be checked only with the artifact itself"
        raise Rejected(Reason.PAYLOAD_TYPE_UNKNOWN, text)
