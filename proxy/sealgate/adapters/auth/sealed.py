"""Tokens of the gate's own: the client's credentials, sealed, for clients that must be asked for a token.

Such a token says nothing about rights or identity. It is opened when it is used, and what is in it is checked then, as
if it had been sent itself; so whoever is removed from the file is out at once, token or not (attacks B36).
"""

import base64
from hashlib import sha256
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from sealgate.limits import GATE_TOKEN_SECONDS
from sealgate.ports import Clock, IssuedToken

_PREFIX: Final = "sealgate-"
_PURPOSE: Final = b"sealgate token\n"


class SealedCredentials:
    """Seals and opens.

    Args:
        secret: of the state; replicas share it, so that they take each other's tokens.
        clock: how old a token is.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(sha256(_PURPOSE + secret).digest()))
        self._clock = clock

    def seal(self, authorization: str | None) -> IssuedToken:
        """A token for these credentials, or for none."""
        sealed = self._fernet.encrypt_at_time((authorization or "").encode(), self._seconds())
        return IssuedToken(token=_PREFIX + sealed.decode().rstrip("="), seconds=GATE_TOKEN_SECONDS)

    def open(self, token: str) -> str | None:
        """The credentials in a token, "" for none; None when it is no token of this gate, or is too old."""
        if not token.startswith(_PREFIX):
            return None
        sealed = token.removeprefix(_PREFIX)
        padded = sealed + "=" * (-len(sealed) % 4)
        try:
            return self._fernet.decrypt_at_time(padded.encode(), GATE_TOKEN_SECONDS, self._seconds()).decode()
        except (InvalidToken, ValueError):
            return None

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())
