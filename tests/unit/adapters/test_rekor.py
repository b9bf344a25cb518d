"""Proofs from the log itself: what is asked of whom, and that nothing the log says is believed unverified."""

import asyncio
import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from sealgate.adapters.keys import read_spki
from sealgate.adapters.rekor import RekorLogs
from sealgate.adapters.signatures.trusted_roots import LogKey, Window
from sealgate.errors import LogUnavailable
from sealgate.evidence.signature import LoggedEntry
from sealgate.limits import LOG_ANSWER_BYTES
from sealgate.testing.registry import Answer, MemoryRegistry
from sealgate.testing.sigstore import merkle
from sealgate.testing.sigstore.encoding import JsonObject
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.transparency_log import TransparencyLog

PATH = "GET /api/v1/log/entries"


@dataclass
class World:
    """A log with one entry in question, at a server that answers whatever a test dictates."""

    server: MemoryRegistry
    log: TransparencyLog
    shown: JsonObject
    entry: LoggedEntry
    seconds: float = 5.0

    def __post_init__(self) -> None:
        self.trusted = [self.known(self.log)]
        self.logs = RekorLogs(lambda: self.trusted, self.seconds)

    def known(self, log: TransparencyLog, base_url: str | None = None) -> LogKey:
        window = Window(start=SIGNING_TIME, end=None)
        url = self.server.url if base_url is None else base_url
        return LogKey(log_id=log.log_id, key=read_spki(log.key.spki), window=window, base_url=url)

    def answers(self, answer: Answer | JsonObject | bytes) -> None:
        if not isinstance(answer, Answer):
            answer = Answer(body=answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        self.server.script(PATH, answer)

    async def refused(self, told: str) -> None:
        with pytest.raises(LogUnavailable, match=told):
            await self.logs.proves(self.entry)
        assert [one.target for one in self.server.requests] == [f"/api/v1/log/entries?logIndex={self.entry.index}"]


def answer_of(log: TransparencyLog, entry: JsonObject) -> JsonObject:
    """An entry as Rekor's API shows it."""
    proof = log.inclusion_proof(int(entry["inclusionProof"]["logIndex"]))
    body = base64.b64decode(entry["canonicalizedBody"])
    shown = {
        "attestation": {},
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logID": log.log_id.hex(),
        "logIndex": int(entry["logIndex"]),
        "verification": {
            "inclusionProof": {
                "checkpoint": proof["checkpoint"]["envelope"],
                "hashes": [base64.b64decode(node).hex() for node in proof["hashes"]],
                "logIndex": int(proof["logIndex"]),
                "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                "treeSize": int(proof["treeSize"]),
            },
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        },
    }
    return {"0000000000000001" + merkle.leaf_hash(body).hex(): shown}


@pytest_asyncio.fixture
async def world(registry: MemoryRegistry):
    log = TransparencyLog()
    entry = log.append({"kind": "hashedrekord", "apiVersion": "0.0.1", "spec": {}}, SIGNING_TIME)
    log.append({"kind": "another", "apiVersion": "0.0.1"}, SIGNING_TIME)  # the tree has grown since
    leaf = merkle.leaf_hash(base64.b64decode(entry["canonicalizedBody"]))
    asked = LoggedEntry(log=log.key.fingerprint, index=int(entry["logIndex"]), leaf=leaf)
    made = World(registry, log, answer_of(log, entry), asked)
    yield made
    await made.logs.close()


def edited(world: World, edit: Callable[[Any], None]) -> JsonObject:
    document = json.loads(json.dumps(world.shown))
    edit(next(iter(document.values())))
    return document


def proof_of(shown: Any) -> Any:
    return shown["verification"]["inclusionProof"]


async def test_a_log_proves_what_it_promised_and_is_asked_once(world: World) -> None:
    world.answers(world.shown)
    for _ in range(3):
        assert await world.logs.proves(world.entry) is True
    (request,) = world.server.requests
    assert (request.method, request.target) == ("GET", f"/api/v1/log/entries?logIndex={world.entry.index}")
    assert {name for name, _ in request.headers} == {"host", "user-agent", "accept", "accept-encoding"}


async def test_a16_what_was_proven_counts_for_that_entry_alone(world: World) -> None:
    world.answers(world.shown)
    assert await world.logs.proves(world.entry)
    for other in (
        replace(world.entry, leaf=bytes(32)),
        replace(world.entry, index=world.entry.index + 1, leaf=bytes(32)),
    ):
        with pytest.raises(LogUnavailable, match="another entry"):
            await world.logs.proves(other)
    assert not await world.logs.proves(replace(world.entry, log="0" * 64))


async def test_a16_who_is_asked_is_the_roots_to_say(world: World) -> None:
    """A log that the root gives no address, or does not name, is not asked: not at any address."""
    world.answers(world.shown)
    for trusted in ([], [world.known(world.log, "")], [world.known(TransparencyLog())]):
        world.trusted = trusted
        assert await world.logs.proves(world.entry) is False
    assert world.server.requests == []


async def test_a_log_that_the_root_names_no_more_proves_nothing(world: World) -> None:
    world.answers(world.shown)
    assert await world.logs.proves(world.entry)
    world.trusted = []
    assert not await world.logs.proves(world.entry)


async def test_a16_a_log_with_another_key_proves_nothing(world: World) -> None:
    """Neither its checkpoint nor the key it would give (`/api/v1/log/publicKey`) is believed."""
    evil = TransparencyLog()
    evil.bodies = world.log.bodies
    root = merkle.root_hash(evil.bodies)

    def forge(shown: Any) -> None:
        proof_of(shown)["checkpoint"] = evil.checkpoint(root, len(evil.bodies))
        shown["logID"] = evil.log_id.hex()

    world.answers(edited(world, forge))
    await world.refused("a proof that does not hold: its checkpoint is not signed by the log")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda shown: proof_of(shown).update(rootHash="00" * 32), "does not lead"),
        (lambda shown: proof_of(shown).update(hashes=[]), "does not lead"),
        (lambda shown: proof_of(shown).update(logIndex=0), "does not lead"),
        (lambda shown: proof_of(shown).update(treeSize=10**6), "does not (lead|hold)"),
        (lambda shown: proof_of(shown).update(checkpoint=""), "without a checkpoint"),
        (lambda shown: proof_of(shown).pop("checkpoint"), "without a checkpoint"),
        (lambda shown: shown["verification"].pop("inclusionProof"), "cannot be read"),
        (lambda shown: shown.pop("verification"), "cannot be read"),
        (lambda shown: shown.pop("body"), "cannot be read"),
        (lambda shown: shown.update(body="e30="), "another entry"),
        (lambda shown: proof_of(shown).update(hashes=["zz"]), "cannot be read"),
        (lambda shown: proof_of(shown).update(hashes=["AB" * 32]), "cannot be read"),
        (lambda shown: proof_of(shown).update(hashes=[7]), "cannot be read"),
        (lambda shown: proof_of(shown).update(hashes=["00" * 32] * 65), "cannot be read"),
        (lambda shown: proof_of(shown).update(rootHash=None), "cannot be read"),
        (lambda shown: proof_of(shown).update(logIndex=-1), "cannot be read"),
    ],
)
async def test_a15_a_proof_from_the_log_is_verified_like_any(
    world: World, edit: Callable[[Any], None], told: str
) -> None:
    world.answers(edited(world, edit))
    await world.refused(told)


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"{}", b'{"a":{},"b":{}}', b'{"a":1}', b"<html>", b"\xff", b'{"a":{},"A":{}}']
)
async def test_a33_an_answer_is_one_entry(world: World, raw: bytes) -> None:
    world.answers(raw)
    await world.refused("cannot be read")


async def test_a33_an_answer_is_not_several_entries(world: World) -> None:
    world.answers({**world.shown, "another": next(iter(world.shown.values()))})
    await world.refused("not one entry")


@pytest.mark.parametrize(
    ("status", "told"), [(404, "does not have the entry"), (500, "answered 500"), (429, "answered 429"), (206, "206")]
)
async def test_an_answer_is_200(world: World, status: int, told: str) -> None:
    world.answers(Answer(status=status, body=json.dumps(world.shown).encode()))
    await world.refused(told)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_b25_redirects_are_not_followed(world: World, status: int, plain_registry: MemoryRegistry) -> None:
    plain_registry.script(PATH, Answer(body=json.dumps(world.shown).encode()))
    where = f"{plain_registry.url}/api/v1/log/entries?logIndex={world.entry.index}"
    world.answers(Answer(status=status, headers={"Location": where}))
    await world.refused(f"answered {status}")
    assert plain_registry.requests == []


async def test_b24_an_answer_without_end_is_given_up(world: World) -> None:
    world.answers(Answer(body=b" " * 65536, repeat=None))
    await world.refused(f"more than {LOG_ANSWER_BYTES} bytes")


async def test_b24_what_is_compressed_is_not_unpacked(world: World) -> None:
    raw = gzip.compress(json.dumps(world.shown).encode())
    world.answers(Answer(body=raw, headers={"Content-Encoding": "gzip"}))
    await world.refused("cannot be read")


@pytest.mark.parametrize("answer", [Answer(delay=30), Answer(body=b" ", repeat=None, pause=0.05)], ids=["head", "drip"])
async def test_f2_a_slow_log_is_not_waited_for(world: World, answer: Answer) -> None:
    world.logs = RekorLogs(lambda: world.trusted, 0.2)
    world.answers(answer)
    try:
        await world.refused("took too long")
    finally:
        await world.logs.close()


async def test_a_log_that_cannot_be_reached(world: World) -> None:
    world.trusted = [world.known(world.log, "http://127.0.0.1:1")]
    with pytest.raises(LogUnavailable, match="cannot be reached"):
        await world.logs.proves(world.entry)


async def test_an_answer_that_breaks_off(world: World) -> None:
    raw = json.dumps(world.shown).encode()
    world.answers(Answer(body=raw, stop_after=len(raw) - 1, length=len(raw)))
    await world.refused("cannot be reached, or broke")


async def test_b40_what_a_log_says_is_made_printable(world: World) -> None:
    def forge(shown: Any) -> None:
        text = f"\x1b[2J{'x' * 1000} - 1\n"
        proof_of(shown)["checkpoint"] = text

    world.answers(edited(world, forge))
    with pytest.raises(LogUnavailable) as lost:
        await world.logs.proves(world.entry)
    assert str(lost.value).isprintable()
    assert len(str(lost.value)) < 500


async def test_a_failure_is_not_kept(world: World) -> None:
    world.server.script(PATH, Answer(status=503), times=1)
    world.answers(world.shown)
    with pytest.raises(LogUnavailable):
        await world.logs.proves(world.entry)
    assert await world.logs.proves(world.entry)


async def test_what_is_kept_has_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.adapters.rekor.LOG_PROOFS_IN_MEMORY", 1)
    second = world.log.append({"kind": "second", "apiVersion": "0.0.1"}, SIGNING_TIME)
    other = LoggedEntry(
        log=world.entry.log,
        index=int(second["logIndex"]),
        leaf=merkle.leaf_hash(base64.b64decode(second["canonicalizedBody"])),
    )
    both = {world.entry.index: world.shown, other.index: answer_of(world.log, second)}

    def reply(request: Any) -> Answer:
        return Answer(body=json.dumps(both[int(request.target.rpartition("=")[2])]).encode())

    world.server.script(PATH, reply)
    for entry in (world.entry, other, other, world.entry):
        assert await world.logs.proves(entry)
    assert len(world.server.requests) == 3


async def test_few_are_asked_at_a_time(world: World) -> None:
    under_way, most = 0, 0

    def reply(request: Any) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        asyncio.get_running_loop().call_later(0.05, done)
        return Answer(status=503, delay=0.05)

    def done() -> None:
        nonlocal under_way
        under_way -= 1

    world.server.script(PATH, reply)
    asked = [replace(world.entry, index=index) for index in range(20)]
    answers = await asyncio.gather(*(world.logs.proves(one) for one in asked), return_exceptions=True)
    assert all(isinstance(one, LogUnavailable) for one in answers)
    assert most <= 4


async def test_an_address_may_have_a_path(world: World) -> None:
    world.trusted = [world.known(world.log, f"{world.server.url}/rekor/")]
    world.server.script("GET /rekor/api/v1/log/entries", Answer(body=json.dumps(world.shown).encode()))
    assert await world.logs.proves(world.entry)
