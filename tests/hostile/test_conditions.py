"""Conditions, schemas and predicates that are made to hold the gate up, to reach outside, or to see secrets."""

import asyncio
import json
import os
import socket
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from sealgate.adapters.conditions.compiling import compile_condition
from sealgate.adapters.conditions.pool import ConditionPool
from sealgate.errors import ConfigurationInvalid
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.limits import CONDITION_CHARACTERS, CONDITION_MEMORY_BYTES
from sealgate.policy.conditions import check_condition, check_schema
from sealgate.ports import PredicateInput

NUMBERS = list(range(2000))
ENDLESS = "predicate.l.all(a, predicate.l.all(b, predicate.l.all(c, a + b + c >= {})))"
DOUBLING = '["aaaaaaaaaaaaaaaaaaaaaaaaaaa"]' + ".map(x, x + x)" * 40 + ".size() > 0"


def given(predicate: object = None) -> PredicateInput:
    statement = {"predicate": {"l": NUMBERS} if predicate is None else predicate}
    return PredicateInput(statement=statement, signer={}, artifact={}, now=datetime(2026, 11, 23, tzinfo=UTC))


def asks(*conditions: str, schema: str = "") -> PredicateTest:
    return PredicateTest(schema=schema, conditions=conditions)


def workers() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def environment(worker: int) -> bytes:
    return Path(f"/proc/{worker}/environ").read_bytes()


def open_files(worker: int) -> list[str]:
    return [os.readlink(entry) for entry in Path(f"/proc/{worker}/fd").iterdir()]


def limit(worker: int, name: str) -> str:
    """The soft one, as the kernel tells it."""
    lines = Path(f"/proc/{worker}/limits").read_text().splitlines()
    return next(line.removeprefix(name).split()[0] for line in lines if line.startswith(name))


@pytest.fixture
async def pool():
    made = ConditionPool(seconds=2)
    yield made
    await made.aclose()


async def test_1c_no_remote_schema_reference_is_taken_or_fetched(pool: ConditionPool) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        for schema in (
            {"$ref": url},
            {"properties": {"a": {"$ref": url}}},
            {"$schema": url},
            {"$id": url, "$ref": "other.json"},
            {"allOf": [{"$dynamicRef": url}]},
            {"$ref": "file:///etc/passwd"},
            {"$defs": {"a": {"$id": url, "type": "string"}}, "$ref": "#/$defs/a"},
        ):
            with pytest.raises(ConfigurationInvalid):
                check_schema(schema)
            found = await pool.judge(asks(schema=json.dumps(schema)), given("not a mapping"))  # had it come through
            assert found.reason in (Reason.PREDICATE_REJECTED, Reason.VERIFICATION_TIMEOUT, None)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(b+)+$": False}},
        {"patternProperties": {"^(b+)+$": True}, "properties": {"a": True}, "additionalProperties": {"type": "null"}},
        {"propertyNames": {"pattern": "^(a|b|b+)+$"}},
    ],
)
async def test_1c_a_catastrophic_pattern_is_harmless(pool: ConditionPool, schema: dict[str, object]) -> None:
    predicate = {"a": "a" * 4000 + "!", "b" * 4000 + "!": None}
    found = await pool.judge(asks(schema=check_schema(schema)), given(predicate))
    assert found.reason in (None, Reason.PREDICATE_REJECTED)


async def test_1c_a_catastrophic_pattern_in_a_condition_is_harmless(pool: ConditionPool) -> None:
    found = await pool.judge(asks('predicate.matches("^(a+)+$")'), given("a" * 100_000 + "!"))
    assert found.reason is Reason.CONDITION_FALSE


async def test_a31_a_condition_without_end_is_undetermined_and_holds_nothing_up(pool: ConditionPool) -> None:
    """The loop goes on, others are answered, and the process is gone."""
    await asyncio.gather(*(pool.judge(asks(f"predicate.size() == {n}"), given({})) for n in range(2)))  # both started
    before, ticks = workers(), 0
    poison = asyncio.create_task(pool.judge(asks(ENDLESS.format(0)), given()))
    began = perf_counter()
    while not poison.done():
        assert (await pool.judge(asks("predicate.size() == 1"), given())).reason is None
        ticks += 1
    assert (await poison).reason is Reason.VERIFICATION_TIMEOUT
    assert ticks > 20 * (perf_counter() - began)
    assert len(workers() & before) == len(before) - 1


async def test_a31_many_askers_of_one_poisonous_condition_take_one_worker(pool: ConditionPool) -> None:
    poison = [asyncio.create_task(pool.judge(asks(ENDLESS.format(0)), given())) for _ in range(20)]
    await asyncio.sleep(0)
    assert (await pool.judge(asks("predicate.size() == 1"), given())).reason is None
    assert not any(one.done() for one in poison)
    await pool.aclose()
    assert {one.reason for one in await asyncio.gather(*poison)} == {Reason.VERIFICATION_TIMEOUT}


async def test_a31_several_poisonous_conditions_share_one_worker_once_they_are_known() -> None:
    pool = ConditionPool(seconds=1)
    tests = [asks(ENDLESS.format(-number)) for number in range(3)]
    for found in await asyncio.gather(*(pool.judge(test, given()) for test in tests)):
        assert found.reason is Reason.VERIFICATION_TIMEOUT
    again = [asyncio.create_task(pool.judge(test, given())) for test in tests]
    await asyncio.sleep(0)
    assert (await pool.judge(asks("predicate.size() == 1"), given())).reason is None
    assert not any(one.done() for one in again)
    await pool.aclose()
    await asyncio.gather(*again)


async def test_a31_a_condition_that_fills_the_memory_is_undetermined() -> None:
    pool = ConditionPool(seconds=30)
    found = await pool.judge(asks(DOUBLING), given())
    assert found.reason is Reason.VERIFICATION_TIMEOUT
    assert found.text.endswith("ended")
    assert (await pool.judge(asks("predicate.size() == 1"), given())).reason is None
    await pool.aclose()


async def test_a31_a_schema_that_branches_without_end_is_undetermined(pool: ConditionPool) -> None:
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}, {"$ref": f"#/$defs/s{n + 1}"}]} for n in range(40)}
    schema = check_schema({"$ref": "#/$defs/s0", "$defs": {**steps, "s40": True}})
    assert (await pool.judge(asks(schema=schema), given())).reason is Reason.VERIFICATION_TIMEOUT


@pytest.mark.parametrize(
    "text",
    [
        "(" * CONDITION_CHARACTERS,
        "!" * (CONDITION_CHARACTERS - 11) + "predicate.a",
        "-" * (CONDITION_CHARACTERS - 1) + "1",
        "predicate" + ".a" * 990,
        "predicate" + "[0]" * 600,
        "true||" * 330 + "true",
        "true?1:" * 280 + "1",
        "true?" * 280 + "1" + ":1" * 280,
        "{" * 10 + "predicate",
        '"' + "\\" * 1999,
        "'''" + "\\'" * 900,
        "@#$" * 600,
        "a b " * 490,
        "predicate.a\x00== 1",
        "predicate.ａ == 1",
        "\ud800",
        "'\\ud800' == predicate",
        "9" * 400 + " == predicate.a",
    ],
)
def test_1c_no_condition_holds_the_loader_up_or_ends_it(text: str) -> None:
    began = perf_counter()
    try:
        check_condition(text, compile_condition)
    except ConfigurationInvalid as refused:
        str(refused).encode()  # half a surrogate pair must not come back
    assert perf_counter() - began < 5


async def test_1c_what_the_loader_takes_ends_no_worker(pool: ConditionPool) -> None:
    for text in (
        "!" * 1900 + "predicate.a",
        "-" * 1900 + "1 == 1",
        "true||" * 330 + "true",
        "1" + "+1" * 900 + "==901",
    ):
        check_condition(text, compile_condition)
        assert (await pool.judge(asks(text), given({"a": True}))).reason is not Reason.VERIFICATION_TIMEOUT


async def test_a_worker_inherits_no_secret_and_no_socket(pool: ConditionPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALGATE_SECRET", "hush")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.set_inheritable(True)
        theirs = os.readlink(f"/proc/self/fd/{server.fileno()}")
        before = workers()
        await pool.judge(asks("true"), given())
        (worker,) = workers() - before
        assert environment(worker) == b""
        assert theirs not in open_files(worker)
        assert len(open_files(worker)) == 4  # what it reads and writes; standard output and error, which lead nowhere
        assert limit(worker, "Max open files") == "0"
        assert os.getsid(worker) == worker


async def test_a_worker_that_nobody_watches_is_bounded_by_the_kernel(pool: ConditionPool) -> None:
    before = workers()
    await pool.judge(asks("true"), given())
    (worker,) = workers() - before
    assert int(limit(worker, "Max cpu time")) < 60
    assert limit(worker, "Max address space") == str(CONDITION_MEMORY_BYTES)
    assert limit(worker, "Max core file size") == "0"


async def test_b40_a_predicate_cannot_write_into_messages(pool: ConditionPool) -> None:
    hostile = "\x1b[2J\r\nadmitted\u202e\u2028"
    found: PredicateVerdict = await pool.judge(asks('predicate.a == "x"'), given({"a": hostile}))
    assert found.text.isprintable()
    found = await pool.judge(asks(schema='{"properties":{"a":{"const":"x"}}}'), given({"a": hostile}))
    assert found.text.isprintable()
