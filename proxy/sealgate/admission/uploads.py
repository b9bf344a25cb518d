"""Upload sessions: where the upstream wants the next bytes, sealed so that only what it said itself goes back to it.

Registries keep their session's state in the `Location` they give out, on paths and queries of their own making. The
gate gives its clients a location of its own form, with the upstream's in it under a MAC: nothing that a client writes
ever becomes part of a request to the upstream (attacks B25, B29).
"""

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Final

from sealgate.errors import ReferenceMalformed
from sealgate.oci.reference import Repository

_MAC_BYTES: Final = 16  # 128 bits, cut from HMAC-SHA256 (RFC 2104 section 5)


class UploadSeal:
    """Seals and opens upload locations.

    Args:
        secret: 32 bytes; the same for every replica and over restarts, or sessions do not survive them.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, repository: Repository, location: str) -> str:
        """A token for a location of this repository's, of URL-safe characters only."""
        content = location.encode()
        return base64.urlsafe_b64encode(self._mac(repository, content) + content).decode().rstrip("=")

    def open(self, repository: Repository, token: str) -> str:
        """The location in a token.

        Raises:
            ReferenceMalformed: the token was not made by `seal` for this repository.
        """
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ReferenceMalformed("not an upload session of this gate") from error
        mac, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(repository, content)):
            raise ReferenceMalformed("not an upload session of this gate")
        return content.decode()

    def _mac(self, repository: Repository, content: bytes) -> bytes:
        return hmac.new(self._secret, f"{repository}\n".encode() + content, sha256).digest()[:_MAC_BYTES]
