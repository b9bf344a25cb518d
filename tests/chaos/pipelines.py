"""Pipelines that build, push and sign without end, and take a killed gate as CI takes it: they try again."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
from world import REPOSITORY, Signature, World

from sealgate.testing import images
from sealgate.testing.client import RegistryClient, Reply
from sealgate.testing.images import Artifact

RELEASE_SECONDS = 50.0
"""How long a release may take that was acknowledged: a gate is started in seconds, and looks every five."""

LOOK_SECONDS = 0.05
AGAIN_SECONDS = 0.1
TAGS = 3
COSIGN_EVERY = 8
PHASES = ("push", "sign", "release")


class Refused(Exception):
    """An answer that trying again does not mend."""


@dataclass(slots=True)
class Tally:
    """What happened. `violations` are what must not."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.1))
    violations: list[str] = field(default_factory=list)
    may_be: dict[str, set[str | None]] = field(default_factory=dict)
    """By tag: what it may point to. An older one than what was released is not among it."""


class Pipeline:
    """One of them, with tags of its own: each is pushed over and over.

    Attributes:
        phase: what it does just now; "" between two rounds.
        gate: the number of the gate that it talks to.
    """

    def __init__(self, number: int, world: World, tally: Tally) -> None:
        self.phase = ""
        self.gate = 0
        self.tag = ""
        self.wanted = ""
        self._number = number
        self._world = world
        self._tally = tally
        self._rounds = 0
        self._entered = 0.0
        self._reached: dict[str, asyncio.Event] = {phase: asyncio.Event() for phase in PHASES}

    async def reaches(self, phase: str) -> None:
        """Wait until it comes to this phase next."""
        self._reached[phase].clear()
        await self._reached[phase].wait()

    async def run(self, over: asyncio.Event) -> None:
        """Round after round, until it is over; the last one is gone through to its end."""
        while not over.is_set():
            try:
                await self._round()
            except Refused as refused:
                self._tally.violations.append(f"pipeline {self._number}, round {self._rounds}: {refused}")
            finally:
                self.phase = ""

    async def _round(self) -> None:
        self._rounds += 1
        seed = self._number * 1_000_000 + self._rounds
        image = images.oci_image(seed=seed)
        if self._rounds % 5 == 0:
            await self._unsigned(image)
            return
        self.tag, self.wanted = f"p{self._number}-{self._rounds % TAGS}", str(image.digest)
        self._tally.may_be.setdefault(self.tag, {None}).add(self.wanted)
        self._enter("push")
        await self._push(image, self.tag)
        further: asyncio.Task[None] | None = None
        if self._rounds % 4 == 1:  # while it is signed, somebody gives it another name
            name = f"also-{self._number}-{self._rounds}"
            self._tally.may_be[name] = {None, self.wanted}
            further = asyncio.create_task(self._push(image, name))
        self._enter("sign")
        if self._world.cosigns and self._rounds % COSIGN_EVERY == self._number % COSIGN_EVERY:
            await self._cosign()
        else:
            await self._sign(image)
        self._tally.counts["acknowledged and signed"] += 1
        await self._released(self.tag)
        self._tally.may_be[self.tag] = {self.wanted}
        if further is not None:
            await further
            self._tally.counts["acknowledged and signed"] += 1
            await self._released(name)

    async def _unsigned(self, image: Artifact) -> None:
        """Pushed, and signed by nobody who counts, or by nobody: it must never be seen, and its hold must end."""
        name = f"never-{self._number}-{self._rounds}"
        self._tally.may_be[name] = {None}
        self._enter("push")
        await self._push(image, name)
        if self._rounds % 2:
            self._enter("sign")
            await self._store(self._world.sign(image, bundle=False, key=self._world.other_key))

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._entered = time.monotonic()
        self._reached[phase].set()

    def _took(self, phase: str) -> None:
        """How long it usually takes, so that kills come anywhere in it."""
        known = self._tally.seconds
        known[phase] = 0.8 * known[phase] + 0.2 * (time.monotonic() - self._entered)

    async def _push(self, image: Artifact, tag: str) -> None:
        async def once(client: RegistryClient) -> Reply:
            if self.phase == "push":  # and not the further name of what is signed just now
                self._enter("push")
            return await client.push(REPOSITORY, image, tag)

        await self._until_taken("push", once)
        self._tally.counts["pushes acknowledged"] += 1

    async def _sign(self, image: Artifact) -> None:
        bundle = self._rounds % 2 == 0
        await self._store(self._world.sign(image, bundle=bundle))

    async def _store(self, signature: Signature) -> None:
        async def once(client: RegistryClient) -> Reply:
            self._enter("sign")
            *first, last = signature.objects
            for each in first:
                if (reply := await client.push_signature(REPOSITORY, each)).status >= 400:
                    return reply
            for blob in last.blobs.values():
                if (reply := await client.push_blob(REPOSITORY, blob)).status >= 400:
                    return reply
            self._enter("release")  # it happens before this is answered
            return await client.push_manifest(REPOSITORY, last.tag or str(last.digest), last.manifest, last.media_type)

        await self._until_taken("sign", once)
        self._tally.counts["signatures acknowledged"] += 1

    async def _cosign(self) -> None:
        """With the real one, as a pipeline does."""
        world = self._world
        assert world.cosign_key is not None
        world.by_cosign.add(self.wanted)
        cosign = world.cosigns[self._rounds // COSIGN_EVERY % len(world.cosigns)]
        while True:
            self.gate = world.chance.randrange(len(world.replicas))
            reference = f"{world.replicas[self.gate].host}/{REPOSITORY}@{self.wanted}"
            if (await asyncio.to_thread(cosign.sign, reference, world.cosign_key)).ok:
                break
            self._tally.counts["tried again"] += 1
            await asyncio.sleep(AGAIN_SECONDS)
        self._tally.counts["signatures acknowledged"] += 1
        self._tally.counts["of them by cosign"] += 1

    async def _until_taken(self, what: str, ask: Callable[[RegistryClient], Awaitable[Reply]]) -> None:
        """Ask any gate, and again, until it says yes. A refusal is none that a kill explains."""
        while True:
            self.gate = self._world.chance.randrange(len(self._world.replicas))
            try:
                reply = await ask(self._world.client(self._world.replicas[self.gate]))
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._tally.counts["tried again"] += 1
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if reply.status == 201:
                self._took(self.phase or what)
                return
            if reply.status < 500 and reply.status != 404:  # an upload may be gone with the gate that began it
                raise Refused(f"{what}: {reply.status} {reply.body!r}")
            self._tally.counts["tried again"] += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def _released(self, tag: str) -> None:
        """Its tag moves, whatever is killed."""
        deadline = time.monotonic() + RELEASE_SECONDS
        while (found := await self._world.points_to(tag)) != self.wanted:
            if found not in self._tally.may_be[tag]:
                self._tally.violations.append(f"{tag} points to {found}, which is older than what was released")
            if time.monotonic() > deadline:
                raise Refused(f"LOST: {tag} was to point to {self.wanted}, and points to {found}")
            await asyncio.sleep(LOOK_SECONDS)
        self._tally.counts["released"] += 1
