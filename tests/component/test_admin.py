"""Health and metrics of a whole gate: what is counted, what is told, and that clients choose none of it."""

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sealgate import wiring_admin
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.oci.digest import Digest
from sealgate.settings import Overrides, read_settings
from sealgate.testing import images
from sealgate.testing.gate import RunningGate
from sealgate.testing.registry import Answer

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
ADMIN = {"admin_listen": "127.0.0.1:0"}
HOLD = """\
name: signed
repositories: ["team/**"]
on_unsigned_push: hold
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


async def ask(gate: RunningGate, path: str, method: str = "GET") -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, gate.admin + path) as answer:
        return answer.status, await answer.text()


async def ready(gate: RunningGate) -> dict:
    async with aiohttp.ClientSession() as session, session.get(gate.admin + "/readyz") as answer:
        return {"status": answer.status, **await answer.json()}


async def scrape(gate: RunningGate) -> dict[str, float]:
    """Every sample as `name{label="value",…}`, without those that are 0."""
    _, text = await ask(gate, "/metrics")
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()) if value)
            if sample.value and not sample.name.endswith(("_created", "_bucket", "_sum")):
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture(autouse=True)
def always_anew(monkeypatch):
    monkeypatch.setattr(wiring_admin, "HEALTH_KEPT_SECONDS", -1)


@pytest.fixture
def holding(registry, gate_world, tmp_path):
    upstreams = [{"name": "default", "url": registry.url, "credentials": "anonymous"}]
    more = {**ADMIN, "upstreams": upstreams, "public_url": "https://gate.example"}
    return gate_world(registry, {"signed.yaml": HOLD}, more=more, state=tmp_path / "state.db")


async def test_what_happens_is_counted(holding):
    async with holding as world:
        world.add("team/app", IMAGE)
        world.add("team/bad", OTHER, signed=False)
        for _ in range(2):
            assert (await world.client.pull("team/app", "1.0")).status == 200
        layer = Digest.of(IMAGE.blobs[1])
        assert (await world.client.blob("team/app", layer)).status == 200
        assert (await world.client.pull("team/bad", "1.0")).status == 403
        assert (await world.client.push("team/new", OTHER, "2.0")).status == 201
        counted = await scrape(world.gate)
        told = 'sealgate_decisions_total{operation="pull",result="admit"}'
        assert counted[told] == 2
        assert (
            counted[
                'sealgate_decisions_total{operation="pull",policy="signed",reason="signature-missing",result="deny",rule="signed"}'
            ]
            == 1
        )
        assert counted['sealgate_cache_lookups_total{cache="decisions",result="hit"}'] >= 1
        assert counted['sealgate_requests_total{method="GET",route="manifest",status="200"}'] == 2
        assert counted['sealgate_requests_total{method="GET",route="manifest",status="403"}'] == 1
        assert counted['sealgate_blob_bytes_total{direction="pull"}'] == len(IMAGE.blobs[1])
        assert counted['sealgate_blob_transfers_total{direction="pull",result="whole"}'] == 1
        assert counted['sealgate_blob_bytes_total{direction="push"}'] == sum(map(len, OTHER.blobs))
        assert counted['sealgate_blob_transfers_total{direction="push",result="whole"}'] == len(OTHER.blobs)
        assert not any(name.startswith("sealgate_blob_transfers_active") for name in counted)
        assert counted['sealgate_holds{releases="itself"}'] == 1
        assert counted["sealgate_holds_oldest_seconds"] > 0
        assert counted["sealgate_reload_current"] == 1
        assert counted['sealgate_trusted_root_usable{root="default"}'] == 1
        for stage in ("upstream", "discovery", "verification", "decision"):
            assert counted[f'sealgate_stage_seconds_count{{stage="{stage}"}}'] >= 1

        assert (await world.client.push_signature("team/new", world.signature(OTHER.digest))).status == 201
        counted = await scrape(world.gate)
        assert counted['sealgate_holds_ended_total{how="released"}'] == 1
        assert 'sealgate_holds{releases="itself"}' not in counted


async def test_a_blob_that_breaks_off_is_not_whole(holding):
    large = images.oci_image(seed=3, size=4 * 1024 * 1024)
    layer, content = Digest.of(large.blobs[1]), large.blobs[1]
    async with holding as world:
        world.add("team/app", large)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        half = Answer(body=content[: len(content) // 2], length=len(content))
        world.registry.script(f"GET /v2/team/app/blobs/{layer}", half)
        with pytest.raises(aiohttp.ClientError):
            await world.client.blob("team/app", layer)
        counted = await scrape(world.gate)
        assert counted['sealgate_blob_transfers_total{direction="pull",result="broken"}'] == 1
        assert 'sealgate_blob_transfers_total{direction="pull",result="whole"}' not in counted
        assert 0 < counted['sealgate_blob_bytes_total{direction="pull"}'] < len(content)


async def test_b35_a_method_of_the_clients_own_is_another_one(holding):
    async with holding as world:
        await world.client.ask("PROPFIND", "/v2/team/app/manifests/1.0")
        assert (await scrape(world.gate))['sealgate_requests_total{method="other",route="manifest",status="405"}'] == 1


async def test_a_reload_that_fails_is_counted_and_told(holding):
    async with holding as world:
        world.gate.write("signed.yaml", "name: [")
        async with asyncio.timeout(20):
            while not (told := await ready(world.gate))["policies"]["problem"]:  # noqa: ASYNC110 - it is in the gate
                await asyncio.sleep(0.02)
        assert "signed.yaml:1" in told["policies"]["problem"]
        assert (told["status"], told["policies"]["current"]) == (200, False)
        counted = await scrape(world.gate)
        assert counted["sealgate_reload_failures_total"] == 1
        assert "sealgate_reload_current" not in counted  # it is 0


async def test_b35_whatever_clients_ask_for_the_metrics_stay_as_large_as_they_are(holding):
    async with holding as world:

        async def some(prefix: str, count: int) -> None:
            for number in range(count):
                name = f"{prefix}{number:05}"
                await world.client.pull(name, f"t{number}")
                await world.client.ask("GET", f"/v2/{name}/blobs/sha256:{number:064x}")
                await world.client.ask("GET", f"/v2/{name}/nothing/{number}")
                await world.client.ask(f"M{number}", f"/v2/{name}/manifests/1")

        await some("unknown/a", 5)
        await some("team/a", 5)
        _, before = await ask(world.gate, "/metrics")
        await asyncio.gather(*(some(f"{place}/b{worker}-", 60) for place in ("unknown", "team") for worker in range(8)))
        _, after = await ask(world.gate, "/metrics")
        assert len(after) - len(before) < 1024
        assert "b1-" not in after


def test_every_metric_is_in_the_documentation_and_nothing_else():
    from sealgate.adapters.metrics import Metrics

    named = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    assert set(re.findall(r"^\| `(sealgate_\w+)", PAGE, re.MULTILINE)) == named


async def test_health_says_what_there_is_to_know(holding):
    async with holding as world:
        assert await ask(world.gate, "/healthz") == (200, "alive\n")
        told = await ready(world.gate)
        assert (told["status"], told["ready"], told["leaving"]) == (200, True, False)
        assert told["policies"] == {
            "count": 1,
            "digest": told["policies"]["digest"],
            "current": True,
            "problem": None,
            "since": None,
        }
        assert re.fullmatch("[0-9a-f]{64}", told["policies"]["digest"])
        assert told["trusted_roots"]["default"] == {"usable": True, "age_seconds": None, "problem": None}
        assert told["upstreams"] == {"default": {"reachable": True, "problem": None}}
        assert told["state"] == {"usable": True, "problem": None}
        assert told["warnings"] == []


async def test_a_registry_that_does_not_answer_is_told_and_the_gate_stays(holding, monkeypatch):
    """All replicas would leave at once, and clients would not even read why."""
    monkeypatch.setattr(wiring_admin, "HEALTH_SECONDS", 0.2)
    async with holding as world:
        world.registry.script("GET /v2/", Answer(status=500), times=1)
        told = await ready(world.gate)
        assert (told["status"], told["upstreams"]["default"]["reachable"]) == (200, False)
        world.registry.script("GET /v2/", Answer(delay=5))
        assert "does not answer within" in (await ready(world.gate))["upstreams"]["default"]["problem"]


async def test_many_who_ask_make_one_question(holding, monkeypatch):
    monkeypatch.setattr(wiring_admin, "HEALTH_KEPT_SECONDS", 60)
    async with holding as world:
        world.registry.requests.clear()
        await asyncio.gather(*(ready(world.gate) for _ in range(20)))
        assert world.asked() == ["GET /v2/"]


async def test_a_state_that_is_down_is_told(registry, gate_world, postgres_server):
    url = postgres_server.database()
    upgrade_postgres(url)
    async with gate_world(
        registry, {"signed.yaml": HOLD.replace("hold\n", "reject\n")}, more={**ADMIN, "state": {"url": url}}
    ) as world:
        postgres_server.stop()
        try:
            told = await ready(world.gate)
            assert (told["status"], told["state"]["usable"]) == (200, False)
            assert "cannot be used" in told["state"]["problem"]
            assert (await ask(world.gate, "/metrics"))[0] == 200
        finally:
            postgres_server.start()


async def test_f12_a_gate_that_leaves_is_not_ready_and_still_alive(holding):
    async with holding as world:
        world.gate.leave()
        told = await ready(world.gate)
        assert (told["status"], told["ready"], told["leaving"]) == (503, False, True)
        assert (await ask(world.gate, "/healthz"))[0] == 200


def test_unsafe_settings_are_told():
    text = "upstreams: [{name: default, url: 'https://r', unsafe_skip_tls_verification: true}]\npolicies: [p]\n"
    made = read_settings("s.yaml", text.encode(), flags=Overrides(), variables={}, folder=Path())
    skipped, public_url, state = wiring_admin.warnings(made)
    assert "whoever is on the way to upstream default (https://r) can answer in its place" in skipped
    assert public_url.startswith("public_url is not set")
    assert state.startswith("state is in memory")


async def test_nothing_else_is_there_and_nothing_of_it_is_at_the_gate(holding):
    async with holding as world:
        for path in ("/", "/v2/", "/v2/team/app/manifests/1.0", "/debug"):
            assert (await ask(world.gate, path))[0] == 404
        assert (await ask(world.gate, "/metrics", "POST"))[0] == 405
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await world.client.ask("GET", path)).status == 404


async def test_without_the_setting_there_is_none(world):
    assert world.gate.admin == ""
