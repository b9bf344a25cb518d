"""Telling a webhook: again while it makes sense, in nobody's way, and without showing its URL."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from sealgate.adapters.alerts.outbox import Outbox, Waiting
from sealgate.adapters.alerts.webhook import Webhook
from sealgate.limits import ALERT_AGE_SECONDS, ALERT_RETRY_MOST_SECONDS, ALERT_TRIES
from sealgate.policy.alert import Alert, AlertKind
from sealgate.testing.clock import FixedClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "/services/T0/B0/s3cret?sig=s3cret"


def alert(subject="a", kind=AlertKind.DENIED, at=NOW) -> Alert:
    return Alert(identifier="01ID", kind=kind, at=at, subject=subject, text="", facts={})


def said(waiting: Waiting) -> tuple[str, bytes]:
    return "application/json", waiting.alert.subject.encode()


class Place:
    """A webhook that answers as it is told to: a status, or one with headers; 200 when there is nothing more."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.heard: list[str] = []
        self.asked: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(await request.text())
        self.asked.append((request.path_qs, request.headers.get("Content-Type", "")))
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "cut":
            request.transport.close()
            return web.Response()
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return web.Response(status=status, headers=headers)


class World:
    def __init__(self, url: str, clock: FixedClock) -> None:
        self.clock = clock
        self.came_to: list[str] = []
        self.paused: list[float] = []
        self.outbox = Outbox(AlertKind, clock, lambda kind, result: self.came_to.append(result))
        self.webhook = Webhook(url, said, self.outbox, clock, self.pause)

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def tell(self, *alerts: Alert) -> None:
        for one in alerts:
            self.outbox.offer(one)
        async with asyncio.timeout(20):
            await self.outbox.empty()


@asynccontextmanager
async def telling(place: Place | None) -> AsyncIterator[World]:
    async def nobody(request: web.Request) -> web.Response:
        raise AssertionError

    runner = web.AppRunner(_app(place.answer if place else nobody))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    if place is None:
        await runner.cleanup()  # nobody is there
    world = World(f"http://127.0.0.1:{port}{SECRET}", FixedClock(NOW))
    running = asyncio.create_task(world.webhook.run())
    try:
        yield world
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await runner.cleanup()


def _app(handler) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    return app


async def test_it_is_told_at_its_url():
    place = Place()
    async with telling(place) as world:
        await world.tell(alert("a"), alert("b"))
    assert place.heard == ["a", "b"]
    assert place.asked[0] == (SECRET, "application/json")
    assert world.came_to == ["sent", "sent"]


@pytest.mark.parametrize("answer", [500, 503, 429, 408, "cut"])
async def test_what_may_pass_is_tried_again_with_longer_and_longer_pauses(answer):
    place = Place(answer, answer, answer)
    async with telling(place) as world:
        await world.tell(alert())
    assert place.heard == ["a"] * 4
    assert world.came_to == ["sent"]
    assert [0.5 <= world.paused[0] <= 1, 1 <= world.paused[1] <= 2, 2 <= world.paused[2] <= 4] == [True] * 3


@pytest.mark.parametrize("answer", [400, 403, 404, 410, 301, 307])
async def test_what_will_not_pass_is_given_up(answer):
    """A redirect neither: it would take the alert to whoever answers there."""
    place = Place((answer, {"Location": "/elsewhere"}))
    async with telling(place) as world:
        await world.tell(alert())
    assert (place.heard, world.came_to, world.paused) == (["a"], ["failed"], [])


async def test_it_is_left_alone_for_as_long_as_it_says_and_no_longer_than_makes_sense():
    place = Place((429, {"Retry-After": "30"}), (503, {"Retry-After": "9" * 30}), (503, {"Retry-After": "\u0664"}))
    async with telling(place) as world:
        await world.tell(alert())
    assert world.paused[:2] == [30, ALERT_RETRY_MOST_SECONDS]
    assert world.paused[2] <= 4


async def test_one_that_cannot_be_heard_does_not_keep_the_rest_from_it():
    place = Place(500)
    async with telling(place) as world:
        await world.tell(alert("bad"), alert("b"), alert("c", AlertKind.RELOAD_FAILED))
    assert place.heard[0] == "bad"
    assert place.heard[-1] == "bad"
    assert sorted(place.heard[1:-1]) == ["b", "c"]


async def test_after_so_many_times_it_is_given_up():
    place = Place(*[500] * 99)
    async with telling(place) as world:
        await world.tell(alert())
    assert (len(place.heard), world.came_to) == (ALERT_TRIES, ["failed"])


async def test_what_is_old_is_not_tried_again():
    place = Place(500, 500)
    async with telling(place) as world:
        await world.tell(alert(at=NOW - timedelta(seconds=ALERT_AGE_SECONDS)))
    assert (len(place.heard), world.came_to) == (1, ["failed"])


@pytest.mark.parametrize("place", [None, Place(*[404] * 9), Place(*["cut"] * 20), Place(*[503] * 20)])
async def test_no_message_shows_the_url(place, caplog):
    with caplog.at_level(logging.DEBUG):
        async with telling(place) as world:
            await world.tell(alert())
    shown = [record.getMessage() for record in caplog.records if record.name.startswith("sealgate")]
    assert any("127.0.0.1" in message for message in shown)
    assert not any("s3cret" in message for message in shown)


async def test_an_answer_that_is_no_http_is_told_without_the_url(caplog):
    """aiohttp's own words for it hold the whole URL."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/9.9 what\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        world = World(f"http://127.0.0.1:{port}{SECRET}", FixedClock(NOW))
        running = asyncio.create_task(world.webhook.run())
        await world.tell(alert())
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert world.came_to == ["failed"]
    assert f"127.0.0.1:{port}" in caplog.text
    assert "s3cret" not in "".join(record.getMessage() for record in caplog.records)
