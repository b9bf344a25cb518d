"""Alerts of a whole gate, to webhooks that hear, are gone, or never answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from sealgate import wiring_alerts
from sealgate.adapters.clock import SystemClock
from sealgate.errors import ConfigurationInvalid
from sealgate.testing import images
from sealgate.testing.registry import Answer

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
SECONDS = 20

SIGNED = """\
name: signed
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


class Place:
    """A webhook, and what it heard."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: asyncio.Queue[dict] = asyncio.Queue()

    async def next(self) -> dict:
        async with asyncio.timeout(SECONDS):
            return await self.heard.get()


@asynccontextmanager
async def serving(handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    made = Place("")

    async def hear(request: web.Request) -> web.Response:
        made.heard.put_nowait(json.loads(await request.text()))
        return web.Response()

    async with serving(hear) as url:
        made.url = url
        yield made


def told(*alerts: dict) -> dict:
    return {"alerts": list(alerts)}


async def test_each_kind_is_told(registry, gate_world, place):
    until = (SystemClock().now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    excepting = SIGNED + f"exceptions: [{{digest: '{OTHER.digest}', reason: incident 12, expires: '{until}'}}]\n"
    async with gate_world(registry, {"signed.yaml": excepting}, more=told({"url": place.url})) as world:
        world.add("team/app", IMAGE, "1.0", signed=False)
        world.add("team/app", OTHER, "2.0", signed=False)

        assert (await world.client.pull("team/app", "1.0")).status == 403
        denied = await place.next()
        assert (denied["type"], denied["subject"]) == ("sealgate.denied.v1", "team/app:1.0")
        assert denied["source"] == world.gate.url
        assert denied["id"] == world.gate.decisions[-1]["id"]
        assert denied["data"]["reason"] == "signature-missing"
        assert denied["data"]["digest"] == str(IMAGE.digest)

        assert (await world.client.pull("team/app", "2.0")).status == 200
        excepted = await place.next()
        assert (excepted["type"], excepted["data"]["policy"]) == ("sealgate.exception-used.v1", "signed")

        world.add("team/new", IMAGE, "1.0", signed=False)
        world.registry.script("GET /v2/team/new/referrers/.*", Answer(status=500))
        assert (await world.client.pull("team/new", "1.0")).status == 503
        assert (await place.next())["type"] == "sealgate.undetermined.v1"

        world.gate.write("signed.yaml", "name: [")
        failed = await place.next()
        assert failed["type"] == "sealgate.reload-failed.v1"
        assert "signed.yaml:1" in failed["data"]["text"]


async def test_a_hold_that_expires_is_told_and_that_a_push_waits_is_not(registry, gate_world, place, tmp_path):
    upstreams = [{"name": "default", "url": registry.url, "credentials": "anonymous"}]
    more = told({"url": place.url}) | {"upstreams": upstreams, "hold_ttl": 1}
    policies = {"signed.yaml": SIGNED + "on_unsigned_push: hold\n"}
    async with gate_world(registry, policies, more=more, state=tmp_path / "state.db") as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        expired = await place.next()
        assert (expired["type"], expired["subject"]) == ("sealgate.hold-expired.v1", "team/app:1.0")


async def test_the_same_is_told_once(registry, gate_world, place):
    async with gate_world(registry, {"signed.yaml": SIGNED}, more=told({"url": place.url})) as world:
        world.add("team/app", IMAGE, "1.0", signed=False)
        for _ in range(5):
            assert (await world.client.pull("team/app", "1.0")).status == 403
        await place.next()
    assert place.heard.empty()  # and the gate has told all that it had to, before it stopped


async def test_each_webhook_is_told_what_it_wants_in_its_own_form(registry, gate_world, place, tmp_path):
    url = tmp_path / "url"
    url.write_text(place.url + "\n")
    slack = {"url_file": str(url), "format": "slack", "on": ["denied"]}
    nothing = {"url": place.url, "on": ["hold-expired"]}
    async with gate_world(registry, {"signed.yaml": SIGNED}, more=told(nothing, slack)) as world:
        world.add("team/app", IMAGE, "1.0", signed=False)
        assert (await world.client.pull("team/app", "1.0")).status == 403
        assert (await place.next())["text"] == "sealgate: denied: team/app:1.0"
    assert place.heard.empty()


async def test_a_webhook_that_never_answers_is_in_nobodys_way(registry, gate_world, monkeypatch, caplog):
    monkeypatch.setattr(wiring_alerts, "ALERTS_LEAVE_SECONDS", 0.1)
    asked = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        asked.set()
        await asyncio.sleep(3600)
        return web.Response()

    async with (
        serving(never) as url,
        asyncio.timeout(SECONDS),
        gate_world(registry, {"signed.yaml": SIGNED}, more=told({"url": url})) as world,
    ):
        for number in range(5):
            world.add("team/app", images.oci_image(seed=10 + number), f"{number}", signed=False)
            assert (await world.client.pull("team/app", f"{number}")).status == 403
        await asked.wait()
        world.add("team/app", IMAGE)
        assert (await world.client.pull("team/app", "1.0")).status == 200
    assert "5 alerts could not be told before the gate stopped" in caplog.text


@pytest.mark.parametrize("content", ["", "ftp://x/y", "http://u:p@x/", "\u00e9", "http://x/ y"])
async def test_a_file_that_holds_no_url_is_refused(registry, gate_world, tmp_path: Path, content: str):
    (tmp_path / "url").write_text(content)
    with pytest.raises(ConfigurationInvalid, match="holds no URL of a webhook"):
        async with gate_world(registry, more=told({"url_file": str(tmp_path / "url")})):
            pass
