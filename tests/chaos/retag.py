"""32 clients that push, re-tag and sign the same tag at once, while others read it: whatever is served was admitted.

Part of `make chaos`. The registry is asked directly all the while, too: the tag never points to what is not signed, and
never goes back to a push that came before the one it has shown.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rich.console import Console
from rich.table import Table
from world import REPOSITORY, World, made

from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.client import Reply

CLIENTS = 32
READERS = 4
TAG = "latest"
MOVES = 5
SLOW_SECONDS = 90.0
LOOK_SECONDS = 0.02


class Race:
    """What the clients do, and what is seen of it.

    Attributes:
        served: how often the gate served which digest by the tag.
        seen: what the tag pointed to at the registry, in order.
    """

    def __init__(self, world: World, seconds: float) -> None:
        self.counts: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.seen: list[str] = []
        self.violations: list[str] = []
        self._world = world
        self._end = time.monotonic() + seconds
        self._signing_seconds = 1.0

    async def run(self) -> None:
        """All at once, until the time is over; then what was seen is held against what was pushed and signed."""
        await asyncio.gather(self._rounds(), *(self._reader() for _ in range(READERS)), self._watch())
        await self._judge()

    def _over(self) -> bool:
        """A slow machine has more time, until the tag has moved a few times."""
        late = time.monotonic() - self._end
        return late > SLOW_SECONDS or (late > 0 and len(self.seen) >= MOVES and self.counts["released"] > 0)

    async def _rounds(self) -> None:
        """All push the tag at once, then all sign at once: else no push lives long enough to be signed."""
        rounds = 0
        while not self._over():
            rounds += 1
            signing = await asyncio.gather(*(self._push(number, rounds) for number in range(CLIENTS)))
            begun = time.monotonic()
            await asyncio.gather(*(each() for each in signing))
            self._signing_seconds = time.monotonic() - begun

    async def _push(self, number: int, rounds: int) -> Callable[[], Awaitable[None]]:
        """Gives the second half. One client moves the tag to what it has signed before, while the others sign what
        they pushed: one with a key that does not count."""
        world, kind = self._world, (number + rounds) % CLIENTS
        client = world.client(world.replicas[number % len(world.replicas)])
        image = images.oci_image(seed=number * 1_000_000 + rounds)
        signature = world.sign(image, bundle=rounds % 2 == 0, key=world.other_key if kind == 1 else None)
        for blob in (*image.blobs, *(blob for each in signature.objects for blob in each.blobs.values())):
            await self._taken(client.push_blob(REPOSITORY, blob))
        put = partial(client.push_manifest, REPOSITORY)

        async def sign() -> None:
            for each in signature.objects:
                await self._taken(put(each.tag or str(each.digest), each.manifest, each.media_type))

        async def tag() -> None:
            await asyncio.sleep(world.chance.uniform(0, 2 * self._signing_seconds))
            await self._taken(put(TAG, image.raw, image.media_type))

        if kind == 0:
            await self._taken(put(str(image.digest), image.raw, image.media_type))
            await sign()
        else:
            await self._taken(put(TAG, image.raw, image.media_type))
        self.counts["signed before" if kind == 0 else "signed by another" if kind == 1 else "signed after"] += 1
        return tag if kind == 0 else sign

    async def _taken(self, asked: Awaitable[Reply]) -> None:
        if (reply := await asked).status != 201:
            self.violations.append(f"a push was answered {reply.status}: {reply.body!r}")
        self.counts["released"] += " now is " in reply.headers.get("warning", "")

    async def _reader(self) -> None:
        world = self._world
        while not self._over():
            for replica in world.replicas:
                reply = await world.client(replica).pull(REPOSITORY, TAG)
                if reply.status == 200:
                    self.served[str(Digest.of(reply.body))] += 1
                else:
                    self.counts[f"reads answered {reply.status}"] += 1
                await asyncio.sleep(LOOK_SECONDS)

    async def _watch(self) -> None:
        while not self._over():
            found = await self._world.points_to(TAG)
            if found is not None and (not self.seen or self.seen[-1] != found):
                self.seen.append(found)
                if not await self._world.is_signed(found):
                    self.violations.append(f"the tag points to {found}, which is not signed")
            await asyncio.sleep(LOOK_SECONDS)

    async def _judge(self) -> None:
        for digest in self.served:
            if not await self._world.is_signed(digest):
                self.violations.append(f"{digest} was served, which is not signed")
        lines = [line for replica in self._world.replicas for line in replica.decisions()]
        # A decision about a push of the tag is recorded in the tag's turn, under a name that sorts by time.
        pushed = sorted(
            (str(line["id"]), str(line["digest"]))
            for line in lines
            if line["operation"] == "push"
            and line["reference"] == f"{REPOSITORY}:{TAG}"
            and line["event"] in {None, "held"}
        )
        order = {digest: number for number, (_, digest) in enumerate(pushed)}
        for older, newer in zip(self.seen, self.seen[1:], strict=False):
            if order[newer] < order[older]:
                self.violations.append(f"the tag went back from {older} to {newer}, which was pushed before")
        if not self.counts["released"] or not self.counts["signed before"] or len(self.seen) < 2:
            self.violations.append("too little has happened for this to mean anything")


def show(race: Race, title: str) -> None:
    """The table."""
    table = Table(title=title)
    table.add_column("what")
    table.add_column("count", justify="right")
    rows = {**race.counts, "reads served": sum(race.served.values()), "digests served": len(race.served)}
    rows |= {"digests seen at the registry": len(race.seen), "violations": len(race.violations)}
    for name, count in rows.items():
        table.add_row(name, str(count))
    Console().print(table)
    for violation in race.violations:
        print(f"VIOLATION: {violation}")


def main() -> int:
    """Read the arguments, and let it happen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--state", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="printed; the same again, in the main")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)

    async def run() -> Race:
        with tempfile.TemporaryDirectory(prefix="sealgate-retag-") as folder:
            async with made(Path(folder), shared=given.state == "postgresql", seed=given.seed) as world:
                race = Race(world, given.seconds)
                await race.run()
                return race

    race = asyncio.run(run())
    show(race, f"{CLIENTS} clients, {given.seconds:g} s, {given.state}, seed {given.seed}")
    return int(bool(race.violations))


if __name__ == "__main__":
    sys.exit(main())
