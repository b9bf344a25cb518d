"""What the registry's answers have in common."""

from aiohttp import web

from sealgate.errors import ReferenceMalformed
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.oci.wire import ErrorCode, error_body
from sealgate.testing.registry.contents import RepositoryContents


class Refusal(Exception):
    """An OCI error on its way out."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.response = web.Response(
            status=status,
            body=error_body(code, message),
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


def known(repositories: dict[str, RepositoryContents], name: str) -> RepositoryContents:
    """A repository that is there, or a 404."""
    if name not in repositories:
        raise Refusal(404, ErrorCode.NAME_UNKNOWN, "repository name not known to registry")
    return repositories[name]


def writable(repositories: dict[str, RepositoryContents], name: str) -> RepositoryContents:
    """A repository that somebody pushes to, made if need be, or a 400 for a name that cannot be one."""
    try:
        Repository.parse(name)
    except ReferenceMalformed as error:
        raise Refusal(400, ErrorCode.NAME_INVALID, str(error)) from error
    return repositories.setdefault(name, RepositoryContents())


async def body_of(request: web.BaseRequest) -> bytes:
    """The request's body, whole."""
    return b"".join([chunk async for chunk in request.content.iter_any()])


def absolute(request: web.BaseRequest, path: str) -> str:
    """A path as an absolute URL: like Distribution's, built from whatever the client says of the host."""
    return f"{request.scheme}://{request.headers.get('X-Forwarded-Host') or request.headers['Host']}{path}"


def created(request: web.BaseRequest, repository: str, digest: Digest) -> web.Response:
    """The 201 of a stored blob."""
    location = absolute(request, f"/v2/{repository}/blobs/{digest}")
    return web.Response(status=201, headers={"Location": location, "Docker-Content-Digest": str(digest)})
