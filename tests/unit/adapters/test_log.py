"""The gate's log: one event is one entry, in both forms, whatever is in it."""

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.adapters import log

HEAD = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z (INFO|WARNING|ERROR) sealgate\.test: ")


def failing(text: str) -> None:
    raise ValueError(text)


@contextmanager
def written(form: str) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    stream = io.StringIO()
    log.set_up(form, stream)
    try:
        yield logging.getLogger("sealgate.test"), stream
    finally:
        root.handlers, root.level = before, level


def test_json_has_what_there_is_to_say_by_name():
    with written("json") as (logger, stream):
        logger.warning("%s waits", "app:1.0", extra={"request": "9f2c", "status": 200})
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "event": "app:1.0 waits",
        "level": "warning",
        "logger": "sealgate.test",
        "request": "9f2c",
        "status": 200,
    }


@pytest.mark.parametrize("form", ["human", "json"])
def test_libraries_say_what_is_wrong_and_nothing_else(form):
    """watchfiles has a line for each change: a log in a watched folder would go on for ever."""
    with written(form) as (logger, stream):
        logging.getLogger("watchfiles.main").info("1 change detected")
        logging.getLogger("watchfiles.main").warning("no more watches")
        logger.info("ours")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "no more watches" in lines[0]
    assert "ours" in lines[1]


def test_people_read_a_line():
    with written("human") as (logger, stream):
        logger.warning("%s waits", "app:1.0", extra={"status": 200, "user_agent": "docker/28 (linux)", "user": None})
    line = stream.getvalue().rstrip("\n")
    assert HEAD.match(line)
    assert line.endswith('app:1.0 waits status=200 user_agent="docker/28 (linux)"')


@pytest.mark.parametrize("form", ["human", "json"])
def test_an_accident_is_one_entry_with_its_trace(form):
    with written(form) as (logger, stream):
        try:
            failing("a\nb")
        except ValueError:
            logger.exception("it ended")
    lines = stream.getvalue().splitlines()
    if form == "json":
        assert "ValueError" in json.loads(lines[0])["exception"]
        assert len(lines) == 1
    else:
        assert [bool(HEAD.match(line)) for line in lines] == [True] + [False] * (len(lines) - 1)
        assert all(line.startswith("    | ") for line in lines[1:])


@given(st.text(), st.text(), st.text())
def test_b40_whatever_is_in_an_event_it_is_one_line_of_json(message, value, accident):
    with written("json") as (logger, stream):
        try:
            failing(accident)
        except ValueError:
            logger.exception("%s", message, extra={"path": value})
    text = stream.getvalue()
    assert text.isascii()
    assert text.count("\n") == 1
    assert not any(ord(char) < 32 for char in text[:-1])
    told = json.loads(text)
    assert (told["event"], told["path"]) == (message, value)


@given(st.text(), st.text())
def test_b40_nothing_in_an_event_looks_like_another_or_moves_a_terminal(message, value):
    with written("human") as (logger, stream):
        logger.info("%s", message, extra={"path": value})
    first, *more = stream.getvalue().removesuffix("\n").split("\n")
    assert HEAD.match(first)
    assert all(line.startswith("    | ") for line in more)
    assert all(char.isprintable() for line in (first, *more) for char in line)


@pytest.mark.parametrize("form", ["human", "json"])
def test_it_is_set_up_anew_without_writing_twice(form):
    with written("human"), written(form) as (logger, stream):
        logger.info("once")
    assert stream.getvalue().count("once") == 1
