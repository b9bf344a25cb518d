"""`ports.PredicateJudge`: a few workers, one question each at a time, and no condition that takes them all."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from sealgate.adapters.conditions.process import Worker, WorkerLost
from sealgate.errors import JsonMalformed
from sealgate.evidence.predicate import PredicateTest, PredicateVerdict
from sealgate.evidence.reason import Reason
from sealgate.limits import (
    CONDITION_ANSWER_SECONDS,
    CONDITION_NOW_SECONDS,
    CONDITION_REQUEST_BYTES,
    CONDITION_SECONDS,
    CONDITION_SUSPECT_SECONDS,
    CONDITION_SUSPECTS,
    CONDITION_TEXT_CHARACTERS,
    CONDITION_WORKERS,
)
from sealgate.oci import strict_json
from sealgate.oci.wire import printable
from sealgate.ports import PredicateInput

_FAILURES: Final = frozenset({Reason.PREDICATE_REJECTED, Reason.CONDITION_FALSE, Reason.CONDITION_ERROR})


class ConditionPool:
    """Judges predicates in worker processes, which are started when they are first needed.

    A condition is evaluated by one worker at a time, so that the other is free while it takes its time. Those that took
    too long share one worker among them for a while, so that several of them hold up each other and nobody else.

    Args:
        seconds: how long one evaluation may take.

    Use it within one event loop, and end it with `aclose`.
    """

    def __init__(self, *, seconds: float = CONDITION_SECONDS) -> None:
        self._seconds = seconds
        self._slots = asyncio.Semaphore(CONDITION_WORKERS)
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._burials: set[asyncio.Task[None]] = set()
        self._turns: WeakValueDictionary[PredicateTest, asyncio.Lock] = WeakValueDictionary()
        self._suspects: OrderedDict[PredicateTest, float] = OrderedDict()
        self._suspects_turn = asyncio.Lock()
        self._closed = asyncio.Event()

    async def judge(self, test: PredicateTest, given: PredicateInput) -> PredicateVerdict:
        """Whether the predicate fits the schema and every condition is true. Raises nothing."""
        question = json.dumps(
            {
                "schema": test.schema,
                "conditions": test.conditions,
                "statement": given.statement,
                "signer": given.signer,
                "artifact": given.artifact,
                "now": given.now.isoformat(),
            }
        ).encode()
        if len(question) > CONDITION_REQUEST_BYTES:
            return _unknown("it is too large")
        try:
            async with asyncio.timeout(CONDITION_ANSWER_SECONDS):
                raw = await self._answer(test, question)
        except TimeoutError:
            return _unknown(f"its turn did not come within {CONDITION_ANSWER_SECONDS:g} seconds")
        except WorkerLost as lost:
            return _unknown(f"the process that evaluates it {lost}")
        return _verdict(raw, given)

    async def aclose(self) -> None:
        """End every worker, and wait until none is left; what is being asked has no answer then."""
        self._closed.set()
        self._idle.clear()
        await asyncio.gather(*self._burials, *(self._bury(worker) for worker in list(self._workers)))
        for _ in range(CONDITION_WORKERS):  # until those that are just being started have ended too
            await self._slots.acquire()
        for _ in range(CONDITION_WORKERS):
            self._slots.release()

    async def _answer(self, test: PredicateTest, question: bytes) -> bytes:
        turn = self._turns.setdefault(test, asyncio.Lock())  # kept as long as somebody holds it
        async with AsyncExitStack() as turns:
            await turns.enter_async_context(turn)
            if self._is_suspect(test):
                await turns.enter_async_context(self._suspects_turn)
            await turns.enter_async_context(self._slots)
            worker = await turns.enter_async_context(self._worker())
            try:
                async with asyncio.timeout(self._seconds):
                    return await worker.ask(question)
            except TimeoutError as late:
                self._suspect(test)
                raise WorkerLost(f"took more than {self._seconds:g} seconds") from late

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[Worker]:
        """A worker for one question. One that did not get to its end is killed, whatever the reason."""
        worker = self._idle.pop() if self._idle else await self._started()
        if not worker.lives:  # somebody killed it while it rested
            await self._bury(worker)
            worker = await self._started()
        try:
            yield worker
        except BaseException:
            burial = asyncio.create_task(self._bury(worker))
            self._burials.add(burial)
            burial.add_done_callback(self._burials.discard)
            await asyncio.shield(burial)  # an asker that goes away leaves no zombie
            raise
        self._idle.append(worker)

    async def _started(self) -> Worker:
        if not self._closed.is_set():
            worker = await Worker.start()
            self._workers.add(worker)
            if not self._closed.is_set():
                return worker
            await self._bury(worker)
        raise WorkerLost("is not started any more")

    async def _bury(self, worker: Worker) -> None:
        await worker.end()
        self._workers.discard(worker)

    def _is_suspect(self, test: PredicateTest) -> bool:
        return self._suspects.get(test, 0.0) > asyncio.get_running_loop().time()

    def _suspect(self, test: PredicateTest) -> None:
        self._suspects[test] = asyncio.get_running_loop().time() + CONDITION_SUSPECT_SECONDS
        self._suspects.move_to_end(test)
        while len(self._suspects) > CONDITION_SUSPECTS:
            self._suspects.popitem(last=False)


def _verdict(raw: bytes, given: PredicateInput) -> PredicateVerdict:
    """What a worker answered, made anew from its parts: a worker that was taken over can say no more than these."""
    try:
        match strict_json.loads(raw):
            case {"reason": str(reason), "text": str(text), "timed": bool(timed)}:
                failure = Reason(reason) if reason else None
            case _:
                return _unknown("the answer cannot be read")
    except (JsonMalformed, ValueError):
        return _unknown("the answer cannot be read")
    if failure is not None and failure not in _FAILURES:
        return _unknown("the answer cannot be read")
    expires = given.now + timedelta(seconds=CONDITION_NOW_SECONDS) if timed else None
    return PredicateVerdict(reason=failure, text=printable(text, CONDITION_TEXT_CHARACTERS), expires=expires)


def _unknown(why: str) -> PredicateVerdict:
    text = f"the predicate could not be checked: {why}"
    return PredicateVerdict(reason=Reason.VERIFICATION_TIMEOUT, text=text)
