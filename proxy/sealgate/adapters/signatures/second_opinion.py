"""sigstore-python's verdict, wherever its public API can judge a signature: a veto, and never the only opinion.

What either engine refuses is refused, so a fault in one lets nothing through. Whether it can judge is seen from what
verified, never from what anybody may write beside it.
"""

from typing import Final

from cryptography import x509
from sigstore.errors import Error as SigstoreError
from sigstore.hashes import Hashed
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier

from sealgate.adapters.signatures import certificate_chain, protojson
from sealgate.adapters.signatures.opened import Opened, SignedDigest, SignedPayload
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.payload import Envelope
from sealgate.evidence.reason import Reason
from sealgate.oci import strict_json

_OF_ENVELOPES: Final = frozenset({("dsse", "0.0.1"), ("hashedrekord", "0.0.2")})
_OF_MESSAGES: Final = frozenset({("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2")})
_LEAF_KEY: Final = "ecdsa-p256"  # with others it fails in ways of their own


class SigstorePython:
    """`engine.SecondOpinion` with one trusted root, which names a log and a certificate authority.

    Raises:
        ConfigurationInvalid: it does not accept the root.
    """

    def __init__(self, root: TrustedRootFile) -> None:
        try:
            trusted = ClientTrustConfig.from_json(protojson.trust_config_of(root)).trusted_root
            self._verifier = Verifier(trusted_root=trusted)
        except (SigstoreError, ValueError) as bad:
            raise ConfigurationInvalid(f"trusted root {root.name}: sigstore-python does not accept it: {bad}") from bad

    def check(self, opened: Opened, leaf: x509.Certificate) -> None:
        """That it has nothing against a signature with a certificate that verified.

        Args:
            opened: the signature.
            leaf: its certificate, issued by an authority's certificate that is in the root.

        Raises:
            Rejected: it can judge it, and refuses.
        """
        kind = _judged_as(opened, leaf)
        if kind is None:
            return
        try:
            bundle = Bundle.from_json(protojson.bundle_of(opened, *kind))
            match opened.content:
                case Envelope():
                    self._verifier.verify_dsse(bundle, _Anybody())
                case SignedPayload(raw):
                    self._verifier.verify_artifact(raw, bundle, _Anybody())
                case SignedDigest(digest):
                    hashed = Hashed.model_validate({"algorithm": "SHA2_256", "digest": bytes.fromhex(digest.hex)})
                    self._verifier.verify_artifact(hashed, bundle, _Anybody())
        except (SigstoreError, ValueError) as bad:  # the second: a timestamp token that is none
            raise Rejected(Reason.SIGNATURE_INVALID, f"sigstore-python refuses it: {bad}") from bad


class _Anybody:
    """A `VerificationPolicy` that asks nothing: identity and issuer are for `policy.decide` to judge."""

    def verify(self, cert: x509.Certificate) -> None:
        """Nothing to ask."""


def _judged_as(opened: Opened, leaf: x509.Certificate) -> tuple[str, str] | None:
    """Kind and version of the log entry as which it judges a signature; None where its public API cannot."""
    scts = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    if len(opened.entries) != 1 or opened.entries[0].proof is None or len(list(scts)) != 1:
        return None
    if certificate_chain.key_of(leaf).algorithm != _LEAF_KEY:
        return None
    body = strict_json.members(strict_json.loads(opened.entries[0].body), frozenset({"kind", "apiVersion"}), "the body")
    kind = (strict_json.text_of(body, "kind", "the body"), strict_json.text_of(body, "apiVersion", "the body"))
    return kind if kind in (_OF_ENVELOPES if isinstance(opened.content, Envelope) else _OF_MESSAGES) else None
