"""Spans of a whole gate, as a collector gets them; what clients may say of them, and what upstreams are told."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sealgate.adapters import tracing
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer, MemoryRegistry

IMAGE = images.oci_image(seed=1)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Takes what is exported to it."""

    def __init__(self) -> None:
        self.spans = []
        self.paths = set()
        self.delay = 0.0

    async def take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.delay)
        self.paths.add(request.path)
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    collector, app = Collector(), web.Application()
    app.router.add_post("/{path:.*}", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield collector, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def facts(span) -> dict:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


async def test_a_request_is_a_span_with_one_for_each_stage(registry, gate_world):
    async with collecting() as (collector, url):
        async with gate_world(registry, more={"traces": {"otlp_endpoint": url}}) as world:
            world.add("team/app", IMAGE)
            reply = await world.client.pull("team/app", "1.0")
        assert collector.paths == {"/v1/traces"}
        (request,) = [span for span in collector.spans if not span.parent_span_id]
        assert (request.name, facts(request)) == (
            "GET manifest",
            {
                "http.response.status_code": 200,
                "http.request.method": "GET",
                "sealgate.request": reply.headers["x-request-id"],
                "sealgate.repository": "team/app",
            },
        )
        below = [span for span in collector.spans if span.parent_span_id]
        assert {span.name for span in below} == {"upstream", "discovery", "verification", "decision"}
        assert {span.trace_id for span in below} == {request.trace_id}
        assert all(request.start_time_unix_nano - 10**7 <= span.start_time_unix_nano for span in below)
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in below)


async def test_it_is_below_the_clients_own_and_the_upstream_is_told(registry, gate_world):
    async with collecting() as (collector, url):
        async with gate_world(registry, more={"traces": {"otlp_endpoint": url}}) as world:
            world.add("team/app", IMAGE)
            registry.requests.clear()
            said = {"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "a=b", "baggage": "secret=1"}
            await world.client.ask("GET", "/v2/team/app/manifests/1.0", headers={**said, "Accept": "*/*"})
            told = [{name.lower(): value for name, value in asked.headers} for asked in registry.requests]
        assert told
        for headers in told:
            assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", headers["traceparent"])
            assert SPAN not in headers["traceparent"]
            assert not {"tracestate", "baggage"} & headers.keys()
        (request,) = [span for span in collector.spans if span.name == "GET manifest"]
        assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, SPAN)


async def test_places_that_registries_redirect_to_are_told_nothing(registry, gate_world):
    layer = Digest.of(IMAGE.blobs[1])
    async with collecting() as (collector, url), MemoryRegistry() as elsewhere:
        elsewhere.add_blob("stored", IMAGE.blobs[1])
        there = Answer(status=307, headers={"Location": f"{elsewhere.url}/v2/stored/blobs/{layer}"})
        upstream = {"name": "default", "url": registry.url, "redirect_hosts": [elsewhere.host]}
        more = {"traces": {"otlp_endpoint": url}, "upstreams": [upstream]}
        async with gate_world(registry, more=more) as world:
            world.add("team/app", IMAGE)
            assert (await world.client.pull("team/app", "1.0")).status == 200
            registry.script(f"GET /v2/team/app/blobs/{layer}", there)
            assert (await world.client.blob("team/app", layer)).status == 200
        assert collector.spans
        (asked,) = elsewhere.requests
        assert not any(name.lower() == "traceparent" for name, _ in asked.headers)


@pytest.mark.parametrize(
    "parent",
    [
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"01-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-x", f"00-{TRACE}-{SPAN}", "", "x" * 5000,
    ],
)  # fmt: skip
async def test_b40_what_is_no_traceparent_begins_a_trace(registry, gate_world, parent):
    async with collecting() as (collector, url):
        async with gate_world(registry, more={"traces": {"otlp_endpoint": url}}) as world:
            await world.client.ask("GET", "/v2/", headers={"traceparent": parent})
        (request,) = [span for span in collector.spans if span.name == "GET ping"]
        assert not request.parent_span_id
        assert request.trace_id.hex() != TRACE


async def test_without_the_setting_nothing_is_told(world):
    world.add("team/app", IMAGE)
    said = {"traceparent": f"00-{TRACE}-{SPAN}-01", "Accept": "*/*"}
    assert (await world.client.ask("GET", "/v2/team/app/manifests/1.0", headers=said)).status == 200
    assert not any(name.lower() == "traceparent" for asked in world.registry.requests for name, _ in asked.headers)


async def test_a_collector_that_does_not_answer_is_in_nobodys_way(registry, gate_world, monkeypatch):
    monkeypatch.setattr(tracing, "TRACE_EXPORT_SECONDS", 0.3)
    async with collecting() as (collector, url), asyncio.timeout(20):
        collector.delay = 3600
        async with gate_world(registry, more={"traces": {"otlp_endpoint": url}}) as world:
            world.add("team/app", IMAGE)
            for _ in range(20):
                assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize("url", ["collector:4318", "ftp://x", "http://u:p@x/"])
async def test_what_is_no_url_is_refused(registry, gate_world, url):
    with pytest.raises(ConfigurationInvalid, match="this is no URL"):
        async with gate_world(registry, more={"traces": {"otlp_endpoint": url}}):
            pass
