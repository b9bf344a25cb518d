"""A running edge over a world of fakes: a registry in dictionaries, and use cases that decide what they are told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from sealgate.admission.pull import PulledManifest
from sealgate.admission.push import PushedManifest
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import RegistryProblem, UpstreamRefused
from sealgate.evidence.reason import Reason
from sealgate.http.edge import Edge
from sealgate.http.server import Running, serve
from sealgate.oci.digest import Digest
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.oci.reference import Reference, Repository, Tag, named
from sealgate.policy.decision import Decision, Finding, Outcome
from sealgate.policy.model import Operation
from sealgate.ports import (
    Access,
    BlobHead,
    BlobStream,
    ByteRange,
    Caller,
    CatalogPage,
    DecisionRecord,
    FetchedManifest,
    ReferrersPage,
    StoredManifest,
    TagPage,
    UploadProgress,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def admit(digest: Digest, *warnings: str) -> Decision:
    return Decision(outcome=Outcome.ADMIT, digest=digest, valid_until=NOW, warnings=tuple(warnings))


def deny(digest: Digest, reason: Reason = Reason.SIGNATURE_MISSING, outcome: Outcome = Outcome.DENY) -> Decision:
    return Decision(
        outcome=outcome,
        digest=digest,
        valid_until=NOW,
        finding=Finding(reason=reason, text="no signature was found"),
        policy="require-signatures",
        rule="signed",
        cure="sign it with `cosign sign {reference}`",
    )


def record(decision: Decision, operation: Operation, about: str, caller: Caller) -> DecisionRecord:
    return DecisionRecord(
        identifier="01JDECISION",
        at=NOW,
        caller=caller,
        operation=operation,
        repository=Repository(about.partition("@")[0].partition(":")[0]),
        reference=about,
        decision=decision,
        policies="0" * 64,
        cached=False,
        took_ms=1.0,
    )


@dataclass
class World:
    """What there is, what is decided about it, what goes wrong, and what was asked."""

    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)  # by `repo:tag` and `repo@digest`
    blobs: dict[str, bytes] = field(default_factory=dict)  # by `repo@digest`
    decisions: dict[Digest, Decision] = field(default_factory=dict)  # absent: denied
    failing: dict[str, Exception] = field(default_factory=dict)  # by the name of the call
    uploads_refused: Decision | None = None
    known_manifests: set[Digest] = field(default_factory=set)
    referring: ReferrersPage = field(default_factory=lambda: ReferrersPage(supported=True))
    tag_page: TagPage = field(default_factory=lambda: TagPage(tags=(Tag("a"), Tag("b")), last=None))
    pieces: Callable[[bytes], Sequence[bytes]] = lambda content: [content]
    size_said: int | None = None
    subject: Digest | None = None
    called_by: Digest | None = None  # what the registry calls every blob, whatever it was asked for by
    takes_blobs_whole: bool = True  # in one POST, and mounts
    readers: set[str] = field(default_factory=set)  # repositories that everybody may read, where rights are asked
    deleters: set[str] = field(default_factory=set)
    warning: str = ""  # of every answer of the registry
    repositories: tuple[str, ...] = ()
    hold: asyncio.Event | None = None  # a blob's stream waits here before its last piece
    calls: list[tuple[object, ...]] = field(default_factory=list)
    uploading: asyncio.Event = field(default_factory=asyncio.Event)
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, repository: str, tag: str, raw: bytes, decide: Callable[[Digest], Decision] = admit) -> Digest:
        digest = Digest.of(raw)
        for key in (f"{repository}:{tag}", f"{repository}@{digest}", f"{repository}@{Digest.of(raw, 'sha512')}"):
            self.manifests[key] = (raw, MANIFEST)
        self.decisions[digest] = decide(digest)
        return digest

    def add_blob(
        self, repository: str, content: bytes, algorithm: str = "sha256", decide: Callable[[Digest], Decision] = admit
    ) -> Digest:
        digest = Digest.of(content, algorithm)
        self.blobs[f"{repository}@{digest}"] = content
        self.decisions[digest] = decide(digest)
        return digest

    def called(self, call: str, *arguments: object) -> None:
        self.calls.append((call, *arguments))
        if call in self.failing:
            raise self.failing[call]

    def made(self, call: str) -> list[tuple[object, ...]]:
        return [arguments for name, *arguments in self.calls if name == call]


class FakePull:
    def __init__(self, world: World) -> None:
        self._world = world

    async def manifest(
        self, repository: Repository, reference: Reference, accept: tuple[str, ...], access: Access, caller: Caller
    ) -> PulledManifest:
        self._world.called("pull", repository, reference, accept, access, caller)
        about = named(repository, reference)
        if about not in self._world.manifests:
            raise UpstreamRefused(404, problems=(RegistryProblem("MANIFEST_UNKNOWN", "manifest unknown"),))
        raw, content_type = self._world.manifests[about]
        digest = Digest.of(raw)
        decision = self._world.decisions.get(digest) or deny(digest)
        return PulledManifest(
            manifest=FetchedManifest(raw=raw, content_type=content_type, digest=digest),
            record=record(decision, Operation.PULL, about, caller),
        )

    async def blob(self, repository: Repository, digest: Digest, access: Access, caller: Caller) -> DecisionRecord:
        self._world.called("pull blob", repository, digest, access, caller)
        decision = self._world.decisions.get(digest) or deny(digest, Reason.BLOB_NOT_ADMITTED)
        return record(decision, Operation.PULL, f"{repository}@{digest}", caller)

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        self._world.called("is manifest", repository, digest)
        return digest in self._world.known_manifests


class FakePush:
    def __init__(self, world: World) -> None:
        self._world = world

    def may_upload(self, repository: Repository, caller: Caller) -> DecisionRecord | None:
        self._world.called("may upload", repository, caller)
        refused = self._world.uploads_refused
        return record(refused, Operation.PUSH, repository.name, caller) if refused else None

    async def manifest(
        self,
        repository: Repository,
        reference: Reference,
        content_type: str,
        raw: bytes,
        access: Access,
        caller: Caller,
    ) -> PushedManifest:
        self._world.called("push", repository, reference, content_type, raw, access, caller)
        digest, about = Digest.of(raw), named(repository, reference)
        stored = StoredManifest(subject=self._world.subject)
        if isinstance(reference, Digest):
            return PushedManifest(digest=digest, record=None, stored=stored, moved=True)
        decision = self._world.decisions.get(digest) or deny(digest)
        return PushedManifest(
            digest=digest,
            record=record(decision, Operation.PUSH, about, caller),
            stored=stored,
            moved=decision.admitted,
        )


class FakeDeletes:
    def __init__(self, world: World) -> None:
        self._world = world

    async def manifest(self, repository: Repository, reference: Reference, access: Access) -> None:
        self._world.called("delete manifest", repository, reference, access)

    async def blob(self, repository: Repository, digest: Digest, access: Access) -> None:
        self._world.called("delete blob", repository, digest, access)


class FakeRights:
    def __init__(self, world: World) -> None:
        self._world = world

    def may_pull(self, repository: Repository, caller: Caller) -> bool:
        return repository.name in self._world.readers

    def may_delete(self, repository: Repository, caller: Caller) -> bool:
        return repository.name in self._world.deleters


class FakeUpstream:
    name = "default"

    def __init__(self, world: World) -> None:
        self._world = world

    async def ping(self, access: Access) -> None:
        self._warn(access)
        self._world.called("ping", access)

    def _warn(self, access: Access) -> None:
        if self._world.warning and access.warned is not None:
            access.warned(self._world.warning)

    async def blob_head(self, repository: Repository, digest: Digest, access: Access) -> BlobHead:
        self._world.called("blob head", repository, digest, access)
        content = self._world.blobs.get(f"{repository}@{digest}")
        if content is None:
            raise UpstreamRefused(404)
        return BlobHead(size=len(content), content_type="text/html", digest=self._world.called_by or digest)

    @asynccontextmanager
    async def blob(
        self, repository: Repository, digest: Digest, wanted: ByteRange | None, access: Access
    ) -> AsyncIterator[BlobStream]:
        self._world.called("blob", repository, digest, wanted, access)
        self._warn(access)
        content = self._world.blobs[f"{repository}@{digest}"]
        status, said = 200, ""
        if wanted is not None:
            first = len(content) - (wanted.last or 0) if wanted.first is None else wanted.first
            last = len(content) - 1 if wanted.last is None or wanted.first is None else wanted.last
            status, said = 206, f"bytes {first}-{last}/{len(content)}"
            content = content[first : last + 1]
        size = len(content) if self._world.size_said is None else self._world.size_said
        try:
            called = self._world.called_by or digest
            yield BlobStream(status=status, digest=called, size=size, content_range=said, chunks=self._pieces(content))
        finally:
            self._world.left.set()

    async def _pieces(self, content: bytes) -> AsyncIterator[bytes]:
        pieces = list(self._world.pieces(content))
        for number, piece in enumerate(pieces):
            if self._world.hold is not None and number == len(pieces) - 1:
                self._world.streaming.set()
                await self._world.hold.wait()
            yield piece
        if "chunks" in self._world.failing:
            raise self._world.failing["chunks"]

    async def start_upload(self, repository: Repository, access: Access) -> UploadProgress:
        self._world.called("start upload", repository, access)
        return self._session(repository)

    def _session(self, repository: Repository) -> UploadProgress:
        return UploadProgress(location=f"/v2/{repository}/blobs/uploads/uuid?_state=secret", minimum_chunk=7)

    async def push_blob(
        self, repository: Repository, digest: Digest, body: AsyncIterator[bytes], length: int | None, access: Access
    ) -> UploadProgress | None:
        self._world.called("push blob", repository, digest, length, access)
        if not self._world.takes_blobs_whole:
            return self._session(repository)
        self._world.called("received", b"".join([chunk async for chunk in body]))
        return None

    async def mount_blob(
        self, repository: Repository, digest: Digest, source: Repository, access: Access
    ) -> UploadProgress | None:
        self._world.called("mount blob", repository, digest, source, access)
        return None if self._world.takes_blobs_whole else self._session(repository)

    async def upload_chunk(
        self,
        repository: Repository,
        location: str,
        body: AsyncIterator[bytes],
        length: int | None,
        content_range: str | None,
        access: Access,
    ) -> UploadProgress:
        self._world.called("upload chunk", repository, location, length, content_range, access)
        self._world.uploading.set()
        content = b"".join([chunk async for chunk in body])
        self._world.called("received", content)
        return UploadProgress(location=f"{location}2", received=len(content))

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
        self._world.called("finish upload", repository, location, digest, length, content_range, access)
        self._world.called("received", b"".join([chunk async for chunk in body]))
        return self._world.called_by or digest

    async def upload_progress(self, repository: Repository, location: str, access: Access) -> UploadProgress:
        self._world.called("upload progress", repository, location, access)
        return UploadProgress(location=location, received=0)

    async def cancel_upload(self, repository: Repository, location: str, access: Access) -> None:
        self._world.called("cancel upload", repository, location, access)

    async def tags(self, repository: Repository, most: int | None, last: str, access: Access) -> TagPage:
        self._world.called("tags", repository, most, last, access)
        return self._world.tag_page

    async def catalog(self, most: int | None, last: str, access: Access) -> CatalogPage:
        self._world.called("catalog", most, last, access)
        return CatalogPage(repositories=tuple(map(Repository, self._world.repositories)), last=None)

    async def referrers(self, repository: Repository, digest: Digest, access: Access) -> ReferrersPage:
        self._world.called("referrers", repository, digest, access)
        return self._world.referring


@dataclass(frozen=True)
class Answer:
    """An answer as it stood on the wire."""

    status: int
    phrase: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool  # all that Content-Length promised came
    closed: bool  # the connection ended after it

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str:
        return ", ".join(self.all(name))


@dataclass(frozen=True)
class Gate:
    """A running edge, and a client that sends exactly what it is told to."""

    world: World
    edge: Edge
    running: Running

    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.running.port)
        self.writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        self.writers.clear()

    async def raw(self, sent: bytes, *, method: str = "GET") -> Answer:
        """Send bytes, read one answer."""
        reader, writer = await self.connect()
        writer.write(sent)
        answer = await self.read(reader, method)
        await self.hang_up()
        return answer

    async def ask(self, method: str, target: str, *headers: tuple[str, str], body: bytes | None = None) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: gate.example", *(f"{name}: {value}" for name, value in headers)]
        if body is not None and not any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        return await self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""), method=method)

    @staticmethod
    async def read(reader: asyncio.StreamReader, method: str = "GET") -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, status, phrase = head[0].split(" ", 2)
        headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in head[1:] if line))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body, whole = b"", True
        if method != "HEAD" and status != "204":
            try:
                body = await reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                body, whole = getattr(error, "partial", b""), False
        closed = any(name.lower() == "connection" and value == "close" for name, value in headers)
        return Answer(int(status), phrase, headers, body, whole, closed)


@pytest.fixture
def world() -> World:
    return World()


@asynccontextmanager
async def serving(world: World, rights: FakeRights | None = None, *, catalog: bool = False) -> AsyncIterator[Gate]:
    edge = Edge(
        upstream=FakeUpstream(world),
        registries={"default": FakeUpstream(world)},
        names=Names([NamedRegistry(name="default", address="registry.example:5000")], "gate.example"),
        pull=FakePull(world),
        push=FakePush(world),
        deletes=FakeDeletes(world),
        seal=UploadSeal(b"s" * 32),
        rights=rights,
        catalog=catalog,
    )
    running = await serve(edge, "127.0.0.1", 0)
    made = Gate(world, edge, running)
    yield made
    await made.hang_up()
    await running.stop(0.1)


@pytest.fixture
async def gate(world: World) -> AsyncIterator[Gate]:
    """A gate as most people run it: rights are the upstream's to grant."""
    async with serving(world) as made:
        yield made


@pytest.fixture
async def governed(world: World) -> AsyncIterator[Gate]:
    """A gate that knows who may read and delete where, and lists repositories."""
    async with serving(world, FakeRights(world), catalog=True) as made:
        yield made


@pytest.fixture
def decisions() -> SimpleNamespace:
    """`admit`, `deny` and `record`, since test modules cannot import from here."""
    return SimpleNamespace(admit=admit, deny=deny, record=record)
