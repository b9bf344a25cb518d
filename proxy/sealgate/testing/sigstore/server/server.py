"""The server: a private Sigstore on a free port of 127.0.0.1, and what clients are told about it."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from sealgate.ports import Clock
from sealgate.testing.sigstore.encoding import JsonObject
from sealgate.testing.sigstore.private import PrivateSigstore
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.server.fulcio import FulcioApi
from sealgate.testing.sigstore.server.http import Answer, Handler, Refused, Request, refusal
from sealgate.testing.sigstore.server.identity_tokens import TokenIssuer
from sealgate.testing.sigstore.server.rekor import RekorV1Api, RekorV2Api
from sealgate.testing.sigstore.server.timestamp import TimestampApi
from sealgate.testing.sigstore.time_range import TimeRange
from sealgate.testing.sigstore.transparency_log import TransparencyLog

_SIGNING_CONFIG: Final = "application/vnd.dev.sigstore.signingconfig.v0.2+json"


class SigstoreServer:
    """A private Sigstore over HTTP: Fulcio, Rekor v1 and v2, and a timestamp authority at one address.

        with SigstoreServer(sigstore, SystemClock()) as server:
            run("cosign", "sign", "--fulcio-url", server.url, "--identity-token", server.identity_token(…), …)

    It answers from threads of its own: tests with an event loop and without one may wait for a program that asks it. Of
    each kind it serves the Sigstore's first part: authority, Rekor v1 log, Rekor v2 log, timestamp authority.

    Args:
        sigstore: whose parts answer.
        clock: when they sign. Real programs compare it with their own.

    Attributes:
        requests: method and path of what was asked, in order.
    """

    def __init__(self, sigstore: PrivateSigstore, clock: Clock) -> None:
        self.sigstore = sigstore
        self.requests: list[str] = []
        self._clock = clock
        self._tokens = TokenIssuer()
        self._routes = self._served()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base URL of all its services."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def timestamp_url(self) -> str:
        """The whole URL of the timestamp authority."""
        return f"{self.url}/api/v1/timestamp"

    def identity_token(self, *, identity: str, issuer: str, claims: Mapping[str, str] | None = None) -> str:
        """A token by which a client gets a certificate with this identity, for ten minutes.

        Args:
            identity: a URI, or an e-mail address.
            issuer: the OIDC issuer that the certificate names; it is not asked.
            claims: the certificate's further extensions, as `PrivateSigstore.keyless` has them.
        """
        return self._tokens.token(identity, issuer, claims or {}, self._clock.now())

    def signing_config(self, *, timestamped: bool = True) -> JsonObject:
        """What cosign reads as `--signing-config`: where to sign. Of logs it takes the newest version that is served.

        Args:
            timestamped: whether there is a timestamp authority in it.
        """
        versions = [2 if isinstance(log, RekorV2Log) else 1 for log in self.sigstore.logs]
        return {
            "mediaType": _SIGNING_CONFIG,
            "caUrls": [self._service(self.url, 1, "fulcio")],
            "rekorTlogUrls": [self._service(self.url, version, f"rekor-v{version}") for version in versions],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [self._service(self.timestamp_url, 1, "tsa")] if timestamped else [],
            "tsaConfig": {"selector": "ANY"},
        }

    def _service(self, url: str, version: int, operator: str) -> JsonObject:
        valid_for = TimeRange(start=self.sigstore.start).json
        return {"url": url, "majorApiVersion": version, "validFor": valid_for, "operator": f"{operator}.private.test"}

    def _served(self) -> dict[str, Handler]:
        apis: list[FulcioApi | RekorV1Api | RekorV2Api | TimestampApi] = [
            FulcioApi(self.sigstore, self._tokens, self._clock)
        ]
        older = [log for log in self.sigstore.logs if isinstance(log, TransparencyLog)]
        newer = [log for log in self.sigstore.logs if isinstance(log, RekorV2Log)]
        apis += [RekorV1Api(log, self._clock) for log in older[:1]]
        apis += [RekorV2Api(log, self._clock) for log in newer[:1]]
        apis += [TimestampApi(authority, self._clock) for authority in self.sigstore.timestamp_authorities[:1]]
        return {route: handler for api in apis for route, handler in api.routes.items()}

    def _answer(self, method: str, target: str, token: str, body: bytes) -> Answer:
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        with self._lock:  # a log appends to itself
            self.requests.append(f"{method} {path}")
            handler = self._routes.get(f"{method} {path}") or self._routes.get(f"{method} {path.rpartition('/')[0]}/")
            if handler is None:
                return refusal(404, f"{method} {path} is not served here")
            try:
                return handler(Request(path=path, query=query, token=token, body=body))
            except Refused as reason:
                return refusal(reason.status, str(reason))
            except (ValueError, KeyError, TypeError, IndexError) as error:  # a malformed request
                return refusal(400, f"{type(error).__name__}: {error}")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handle(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._respond()

            def do_POST(self) -> None:
                self._respond()

            def _respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                given = answer(self.command, self.path, token, body)
                self.send_response(given.status)
                for name, value in {"Content-Type": given.media_type, **given.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(given.body)))
                self.end_headers()
                self.wfile.write(given.body)

            def log_message(self, *_: object) -> None:
                """Nothing: `requests` has it."""

        return Handle
