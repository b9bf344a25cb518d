"""`ports.Registry` with credentials: the client's own passed through, or the gate's.

Every call is tried at most twice (attacks F22): as far as is known what the registry wants, and once more when it says
401. What a call sends from a client cannot be sent twice, so the registry is asked before what it wants.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final, TypeVar

from sealgate.adapters.upstream import scopes
from sealgate.adapters.upstream.authorization import Authorization
from sealgate.adapters.upstream.scopes import Scope
from sealgate.errors import Malformed, RegistryProblem, UpstreamRefused
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Reference, Repository
from sealgate.ports import (
    Access,
    BlobHead,
    BlobRedirect,
    BlobStream,
    ByteRange,
    CatalogPage,
    FetchedManifest,
    IssuedToken,
    Presented,
    ReferrersPage,
    Registry,
    StoredManifest,
    TagPage,
    UploadProgress,
)

_T = TypeVar("_T")
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403


class AuthorizedUpstream:
    """One registry, asked with the right of whoever is to ask.

    Args:
        inner: the registry.
        authorization: what the gate itself asks with.
        pass_through: whether it is asked with what the client sent; for clients whose credentials are not for it, the
            gate still asks for itself.
        token_endpoint: the URL of the gate's own token endpoint, where it stands between clients and the registry's;
            "" when challenges pass as they are.
    """

    def __init__(
        self, inner: Registry, authorization: Authorization, *, pass_through: bool, token_endpoint: str = ""
    ) -> None:
        self._inner = inner
        self._authorization = authorization
        self._pass_through = pass_through
        self._token_endpoint = token_endpoint

    @property
    def name(self) -> str:
        """What the settings call it."""
        return self._inner.name

    async def ping(self, access: Access) -> None:
        """See `ports.Registry`. Where the gate asks for itself, a registry that wants credentials is well too."""
        if self._passes(access):
            await self._call((), access, self._inner.ping)
            return
        await self._learn()

    async def manifest(
        self, repository: Repository, reference: Reference, accept: Sequence[str], access: Access
    ) -> FetchedManifest:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.pull(repository),), access, lambda by: self._inner.manifest(repository, reference, accept, by)
        )

    async def referrers(self, repository: Repository, digest: Digest, access: Access) -> ReferrersPage:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.pull(repository),), access, lambda by: self._inner.referrers(repository, digest, by)
        )

    async def small_blob(self, repository: Repository, digest: Digest, most: int, access: Access) -> bytes:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.pull(repository),), access, lambda by: self._inner.small_blob(repository, digest, most, by)
        )

    async def blob_head(self, repository: Repository, digest: Digest, access: Access) -> BlobHead:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.pull(repository),), access, lambda by: self._inner.blob_head(repository, digest, by)
        )

    @asynccontextmanager
    async def blob(
        self, repository: Repository, digest: Digest, wanted: ByteRange | None, access: Access
    ) -> AsyncIterator[BlobStream | BlobRedirect]:
        """See `ports.Registry`."""
        async with AsyncExitStack() as stack:
            yield await self._call(
                (scopes.pull(repository),),
                access,
                lambda by: stack.enter_async_context(self._inner.blob(repository, digest, wanted, by)),
            )

    async def put_manifest(
        self, repository: Repository, reference: Reference, content_type: str, raw: bytes, access: Access
    ) -> StoredManifest:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.push(repository),),
            access,
            lambda by: self._inner.put_manifest(repository, reference, content_type, raw, by),
        )

    async def delete_manifest(self, repository: Repository, reference: Reference, access: Access) -> None:
        """See `ports.Registry`."""
        await self._call(
            (scopes.delete(repository),), access, lambda by: self._inner.delete_manifest(repository, reference, by)
        )

    async def delete_blob(self, repository: Repository, digest: Digest, access: Access) -> None:
        """See `ports.Registry`."""
        await self._call(
            (scopes.delete(repository),), access, lambda by: self._inner.delete_blob(repository, digest, by)
        )

    async def start_upload(self, repository: Repository, access: Access) -> UploadProgress:
        """See `ports.Registry`."""
        return await self._call((scopes.push(repository),), access, lambda by: self._inner.start_upload(repository, by))

    async def push_blob(
        self, repository: Repository, digest: Digest, body: AsyncIterator[bytes], length: int | None, access: Access
    ) -> UploadProgress | None:
        """See `ports.Registry`."""
        return await self._call_once(
            (scopes.push(repository),), access, lambda by: self._inner.push_blob(repository, digest, body, length, by)
        )

    async def mount_blob(
        self, repository: Repository, digest: Digest, source: Repository, access: Access
    ) -> UploadProgress | None:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.push(repository), scopes.pull(source)),
            access,
            lambda by: self._inner.mount_blob(repository, digest, source, by),
        )

    async def upload_chunk(
        self,
        repository: Repository,
        location: str,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> UploadProgress:
        """See `ports.Registry`."""
        return await self._call_once(
            (scopes.push(repository),),
            access,
            lambda by: self._inner.upload_chunk(repository, location, body, length, content_range, by),
        )

    async def finish_upload(
        self,
        repository: Repository,
        location: str,
        digest: Digest,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> Digest:
        """See `ports.Registry`."""
        return await self._call_once(
            (scopes.push(repository),),
            access,
            lambda by: self._inner.finish_upload(repository, location, digest, body, length, content_range, by),
        )

    async def upload_progress(self, repository: Repository, location: str, access: Access) -> UploadProgress:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.push(repository),), access, lambda by: self._inner.upload_progress(repository, location, by)
        )

    async def cancel_upload(self, repository: Repository, location: str, access: Access) -> None:
        """See `ports.Registry`."""
        await self._call(
            (scopes.push(repository),), access, lambda by: self._inner.cancel_upload(repository, location, by)
        )

    async def tags(self, repository: Repository, most: int | None, last: str, access: Access) -> TagPage:
        """See `ports.Registry`."""
        return await self._call(
            (scopes.pull(repository),), access, lambda by: self._inner.tags(repository, most, last, by)
        )

    async def catalog(self, most: int | None, last: str, access: Access) -> CatalogPage:
        """See `ports.Registry`."""
        return await self._call((scopes.CATALOG,), access, lambda by: self._inner.catalog(most, last, by))

    async def token(self, wanted: Sequence[str], presented: Presented) -> IssuedToken:
        """See `ports.TokenRelay`.

        Raises:
            Malformed: a scope is none.
        """
        parsed = [Scope.parse(text) for text in wanted]
        if self._authorization.challenge is None:
            await self._learn()
        challenge = self._authorization.challenge
        if challenge is None or challenge.scheme != "bearer":
            raise Malformed("this registry has no tokens")
        token = await self._authorization.servers.fetch(challenge, parsed, presented.authorization)
        return IssuedToken(token=token.value, seconds=token.seconds)

    async def close(self) -> None:
        """Close its connections."""
        await self._authorization.servers.close()
        await self._inner.close()

    def _passes(self, access: Access) -> bool:
        return self._pass_through and not access.by_gate

    async def _call(self, wanted: tuple[Scope, ...], access: Access, call: Callable[[Access], Awaitable[_T]]) -> _T:
        """Ask with the right of whoever is to ask, again at most once."""
        if self._passes(access):
            return await self._passed(wanted, access, call)
        header = await self._header(wanted)
        try:
            return await call(_with(access, header))
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED:
                raise _without_challenges(refused) from None
            self._authorization.forget(header)
            if self._authorization.learn(refused.challenges) is None or (again := await self._header(wanted)) is None:
                raise _no_right(refused) from None
        try:
            return await call(_with(access, again))
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED:
                raise _without_challenges(refused) from None
            self._authorization.forget(again)
            raise _no_right(refused) from None

    async def _call_once(
        self, wanted: tuple[Scope, ...], access: Access, call: Callable[[Access], Awaitable[_T]]
    ) -> _T:
        """Ask once: a client's bytes are sent with it, and they come only once."""
        if self._passes(access):
            return await self._passed(wanted, access, call)
        if self._authorization.challenge is None and not self._authorization.asked:
            await self._learn()
        header = await self._header(wanted)
        try:
            return await call(_with(access, header))
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED:
                raise _without_challenges(refused) from None
            self._authorization.forget(header)
            self._authorization.learn(refused.challenges)
            raise _no_right(refused) from None

    async def _passed(self, wanted: tuple[Scope, ...], access: Access, call: Callable[[Access], Awaitable[_T]]) -> _T:
        try:
            return await call(access)
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED or not self._token_endpoint:
                raise
            raise self._relayed(refused, wanted) from None

    def _relayed(self, refused: UpstreamRefused, wanted: tuple[Scope, ...]) -> UpstreamRefused:
        """The same refusal, with the gate's own token endpoint in the place of the registry's."""
        challenge = self._authorization.learn(refused.challenges)
        told: tuple[str, ...] = ()
        if challenge is not None and challenge.scheme == "basic":
            told = (f'Basic realm="{self.name}"',)
        elif challenge is not None:
            self._authorization.servers.place(challenge)
            scope = f',scope="{" ".join(map(str, wanted))}"' if wanted else ""
            told = (f'Bearer realm="{self._token_endpoint}",service="{self.name}"{scope}',)
        return UpstreamRefused(
            refused.status, challenges=told, problems=refused.problems, retry_after=refused.retry_after
        )

    async def _header(self, wanted: tuple[Scope, ...]) -> str | None:
        try:
            return await self._authorization.header(wanted)
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED:
                raise
            self._authorization.forget("")
            raise _no_right(refused) from None

    async def _learn(self) -> None:
        """Find out what the registry wants."""
        try:
            await self._inner.ping(Access())
        except UpstreamRefused as refused:
            if refused.status != _UNAUTHORIZED:
                raise
            self._authorization.learn(refused.challenges)
        self._authorization.asked = True


def _with(access: Access, header: str | None) -> Access:
    return replace(access, authorization=header)


def _no_right(refused: UpstreamRefused) -> UpstreamRefused:
    """What a client is told when the registry turns the gate away: nothing that it could write would help (B28)."""
    told = refused.problems or (RegistryProblem("DENIED", "the registry does not let the gate in here"),)
    return UpstreamRefused(_FORBIDDEN, problems=told, retry_after=refused.retry_after)


def _without_challenges(refused: UpstreamRefused) -> UpstreamRefused:
    return UpstreamRefused(refused.status, problems=refused.problems, retry_after=refused.retry_after)
