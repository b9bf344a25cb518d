"""The route grammar: a raw request target is one of a few known things, or nothing (attacks section 0.1, B12, B13).

The target is matched as it came, never decoded, folded or normalised: a spelling that two readers could take for
different things is no target at all. What matches is taken apart into types, and every request to the upstream is
built from those types alone. Nothing of the target is forwarded.

Source: distribution-spec 1.1, "Endpoints". A name may hold the words of the grammar (`a/manifests/b`); as in
Distribution, the rightmost word counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from sealgate.errors import ReferenceMalformed
from sealgate.http.problem import RequestRejected
from sealgate.http.query import read_query
from sealgate.limits import REQUEST_TARGET_BYTES
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Reference, Repository, Tag
from sealgate.oci.wire import ErrorCode

_PATH: Final = re.compile(r"/v2/[A-Za-z0-9._:/-]*", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ping:
    """`/v2/`."""

    called: ClassVar = "ping"
    methods: ClassVar = ("GET", "HEAD")
    parameters: ClassVar = frozenset({"ns"})


@dataclass(frozen=True, slots=True)
class Catalog:
    """`/v2/_catalog`: of Distribution, not of the specification; answered only where the settings say so."""

    called: ClassVar = "catalog"
    methods: ClassVar = ("GET", "HEAD")
    parameters: ClassVar = frozenset({"ns", "n", "last"})


@dataclass(frozen=True, slots=True)
class ManifestTarget:
    """`/v2/<name>/manifests/<reference>`."""

    repository: Repository
    reference: Reference
    called: ClassVar = "manifest"
    methods: ClassVar = ("GET", "HEAD", "PUT", "DELETE")
    parameters: ClassVar = frozenset({"ns"})


@dataclass(frozen=True, slots=True)
class BlobTarget:
    """`/v2/<name>/blobs/<digest>`."""

    repository: Repository
    digest: Digest
    called: ClassVar = "blob"
    methods: ClassVar = ("GET", "HEAD", "DELETE")
    parameters: ClassVar = frozenset({"ns"})


@dataclass(frozen=True, slots=True)
class UploadStart:
    """`/v2/<name>/blobs/uploads/`."""

    repository: Repository
    called: ClassVar = "upload"
    methods: ClassVar = ("POST",)
    parameters: ClassVar = frozenset({"ns", "digest", "mount", "from"})


@dataclass(frozen=True, slots=True)
class UploadSession:
    """`/v2/<name>/blobs/uploads/<token>`, the token being one of the gate's own making."""

    repository: Repository
    token: str
    called: ClassVar = "upload"
    methods: ClassVar = ("GET", "PATCH", "PUT", "DELETE")
    parameters: ClassVar = frozenset({"ns", "digest"})


@dataclass(frozen=True, slots=True)
class TagsTarget:
    """`/v2/<name>/tags/list`."""

    repository: Repository
    called: ClassVar = "tags"
    methods: ClassVar = ("GET", "HEAD")
    parameters: ClassVar = frozenset({"ns", "n", "last"})


@dataclass(frozen=True, slots=True)
class ReferrersTarget:
    """`/v2/<name>/referrers/<digest>`."""

    repository: Repository
    digest: Digest
    called: ClassVar = "referrers"
    methods: ClassVar = ("GET", "HEAD")
    parameters: ClassVar = frozenset({"ns", "artifactType"})


RepositoryTarget: TypeAlias = ManifestTarget | BlobTarget | UploadStart | UploadSession | TagsTarget | ReferrersTarget
Target: TypeAlias = Ping | Catalog | RepositoryTarget


def parse_target(raw: str) -> tuple[Target, Mapping[str, str]]:
    """Read a request target as it stood in the request line: what it names, and what its query asks.

    Raises:
        ReferenceMalformed: it is none of the grammar: it has `%`, `//`, a dot segment, `;`, a trailing slash, another
            form than origin-form, a name or tag that is none, or is too long.
        RequestRejected: where a digest has to be there is none (400), or a parameter that this target knows is
            repeated or unreadable (400).
    """
    path, _, query = raw.partition("?")
    if len(raw) > REQUEST_TARGET_BYTES or not _PATH.fullmatch(path):
        raise ReferenceMalformed("there is no such path at a registry")
    target = _target(path)
    return target, read_query(query, target.parameters)


def _target(path: str) -> Target:
    match path.removeprefix("/v2/").split("/"):
        case [""]:
            return Ping()
        case ["_catalog"]:
            return Catalog()
        case [*name, "manifests", reference]:
            return ManifestTarget(_repository(name), _digest(reference) if ":" in reference else Tag.parse(reference))
        case [*name, "tags", "list"]:
            return TagsTarget(_repository(name))
        case [*name, "blobs", "uploads", ""]:
            return UploadStart(_repository(name))
        case [*name, "blobs", "uploads", token] if _TOKEN.fullmatch(token):
            return UploadSession(_repository(name), token)
        case [*name, "blobs", digest]:
            return BlobTarget(_repository(name), _digest(digest))
        case [*name, "referrers", digest]:
            return ReferrersTarget(_repository(name), _digest(digest))
        case _:
            raise ReferenceMalformed("there is no such path at a registry")


def _repository(components: list[str]) -> Repository:
    return Repository.parse("/".join(components))


def _digest(text: str) -> Digest:
    """A digest. Registries answer 400 to what only looks like one, which is not the 404 of what is not there (B14)."""
    try:
        return Digest.parse(text)
    except ReferenceMalformed as error:
        if ":" not in text:
            raise
        raise RequestRejected(400, ErrorCode.DIGEST_INVALID, str(error)) from error
