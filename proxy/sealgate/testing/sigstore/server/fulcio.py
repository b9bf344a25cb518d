"""The certificate authority's API, as cosign and sigstore-python call it (fulcio's fulcio.proto and its older API)."""

import base64
from dataclasses import dataclass

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sealgate.ports import Clock
from sealgate.testing.sigstore.encoding import JsonObject, certificate_pem
from sealgate.testing.sigstore.keys import verify
from sealgate.testing.sigstore.private import PrivateSigstore
from sealgate.testing.sigstore.server.http import Answer, Refused, Request, Routes, told
from sealgate.testing.sigstore.server.identity_tokens import Identified, TokenIssuer


@dataclass(frozen=True, slots=True)
class FulcioApi:
    """Issues leaves of the Sigstore's first authority to those who show a token and possess the key."""

    sigstore: PrivateSigstore
    tokens: TokenIssuer
    clock: Clock

    @property
    def routes(self) -> Routes:
        """What it answers."""
        return {
            "POST /api/v1/signingCert": self.sign_older,
            "POST /api/v2/signingCert": self.sign,
            "GET /api/v2/trustBundle": self.trust_bundle,
        }

    def sign(self, request: Request) -> Answer:
        """A certificate, asked for as cosign 3 does, or with a signing request as sigstore-python does."""
        who, asked = self._identified(request), request.json
        if "certificateSigningRequest" in asked:
            signing_request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
            if not signing_request.is_signature_valid:
                raise Refused(400, "the signing request is not signed by its own key")
            chain = self._issue(who, signing_request.public_key())
        else:
            wanted = asked["publicKeyRequest"]
            pem, proof = wanted["publicKey"]["content"].encode(), base64.b64decode(wanted["proofOfPossession"])
            chain = self._issue(who, possessed(pem, proof, who))
        return told({"signedCertificateEmbeddedSct": {"chain": {"certificates": [pem.decode() for pem in chain]}}})

    def sign_older(self, request: Request) -> Answer:
        """A certificate, asked for as cosign 2 does."""
        who, asked = self._identified(request), request.json
        pem, proof = base64.b64decode(asked["publicKey"]["content"]), base64.b64decode(asked["signedEmailAddress"])
        chain = self._issue(who, possessed(pem, proof, who))
        return Answer(status=201, body=b"".join(chain), media_type="application/pem-certificate-chain")

    def trust_bundle(self, request: Request) -> Answer:  # noqa: ARG002 - it is asked for nothing
        """Its own certificates."""
        chains: list[JsonObject] = [
            {"certificates": [certificate_pem(one).decode() for one in authority.chain]}
            for authority in self.sigstore.authorities
        ]
        return told({"chains": chains})

    def _identified(self, request: Request) -> Identified:
        try:
            return self.tokens.read(request.token, self.clock.now())
        except jwt.InvalidTokenError as bad:
            raise Refused(401, f"there was an error processing the identity token: {bad}") from bad

    def _issue(self, who: Identified, key: CertificatePublicKeyTypes) -> list[bytes]:
        leaf = self.sigstore.issue(
            identity=who.identity, issuer=who.issuer, public_key=key, claims=who.claims, at=self.clock.now()
        )
        return [certificate_pem(one) for one in (leaf, *self.sigstore.authority.chain)]


def possessed(pem: bytes, proof: bytes, who: Identified) -> CertificatePublicKeyTypes:
    """A public key, once who asks has shown to have its private half: by a signature over the name.

    Raises:
        Refused: it is no such signature.
    """
    key = load_pem_public_key(pem)
    try:
        verify(key, proof, who.identity.encode())
    except InvalidSignature:
        raise Refused(400, "the signature supplied in the request could not be verified") from None
    return key  # type: ignore[return-value]  # verify refuses the other kinds
