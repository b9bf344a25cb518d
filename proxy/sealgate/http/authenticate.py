"""The door: who asks, whether that is allowed at all, and whose credentials go to the upstream (design section 4).

It stands before anything is asked of anybody. So what is refused here is refused in the same words whether or not the
thing is there (attacks B37), and it is asked again with every request (B36).
"""

from typing import Final

from aiohttp import web

from sealgate.http.inbound import authorization_of, caller_of, certificate_of, enter
from sealgate.http.problem import RequestRejected
from sealgate.http.target import BlobTarget, Catalog, ManifestTarget, Ping, Target, UploadSession, UploadStart
from sealgate.oci.naming import DEFAULT, Way
from sealgate.oci.reference import Repository
from sealgate.oci.wire import ErrorCode, printable
from sealgate.policy.access import AccessRules, Right
from sealgate.policy.identity import NOBODY, Identity
from sealgate.ports import Authenticator, Caller, Presented, Rights

_READ: Final = frozenset({Right.PULL, Right.INSPECT})
_WRITE: Final = frozenset({Right.PUSH, Right.SIGN})


class Door:
    """Lets requests in, or does not.

    Args:
        rights: who may do what.
        authenticator: who a client is; None asks nobody.
        pass_through: names of the upstreams that are asked with the client's own credentials.
        token_endpoint: the URL of the gate's own, for clients that are asked for a token.
        service: what the gate calls itself there.
    """

    def __init__(
        self,
        *,
        rights: Rights | None = None,
        authenticator: Authenticator | None = None,
        pass_through: frozenset[str] = frozenset({DEFAULT}),
        token_endpoint: str = "",
        service: str = "",
    ) -> None:
        self._rights = AccessRules() if rights is None else rights
        self._authenticator = authenticator
        self._pass_through = pass_through
        self._token_endpoint = token_endpoint
        self._service = service

    async def enter(
        self, request: web.BaseRequest, target: Target, repository: Repository | None, upstream: str | None, way: Way
    ) -> None:
        """Let a request in: after it, `inbound.caller_of` and `inbound.access_of` say who asks, and with what.

        Args:
            request: it.
            target: what it names.
            repository: the canonical name; None when it is about none.
            upstream: the registry that it is about; None when it is about none.
            way: how it said so.

        Raises:
            RequestRejected: nobody known, where somebody is asked for (401); no right to this (403).
            AuthenticationUnavailable: who it is cannot be checked.
        """
        identity = await self._identify(request, target)
        enter(request, identity, passes=self._passes(upstream, way))
        if repository is not None:
            self._authorize(request, target, repository)

    def _passes(self, upstream: str | None, way: Way) -> bool:
        """Whether the client's `Authorization` goes to this upstream. The one place that says so (attacks B28).

        Clients keep credentials by the host that they talk to. By the path, the gate's name stands before any upstream,
        so what comes that way is for none; and what is for the gate itself is for no other.
        """
        theirs = self._authenticator is None or self._authenticator.challenge is None
        return theirs and way is not Way.PATH and upstream in self._pass_through

    async def _identify(self, request: web.BaseRequest, target: Target) -> Identity:
        if self._authenticator is None:
            return NOBODY
        presented = Presented(authorization=authorization_of(request), certificate=certificate_of(request))
        identity = await self._authenticator.identify(presented)
        if identity is None:
            raise self._unauthorized(target, "these credentials are not good here")
        # Clients learn from `/v2/` alone whether they are to say who they are.
        asked = isinstance(target, Ping) and presented.authorization is None and self._authenticator.challenge
        if not identity.known and (asked or not self._authenticator.admits_nobody):
            raise self._unauthorized(target, "authentication required")
        return identity

    def _authorize(self, request: web.BaseRequest, target: Target, repository: Repository) -> None:
        caller = caller_of(request)
        needed = _needed(request.method, target)
        if not needed or any(self._rights.may(right, repository, caller) for right in needed):
            return
        if not caller.identity.known and self._authenticator is not None and self._authenticator.challenge is not None:
            raise self._unauthorized(target, "authentication required")
        raise RequestRejected(403, ErrorCode.DENIED, _told(caller, needed))

    def _unauthorized(self, target: Target, told: str) -> RequestRejected:
        challenge = None if self._authenticator is None else self._authenticator.challenge
        match challenge:
            case "basic":
                wanted = 'Basic realm="sealgate"'
            case "bearer":
                wanted = f'Bearer realm="{self._token_endpoint}",service="{self._service}"'
                if not isinstance(target, Ping | Catalog):
                    wanted += f',scope="repository:{target.repository}:pull"'
            case _:
                return RequestRejected(403, ErrorCode.DENIED, f"{told}: a client certificate that is known here")
        return RequestRejected(401, ErrorCode.UNAUTHORIZED, told, ("WWW-Authenticate", wanted))


def _needed(method: str, target: Target) -> frozenset[Right]:
    """Any one of which is enough to come in; what is pushed then decides between the right to push and to sign."""
    match target, method:
        case UploadStart() | UploadSession(), _:
            return _WRITE
        case ManifestTarget(), "PUT":
            return _WRITE
        case ManifestTarget() | BlobTarget(), "HEAD":
            return _READ | _WRITE  # pushes look whether a thing is there already
        case (ManifestTarget() | BlobTarget(), "DELETE") | (Ping() | Catalog(), _):
            return frozenset()  # deletes are asked about by the edge
        case _:
            return _READ


def _told(caller: Caller, needed: frozenset[Right]) -> str:
    who = printable(caller.identity.name, 200) or "nobody whom this gate does not know"
    verb = " or ".join(sorted(right.value for right in needed))
    return f"{who} has no right to {verb} here" if caller.identity.known else f"{who} may {verb} here"
