"""A gate that is killed at random moments while clients push and sign, and what must be true all the same.

What holds, whenever it is killed (design section 6, attacks F11):

- The registry has no tag that points to what the policies refuse.
- A push and a signature that were both acknowledged move the tag, without anybody asking again.
- A tag never goes back to an image whose push a later one has ended.
- Every hold ends: with its release, with a later push, or with its time.
"""

import asyncio
import itertools
import json
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from harness.cosign import Cosign, KeyPair
from harness.process import START_SECONDS, STOP_SECONDS, Shell, answers, free_port
from harness.servers import Server
from sealgate.adapters.clock import SystemClock
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import MANIFESTS
from sealgate.testing import images
from sealgate.testing.client import RegistryClient, Reply
from sealgate.testing.images import Artifact
from sealgate.testing.sigstore import (
    OciObject,
    PrivateSigstore,
    SigningKey,
    bundle_object,
    simple_signing_object,
)

WORKERS: Final = 4
HOLD_SECONDS: Final = 25
_SEALGATE: Final = str(Path(sys.executable).with_name("sealgate"))
_ANSWER_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 0.05
_SETTLE_SECONDS: Final = 60.0
POLICY: Final = """\
name: apps-are-signed
repositories: ["apps/**"]
on_unsigned_push: hold
rules:
  - name: release-key
    key_requirements:
      - {type: key, public_key: ours.pub}
      - {type: key, public_key: cosign.pub}
    rekor: {required: false}
"""

Ask = Callable[[RegistryClient], Awaitable[Reply]]


@dataclass(slots=True)
class Report:
    """What happened.

    Attributes:
        seed: with which the same moments are tried again.
        kills: how many times a gate was killed.
        during: how many of them hit something that was just going on, by what it was.
        counts: pushes and signatures, and what became of them.
        violations: what must not be, and was.
    """

    seed: int
    kills: int = 0
    during: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The table, line by line."""
        yield f"seed {self.seed}: {self.kills} times kill -9"
        for name, number in (*sorted(self.during.items()), *sorted(self.counts.items())):
            yield f"  {number:6}  {name}"
        yield f"  {len(self.violations):6}  violations"
        yield from self.violations


class Replica:
    """One gate, which is killed and started again."""

    def __init__(self, home: Path, settings: dict[str, object]) -> None:
        self.host = f"127.0.0.1:{free_port()}"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir()
        self.decisions = home / "decisions.jsonl"
        document = {**settings, "listen": self.host, "decision_log": str(self.decisions)}
        (home / "sealgate.yaml").write_text(json.dumps(document))  # JSON is YAML

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_SEALGATE, "serve", "--settings", "sealgate.yaml"],
                cwd=self._home, env=Shell(self._home).environment(), stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.host):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._home / "server.log").read_text()[-4000:])
            time.sleep(_AGAIN_SECONDS)

    def kill(self) -> None:
        """Kill it with -9, and wait until it is dead; nothing where it is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


class World:
    """The registry, the gates, and what is known of every image that was pushed."""

    def __init__(self, report: Report, clients: Sequence[RegistryClient], upstream: RegistryClient) -> None:
        self.report = report
        self.over = False
        self.sigstore = PrivateSigstore(now=SystemClock().now())
        self.ours, self.other = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
        self.signed: set[str] = set()
        self.ended: set[tuple[str, str, str]] = set()
        self.expected: dict[tuple[str, str], str | None] = {}
        self._upstream = upstream
        self._clients = itertools.cycle(clients)
        self._going_on: Counter[str] = Counter()
        self.place = f"apps/{secrets.token_hex(4)}"  # what no other run in this registry has
        self._seeds = itertools.count(secrets.randbelow(10**9))

    def image(self) -> Artifact:
        """One that nobody pushed before; some are indexes."""
        seed = next(self._seeds) * 10
        return images.index(seed=seed) if seed % 70 == 0 else images.oci_image(seed=seed)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """While the block runs, this goes on."""
        self._going_on[what] += 1
        try:
            yield
        finally:
            self._going_on[what] -= 1

    def killed(self) -> None:
        """Note what a kill has hit."""
        self.report.kills += 1
        hit = [what for what, number in self._going_on.items() if number > 0]
        for what in hit or ["nothing"]:
            self.report.during[f"kills during {what}"] += 1

    async def once(self, ask: Ask) -> Reply | None:
        """Ask a gate; None when there was no answer, or none that says yes or no."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reply = await ask(next(self._clients))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        return reply if reply.status < 500 else None

    async def insist(self, what: str, ask: Ask) -> Reply:
        """Ask again and again, as people and pipelines do."""
        with self.doing(what):
            while (reply := await self.once(ask)) is None:
                self.report.counts["requests without an answer"] += 1
                await asyncio.sleep(_AGAIN_SECONDS)
            return reply

    async def push(self, repository: str, artifact: Artifact, tag: str | None) -> None:
        """Push until it is acknowledged; a push by tag of what is not signed is held."""
        for part in (*artifact.children, artifact):
            for blob in part.blobs:
                await self.insist("push", lambda client, blob=blob: client.push_blob(repository, blob))
        for child in artifact.children:
            await self.insist("push", lambda client, child=child: client.push(repository, child))
        reply = await self.insist("push", lambda client: client.push(repository, artifact, tag))
        if reply.status != 201:
            self.report.violations.append(f"push of {repository}:{tag} was answered {reply.status}: {reply.body!r}")
        self.report.counts["pushes acknowledged"] += 1

    def carrier(self, artifact: Artifact, key: SigningKey, form: int) -> OciObject:
        """Its signature, in one of both forms."""
        if form:
            described = OciObject(manifest=artifact.raw, media_type=artifact.media_type)
            return bundle_object(self.sigstore.bundle(artifact.digest, key, logged=False), described.descriptor)
        return simple_signing_object(
            artifact.digest, [self.sigstore.simple_signature(artifact.digest, key, logged=False)]
        )

    async def points_to(self, repository: str, tag: str) -> str | None:
        """What a tag points to in the registry itself."""
        asked = {"Accept": ", ".join(MANIFESTS)}
        reply = await self._upstream.ask("HEAD", f"/v2/{repository}/manifests/{tag}", headers=asked)
        return reply.headers.get("docker-content-digest") if reply.status == 200 else None

    async def look(self) -> None:
        """Look at every tag in the registry itself."""
        for number in range(WORKERS):
            repository = f"{self.place}/w{number}"
            listed = await self._upstream.ask("GET", f"/v2/{repository}/tags/list")
            tags = (json.loads(listed.body)["tags"] or []) if listed.status == 200 else []
            for tag in tags:
                if tag.startswith("sha256-"):
                    continue
                digest = await self.points_to(repository, tag)
                self.report.counts["tags looked at"] += 1
                if digest not in self.signed:
                    self.report.violations.append(f"{repository}:{tag} points to {digest}, which nobody signed")
                if digest and (repository, tag, digest) in self.ended:
                    self.report.violations.append(f"{repository}:{tag} went back to {digest}")

    async def wrong(self) -> list[str]:
        """Which tags are not what they must be in the end."""
        found = []
        for (repository, tag), digest in self.expected.items():
            points_to = await self.points_to(repository, tag)
            if points_to != digest:
                found.append(f"{repository}:{tag} points to {points_to}, and not to {digest}")
        return found


class Worker:
    """Somebody who pushes and signs, one image after the other, each tag in a story of its own."""

    def __init__(
        self, world: World, number: int, rng: random.Random, cosign: tuple[Cosign, KeyPair, str] | None
    ) -> None:
        self._world = world
        self._repository = f"{world.place}/w{number}"
        self._rng = rng
        self._cosign = cosign

    async def run(self) -> None:
        stories = (
            self.signs, self.signs, self.signs_first, self.tries_to_sign_once, self.never_signs, self.signs_badly,
            self.pushes_another, self.leaves_a_later_push_unsigned,
        )  # fmt: skip
        for number in itertools.count():
            if self._world.over:
                return
            tag = f"t{number}"
            await self._rng.choice(stories)(tag)
            reply = await self._world.insist("pull", lambda client, tag=tag: client.pull(self._repository, tag))
            if reply.status == 200 and str(Digest.of(reply.body)) not in self._world.signed:
                self._world.report.violations.append(f"{self._repository}:{tag} was served, and nobody signed it")

    async def signs(self, tag: str) -> None:
        image = self._world.image()
        await self._push(image, tag)
        await self._sign(image, tag)

    async def signs_first(self, tag: str) -> None:
        image = self._world.image()
        await self._push(image, None)
        await self._sign(image, None)
        await self._push(image, tag)
        self._world.expected[self._repository, tag] = str(image.digest)

    async def tries_to_sign_once(self, tag: str) -> None:
        """What is not acknowledged may have come to pass or not; what is, has."""
        image = self._world.image()
        await self._push(image, tag)
        self._world.signed.add(str(image.digest))
        carrier = self._world.carrier(image, self._world.ours, self._rng.randrange(2))
        with self._world.doing("release"):
            reply = await self._world.once(lambda client: client.push_signature(self._repository, carrier))
        if reply is not None and reply.status == 201:
            self._world.expected[self._repository, tag] = str(image.digest)
            self._world.report.counts["signatures acknowledged"] += 1

    async def never_signs(self, tag: str) -> None:
        await self._push(self._world.image(), tag)
        self._world.expected[self._repository, tag] = None

    async def signs_badly(self, tag: str) -> None:
        image = self._world.image()
        await self._push(image, tag)
        carrier = self._world.carrier(image, self._world.other, self._rng.randrange(2))
        await self._world.insist("sign", lambda client: client.push_signature(self._repository, carrier))
        self._world.expected[self._repository, tag] = None

    async def pushes_another(self, tag: str) -> None:
        """Whose push ends the first one's, though that is signed later."""
        first, second = self._world.image(), self._world.image()
        await self._push(first, tag)
        await self._push(second, tag)
        self._world.ended.add((self._repository, tag, str(first.digest)))
        await self._sign(first, None)
        await self._sign(second, tag)

    async def leaves_a_later_push_unsigned(self, tag: str) -> None:
        await self.signs(tag)
        await self._push(self._world.image(), tag)

    async def _push(self, image: Artifact, tag: str | None) -> None:
        await self._world.push(self._repository, image, tag)

    async def _sign(self, image: Artifact, tag: str | None) -> None:
        """Sign until it is acknowledged. From then on the tag moves, if it is said to and the time was not over."""
        began = time.monotonic()
        self._world.signed.add(str(image.digest))
        if self._cosign is not None and self._rng.random() < 0.5:
            cosign, key, host = self._cosign
            with self._world.doing("release"):
                while not (await asyncio.to_thread(cosign.sign, f"{host}/{self._repository}@{image.digest}", key)).ok:
                    self._world.report.counts["cosigns that failed"] += 1
        else:
            carrier = self._world.carrier(image, self._world.ours, self._rng.randrange(2))
            for blob in carrier.blobs.values():
                await self._world.insist("sign", lambda client, blob=blob: client.push_blob(self._repository, blob))
            reply = await self._world.insist("release", lambda client: client.push_signature(self._repository, carrier))
            if reply.status != 201:
                self._world.report.violations.append(f"a signature was answered {reply.status}: {reply.body!r}")
        self._world.report.counts["signatures acknowledged"] += 1
        if tag is not None and time.monotonic() - began < HOLD_SECONDS / 2:
            self._world.expected[self._repository, tag] = str(image.digest)


async def chaos(
    home: Path, registry: Server, state: Sequence[dict[str, object]], *, kills: int, seed: int,
    cosigns: Sequence[tuple[Cosign, KeyPair]] = (),
) -> Report:  # fmt: skip
    """Kill gates while clients push and sign.

    Args:
        home: for their files.
        registry: what they stand before.
        state: what each gate's settings say of its state; as many gates as there are.
        kills: how many times one of them is killed.
        seed: of the moments, and of what clients do.
        cosigns: real ones that sign beside our own signatures, all with one key.
    """
    report = Report(seed)
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    (home / "policies").mkdir(parents=True)
    settings: dict[str, object] = {
        "upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}],
        "policies": [str(home / "policies")],
        "hold_ttl": HOLD_SECONDS,
    }
    async with AsyncExitStack() as stack:
        replicas = [Replica(home / f"gate-{number}", settings | said) for number, said in enumerate(state)]
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        clients = [RegistryClient(f"http://{replica.host}", session) for replica in replicas]
        world = World(report, clients, RegistryClient(registry.url, session))
        (home / "policies" / "policy.yaml").write_text(POLICY)
        (home / "policies" / "ours.pub").write_bytes(world.ours.public_pem)
        theirs = cosigns[0][1].public.read_bytes() if cosigns else world.ours.public_pem
        (home / "policies" / "cosign.pub").write_bytes(theirs)
        for replica in replicas:
            stack.callback(replica.stop)
            await asyncio.to_thread(replica.start)
        hosts = [replica.host for replica in replicas]
        signers = [(*cosign, host) for cosign, host in zip(cosigns, itertools.cycle(hosts), strict=False)]
        workers = [
            Worker(world, number, random.Random(f"{seed} {number}"), signer)  # noqa: S311
            for number, signer in itertools.zip_longest(range(WORKERS), signers[:WORKERS])
        ]
        async with _running(world, workers):
            for number in range(kills):
                await asyncio.sleep(rng.uniform(0, 1))
                replica = replicas[number % len(replicas)]
                replica.kill()
                world.killed()
                await world.look()
                await asyncio.to_thread(replica.start)
        await _settle(world, home / "gate-0" / "sealgate.yaml")
    _count_events(report, replicas)
    return report


@asynccontextmanager
async def _running(world: World, workers: Sequence[Worker]) -> AsyncIterator[None]:
    """While the block runs, they work; then each ends its story."""
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker.run())
        try:
            yield
        finally:
            world.over = True


async def _settle(world: World, settings: Path) -> None:
    """Wait until everything is as it must be, and nothing waits any more; what is not by then is a violation."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (wrong := await world.wrong()) and time.monotonic() < deadline:  # noqa: ASYNC110 - it is in the registry
        await asyncio.sleep(1)
    while (held := await _held(settings)) and time.monotonic() < deadline + HOLD_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(1)
    await world.look()
    world.report.counts["tags that are what they must be"] = len(world.expected) - len(wrong)
    world.report.violations += wrong
    world.report.violations += [f"{one['repository']}:{one['tag']} is held still" for one in held]


async def _held(settings: Path) -> list[dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        _SEALGATE, "holds", "list", "--json", "--settings", str(settings),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await process.communicate()
    found: list[dict[str, str]] = json.loads(told)
    return found


def _count_events(report: Report, replicas: Sequence[Replica]) -> None:
    for replica in replicas:
        for line in replica.decisions.read_bytes().splitlines():
            with suppress(ValueError):  # cut short by a kill
                event = json.loads(line)["event"]
                if event:
                    report.counts[f"events: {event}"] += 1
