"""The OIDC issuer of the private Sigstore: identity tokens, which its Fulcio trusts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import jwt

from sealgate.testing.sigstore.keys import SigningKey

_AUDIENCE: Final = "sigstore"
_ALGORITHM: Final = "RS256"  # the one that cosign 3 recognises on its command line; others it takes for a path
_LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Whom a token names.

    Args:
        identity: the name that the certificate gets.
        issuer: the OIDC issuer that it gets.
        claims: Fulcio's extensions that it gets.
    """

    identity: str
    issuer: str
    claims: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Makes and reads identity tokens, in the name of any issuer."""

    key: SigningKey = field(default_factory=lambda: SigningKey.generate("rsa-2048"), repr=False)

    def token(self, identity: str, issuer: str, claims: Mapping[str, str], at: datetime) -> str:
        """A token, for `--identity-token`; what it names becomes what the certificate names.

        Args:
            identity: an e-mail address, or a URI.
            issuer: the OIDC issuer it speaks for.
            claims: the certificate's extensions, by their names in Fulcio's oid-info.md.
            at: from when it is valid, for ten minutes.
        """
        who: dict[str, object] = (
            {"sub": identity} if "://" in identity else {"sub": identity, "email": identity, "email_verified": True}
        )
        times = {"iat": int(at.timestamp()), "exp": int((at + _LIFETIME).timestamp())}
        payload = {"iss": issuer, "aud": _AUDIENCE, **who, **times, "claims": dict(claims)}
        return jwt.encode(payload, self.key.private_pem, algorithm=_ALGORITHM)

    def read(self, token: str, now: datetime) -> Identified:
        """Whom a token names.

        Raises:
            jwt.InvalidTokenError: it is not one of ours, or too old.
        """
        # By this world's clock, not by the machine's.
        options: jwt.types.Options = {"verify_exp": False, "verify_iat": False}
        payload = jwt.decode(token, self.key.public_pem, [_ALGORITHM], options, audience=_AUDIENCE)
        if now.timestamp() > payload["exp"]:
            raise jwt.ExpiredSignatureError("the token has expired")
        return Identified(
            identity=payload.get("email", payload["sub"]), issuer=payload["iss"], claims=payload["claims"]
        )
