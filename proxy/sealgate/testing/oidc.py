"""An OIDC issuer in memory: its keys, its discovery document, and tokens in its name, good ones and bad."""

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from sealgate.adapters.clock import SystemClock

_SHUTDOWN_SECONDS: Final = 0.05
AUDIENCE: Final = "sealgate"
"""What tokens are for, unless it is said otherwise."""


class OidcIssuer:
    """An issuer on a free port of 127.0.0.1.

    Attributes:
        requests: the path of every request that arrived, in order.
        answers: what to answer at a path instead of the usual, by path: a status and a body.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        self._keys: dict[str, EllipticCurvePrivateKey] = {}
        self._runner: web.ServerRunner | None = None
        self._port = 0
        self.rotate("first")

    @property
    def url(self) -> str:
        """Its identifier: what `iss` says."""
        return f"http://127.0.0.1:{self._port}"

    def rotate(self, kid: str, *, keep: bool = False) -> None:
        """Sign with a new key from now on.

        Args:
            kid: its name.
            keep: whether the earlier ones are still published.
        """
        if not keep:
            self._keys.clear()
        self._keys[kid] = generate_private_key(SECP256R1())

    def key_set(self) -> bytes:
        """Its public keys, as a JWKS."""
        keys = [
            {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "ES256"}
            for kid, key in self._keys.items()
        ]
        return json.dumps({"keys": keys}).encode()

    def token(
        self,
        subject: str = "alice",
        *,
        now: float | None = None,
        seconds: float = 600,
        headers: Mapping[str, Any] | None = None,
        key: Any = None,
        algorithm: str = "ES256",
        **claims: Any,
    ) -> str:
        """A token.

        Args:
            subject: whom it is about.
            now: when it was issued; this moment when None.
            seconds: how long it lasts.
            headers: what its header says besides.
            key: what signs it; the newest key when None.
            algorithm: how.
            claims: what it says besides, or instead; None leaves a claim out.
        """
        kid, newest = list(self._keys.items())[-1]
        issued = SystemClock().now().timestamp() if now is None else now
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": int(issued),
            "exp": int(issued + seconds),
            **claims,
        }
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            newest if key is None else key,
            algorithm=algorithm,
            headers={"kid": kid, **(headers or {})},
        )

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        path = request.raw_path
        self.requests.append(path)
        discovery = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        usual = {"/.well-known/openid-configuration": json.dumps(discovery).encode(), "/keys": self.key_set()}
        status, body = self.answers.get(path, (200, usual[path]) if path in usual else (404, b""))
        return web.Response(status=status, body=body, content_type="application/json")
