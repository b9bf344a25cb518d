"""The in-memory registry as tests see it."""

import re
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from sealgate.oci.digest import Digest
from sealgate.testing.images import Artifact
from sealgate.testing.registry.api import Api
from sealgate.testing.registry.auth import Door, Scheme, refused
from sealgate.testing.registry.contents import RepositoryContents
from sealgate.testing.registry.script import Line, LoggedRequest, Reply, perform
from sealgate.testing.registry.tokens import TokenServer

_SHUTDOWN_SECONDS = 0.05  # connections that a scripted answer holds open are not waited for


class MemoryRegistry:
    """An OCI registry (distribution-spec 1.1) in memory, on a free port of 127.0.0.1.

    Args:
        referrers: whether it has the referrers API.
        page: how many entries a page of referrers or tags has at most; 0 for no limit.
        strict: whether a pushed manifest's blobs and children must be there, as in most registries.
        users: passwords by user name; empty means that nobody is asked.
        auth: how users prove who they are.
        tls: what it listens with; None for plain HTTP.

    Attributes:
        requests: every request that arrived, in order.
    """

    def __init__(
        self,
        *,
        referrers: bool = True,
        page: int = 0,
        strict: bool = False,
        users: Mapping[str, str] | None = None,
        auth: Scheme = "basic",
        tokens: TokenServer | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[LoggedRequest] = []
        self._repositories: dict[str, RepositoryContents] = {}
        self._api = Api(self._repositories, referrers=referrers, page=page, strict=strict)
        self._door = Door(auth, users or {})
        self._tokens = tokens
        self._script: list[Line] = []
        self._tls = tls
        self._runner: web.ServerRunner | None = None
        self._port = 0

    @property
    def host(self) -> str:
        """`127.0.0.1:port`, as it stands in references."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Its origin."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def add_manifest(self, repository: str, raw: bytes, media_type: str, tag: str | None = None) -> Digest:
        """Put any bytes there as a manifest, at their digest and at a tag."""
        return self._contents(repository).put(raw, media_type, tag)

    def add_blob(self, repository: str, raw: bytes) -> Digest:
        """Put a blob there."""
        digest = Digest.of(raw)
        self._contents(repository).blobs[digest] = raw
        return digest

    def add_artifact(self, repository: str, artifact: Artifact, tag: str | None = None) -> Digest:
        """Put an artifact there whole: its blobs, its children, its manifest."""
        for blob in artifact.blobs:
            self.add_blob(repository, blob)
        for child in artifact.children:
            self.add_artifact(repository, child)
        return self.add_manifest(repository, artifact.raw, artifact.media_type, tag)

    def tags(self, repository: str) -> dict[str, Digest]:
        """Where each tag points."""
        return dict(self._look(repository).tags)

    def has_manifest(self, repository: str, digest: Digest) -> bool:
        """Whether a manifest of this digest is there."""
        return self._look(repository).find(str(digest)) is not None

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether a blob of this digest is there."""
        return digest in self._look(repository).blobs

    def remove(self, repository: str, reference: str) -> None:
        """Drop a tag, or a manifest with its tags."""
        self._contents(repository).delete(reference)

    def script(self, matcher: str, reply: Reply, *, after: int = 0, times: int | None = None) -> None:
        """Dictate answers. Lines are asked in the order they were written; the first with an answer gives it.

        Args:
            matcher: a regular expression over `METHOD /raw/path` (no query), which must match it whole.
            reply: the answer, or a function of the request that returns one, or None to let the next line answer.
            after: how many matching requests pass before this line speaks.
            times: how many requests it answers then; None for all.
        """
        self._script.append(Line(re.compile(matcher, re.ASCII), reply, after, times))

    async def __aenter__(self) -> Self:
        server = web.Server(self._answer, access_log=None, auto_decompress=False)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _contents(self, repository: str) -> RepositoryContents:
        return self._repositories.setdefault(repository, RepositoryContents())

    def _look(self, repository: str) -> RepositoryContents:
        return self._repositories.get(repository, RepositoryContents())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        logged = LoggedRequest(
            request.method,
            request.raw_path,
            tuple((name.lower(), value) for name, value in request.headers.items()),
        )
        self.requests.append(logged)
        for line in self._script:
            if (dictated := line.answer(logged)) is not None:
                await perform(dictated, request)
                return web.Response()  # nobody hears it: the connection is closed
        authorization = request.headers.get("Authorization", "")
        if logged.path == "/token":
            return self._door.give_token(authorization)
        if self._tokens is not None and not self._tokens.opens_to(logged):
            return refused(self._tokens.challenge(logged))
        if not self._door.opens_to(authorization):
            return self._door.challenge(self.url)
        return await self._api.answer(request)
