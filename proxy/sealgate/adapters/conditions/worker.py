"""The process that evaluates: reads questions from its standard input, answers on its standard output.

It is started with nothing of its parent's: no environment, no descriptor but three, its own session. Once it is ready
it can open no further file or socket, may not grow past its memory, and dies of its processor time if nobody kills it.
"""

import json
import math
import os
import resource
import sys
import time
from contextlib import suppress
from typing import BinaryIO, Final

from sealgate.adapters.conditions.evaluating import evaluate
from sealgate.limits import CONDITION_MEMORY_BYTES, CONDITION_SECONDS

LENGTH_BYTES: Final = 4
"""Before each question and each answer: how long it is, big-endian."""

READY: Final = b"ready"
"""The first answer, which nobody asked for."""

_WARMING: Final = {  # loads what jsonschema and cel load when they are first used
    "schema": '{"type":"object","properties":{"a":{"pattern":"b"}},"$ref":"#/$defs/a","$defs":{"a":{"type":"array"}}}',
    "conditions": ['now > timestamp("2000-01-01T00:00:00Z") && predicate.exists(p, p.matches("a"))'],
    "statement": {"predicate": ["a"]},
    "signer": {},
    "artifact": {},
    "now": "2026-01-01T00:00:00+00:00",
}


def main() -> None:
    """Answer until the standard input ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    for schema in ("", _WARMING["schema"]):
        evaluate({**_WARMING, "schema": schema})
    _confine()
    _write(answers, READY)
    while (head := questions.read(LENGTH_BYTES)) and len(head) == LENGTH_BYTES:
        asked = json.loads(questions.read(int.from_bytes(head)))
        _limit_time()
        _write(answers, json.dumps(evaluate(asked)).encode())


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold what was judged
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    with suppress(ValueError, OSError):  # macOS has none; the deadline remains
        resource.setrlimit(resource.RLIMIT_AS, (CONDITION_MEMORY_BYTES, CONDITION_MEMORY_BYTES))


def _limit_time() -> None:
    """For when the parent was killed and nobody watches: the kernel ends what takes far longer than it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + 2 * CONDITION_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _write(answers: BinaryIO, raw: bytes) -> None:
    answers.write(len(raw).to_bytes(LENGTH_BYTES) + raw)
    answers.flush()
