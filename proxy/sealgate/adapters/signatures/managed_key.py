"""What both formats of a signature by a managed key share: which key made it, and the fact that comes of it."""

from collections.abc import Sequence

from sealgate.adapters.keys import verifies
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.transparency_log import Logged
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeySigner, LogProof, Source, VerifiedSignature


def signer_of(signature: bytes, message: bytes, keys: Sequence[PublicKey]) -> PublicKey:
    """The one of the keys that made a signature.

    Raises:
        Rejected: none did.
    """
    for key in keys:
        if verifies(key, signature, message):
            return key
    match len(keys):
        case 0:
            text = "it is signed with a key, and the policies here name none"
        case 1:
            text = "it is not signed with the one key that the policies here name"
        case many:
            text = f"it is signed with none of the {many} keys that the policies here name"
    raise Rejected(Reason.KEY_NOT_TRUSTED, text)


def signed_by(key: PublicKey, source: Source, logged: Logged | None) -> VerifiedSignature:
    """A verified signature by a managed key, with what its log entry proves if it has one."""
    if logged is None:
        return VerifiedSignature(source=source, signer=KeySigner(key.fingerprint), log=LogProof.NONE)
    return VerifiedSignature(
        source=source,
        signer=KeySigner(key.fingerprint),
        log=logged.proof,
        log_index=logged.index,
        signed_at=() if logged.at is None else (logged.at,),
        expires=logged.until,
    )
