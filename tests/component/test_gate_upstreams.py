"""One gate, several registries: each way to say which, one judgement whichever way, and answers in the same words."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from sealgate.oci.digest import Digest
from sealgate.policy.access import ANYONE, AccessRules, Grant, Right
from sealgate.testing import images
from sealgate.testing.client import RegistryClient, Reply
from sealgate.testing.gate import RunningGate
from sealgate.testing.registry import Answer, MemoryRegistry

IMAGE = images.oci_image(seed=1)
OTHER = images.oci_image(seed=2)
POLICIES = {
    "open.yaml": 'name: open\nrepositories: ["team/**", "ghcr.io/org/**", "docker.io/**"]\nallow_unsigned: true\n',
    "strict.yaml": """\
name: strict
repositories: ["secret/**", "ghcr.io/secret/**"]
rules:
  - name: signed
    signature_type: cosign
    key_requirements:
      - {type: keyless, certificate_identity: a@b.example, certificate_oidc_issuer: https://issuer.example}
""",
}
EVERYTHING = AccessRules((Grant(who=frozenset({ANYONE}), may=frozenset(Right), repositories=("**",)),))


@dataclass
class World:
    default: MemoryRegistry
    ghcr: MemoryRegistry
    hub: MemoryRegistry
    gate: RunningGate
    client: RegistryClient

    async def get(self, path: str, host: str = "", method: str = "GET") -> Reply:
        return await self.client.ask(method, path, headers={"Accept": "*/*", **({"Host": host} if host else {})})


@pytest.fixture
async def world(gate_world) -> AsyncIterator[World]:
    async with MemoryRegistry() as default, MemoryRegistry() as ghcr, MemoryRegistry() as hub:
        upstreams = [
            {"name": "default", "url": default.url, "hosts": ["registry.corp"]},
            {"name": "ghcr.io", "url": ghcr.url, "hosts": ["containers.example:5000"]},
            {"name": "docker.io", "url": hub.url},
        ]
        more = {"upstreams": upstreams, "public_url": "https://gate.example"}
        async with gate_world(default, POLICIES, rights=EVERYTHING, catalog=True, more=more) as made:
            yield World(default, ghcr, hub, made.gate, made.client)


WAYS = [
    ("ghcr.io/org/app", "", ""),
    ("org/app", "?ns=ghcr.io", ""),
    ("org/app", "?ns=containers.example%3A5000", ""),
    ("org/app", "", "ghcr.io"),
    ("org/app", "", "containers.example:5000"),
    ("ghcr.io/org/app", "?ns=ghcr.io", ""),
]


@pytest.mark.parametrize(("name", "query", "host"), WAYS)
async def test_each_way_leads_to_the_same_repository(world, name, query, host):
    world.ghcr.add_artifact("org/app", IMAGE, "v1")
    world.default.add_artifact("org/app", OTHER, "v1")
    got = await world.get(f"/v2/{name}/manifests/v1{query}", host)
    assert (got.status, got.body) == (200, IMAGE.raw)
    blob = await world.get(f"/v2/{name}/blobs/{Digest.of(IMAGE.blobs[0])}{query}", host)
    assert blob.status == 200
    assert [decision["repository"] for decision in world.gate.decisions] == ["ghcr.io/org/app"]
    assert world.default.requests == world.hub.requests == []


@pytest.mark.parametrize(
    ("name", "query", "host"),
    [
        ("team/app", "", ""),
        ("team/app", "", "whatever.example"),
        ("team/app", "?ns=gate.example", ""),
        ("team/app", "?ns=registry.corp", ""),
        ("team/app", "", "registry.corp"),
        ("registry.corp/team/app", "", ""),
    ],
)
async def test_each_way_to_the_default_registry(world, name, query, host):
    world.default.add_artifact("team/app", IMAGE, "v1")
    assert (await world.get(f"/v2/{name}/manifests/v1{query}", host)).body == IMAGE.raw
    assert [decision["repository"] for decision in world.gate.decisions] == ["team/app"]


@pytest.mark.parametrize(
    ("name", "query", "host"),
    [
        ("alpine", "?ns=docker.io", ""),
        ("docker.io/alpine", "", ""),
        ("index.docker.io/library/alpine", "", ""),
        ("alpine", "", "registry-1.docker.io"),
    ],
)
async def test_docker_hub_is_asked_as_people_expect(world, name, query, host):
    world.hub.add_artifact("library/alpine", IMAGE, "3")
    assert (await world.get(f"/v2/{name}/manifests/3{query}", host)).body == IMAGE.raw
    assert [decision["repository"] for decision in world.gate.decisions] == ["docker.io/library/alpine"]
    assert {request.path.split("/")[2] for request in world.hub.requests} == {"library"}


@pytest.mark.parametrize(("name", "query", "host"), WAYS)
async def test_a_push_goes_the_same_ways_and_is_answered_in_the_same_words(world, name, query, host):
    headers = {"Host": host} if host else {}
    content = b"a layer"
    started = await world.client.ask("POST", f"/v2/{name}/blobs/uploads/{query}", headers=headers)
    assert (started.status, started.headers["location"].partition("?")[2]) == (202, query.removeprefix("?"))
    assert started.headers["location"].startswith(f"/v2/{name}/blobs/uploads/")
    sent = await world.client.ask("PATCH", started.headers["location"], body=content, headers=headers)
    location = sent.headers["location"]
    stood = await world.client.ask("GET", location, headers=headers)
    assert (sent.status, stood.status, stood.headers["range"]) == (202, 204, "0-6")
    location += f"{'&' if '?' in location else '?'}digest={Digest.of(content)}"
    stored = await world.client.ask("PUT", location, headers=headers)
    assert (stored.status, stored.headers["location"]) == (201, f"/v2/{name}/blobs/{Digest.of(content)}{query}")
    assert world.ghcr.has_blob("org/app", Digest.of(content))

    for blob in IMAGE.blobs:
        world.ghcr.add_blob("org/app", blob)
    headers["Content-Type"] = IMAGE.media_type
    put = await world.client.ask("PUT", f"/v2/{name}/manifests/v1{query}", body=IMAGE.raw, headers=headers)
    assert (put.status, put.headers["location"]) == (201, f"/v2/{name}/manifests/{IMAGE.digest}{query}")
    assert world.ghcr.tags("org/app") == {"v1": IMAGE.digest}
    assert world.default.requests == world.hub.requests == []


@pytest.mark.parametrize(("name", "query", "host"), WAYS)
async def test_listings_speak_as_they_were_asked(world, name, query, host):
    world.ghcr.add_artifact("org/app", IMAGE, "v1")
    world.ghcr.add_artifact("org/app", IMAGE, "v2")
    page = await world.get(f"/v2/{name}/tags/list{query}{'&' if query else '?'}n=1", host)
    assert json.loads(page.body) == {"name": name, "tags": ["v1"]}
    following = page.headers["link"].removeprefix("<").partition(">")[0]
    assert following.startswith(f"/v2/{name}/tags/list?")
    assert json.loads((await world.get(following, host)).body) == {"name": name, "tags": ["v2"]}
    referrers = await world.get(f"/v2/{name}/referrers/{IMAGE.digest}{query}", host)
    assert referrers.status == 200


async def test_a_catalog_is_one_registrys(world):
    kind = {"Content-Type": "application/json"}
    listed = b'{"repositories": ["team/app", "ghcr.io/nobody-can-ask-for-it-by-this"]}'
    world.default.script("GET /v2/_catalog", Answer(headers=kind, body=listed))
    more = {**kind, "Link": '</v2/_catalog?n=1&last=org%2Fapp>; rel="next"'}
    world.ghcr.script("GET /v2/_catalog", Answer(headers=more, body=b'{"repositories": ["org/app"]}'), times=1)
    world.ghcr.script("GET /v2/_catalog", Answer(headers=kind, body=b'{"repositories": ["org/app", "org/more"]}'))
    assert json.loads((await world.get("/v2/_catalog")).body) == {"repositories": ["team/app"]}
    page = await world.get("/v2/_catalog?n=1&ns=ghcr.io")
    assert json.loads(page.body) == {"repositories": ["org/app"]}
    assert page.headers["link"] == '</v2/_catalog?n=1&last=org%2Fapp&ns=ghcr.io>; rel="next"'
    assert json.loads((await world.get("/v2/_catalog", "ghcr.io")).body) == {"repositories": ["org/app", "org/more"]}


@pytest.mark.parametrize(
    ("query", "host", "asked"), [("", "", "default"), ("", "ghcr.io", "ghcr"), ("?ns=docker.io", "", "hub")]
)
async def test_a_ping_is_for_the_registry_that_is_meant(world, query, host, asked):
    assert (await world.get(f"/v2/{query}", host)).status == 200
    assert [name for name in ("default", "ghcr", "hub") if getattr(world, name).requests] == [asked]


@pytest.mark.parametrize(
    ("name", "query", "host", "image"),
    [
        ("ghcr.io/secret/app", "", "", "gate.example/ghcr.io/secret/app"),
        ("secret/app", "?ns=ghcr.io", "", "gate.example/ghcr.io/secret/app"),
        ("secret/app", "", "ghcr.io", "ghcr.io/secret/app"),
        ("secret/app", "", "evil.example", "gate.example/secret/app"),
    ],
)
async def test_a_refusal_names_the_one_name_and_what_the_person_can_sign(world, name, query, host, image):
    registry = world.default if host == "evil.example" else world.ghcr
    registry.add_artifact("secret/app", IMAGE, "v1")
    got = await world.get(f"/v2/{name}/manifests/v1{query}", host)
    message = json.loads(got.body)["errors"][0]["message"]
    canonical = "secret/app" if registry is world.default else "ghcr.io/secret/app"
    assert got.status == 403
    assert message.startswith(f"{canonical}:v1 ({IMAGE.digest}) denied by policy strict")
    assert f"`cosign sign {image}@{IMAGE.digest}`" in message


async def test_what_no_policy_covers_at_one_registry_is_covered_at_another(world):
    for registry in (world.default, world.ghcr, world.hub):
        registry.add_artifact("team/app", IMAGE, "v1")
    assert (await world.get("/v2/team/app/manifests/v1")).status == 200
    assert (await world.get("/v2/ghcr.io/team/app/manifests/v1")).status == 403
    assert (await world.get("/v2/docker.io/team/app/manifests/v1")).status == 200


async def test_deletes_and_mounts_go_where_they_are_meant(world):
    world.ghcr.add_artifact("org/app", IMAGE, "v1")
    world.default.add_artifact("org/app", IMAGE, "v1")
    layer = Digest.of(IMAGE.blobs[0])
    assert (await world.get("/v2/ghcr.io/org/app/manifests/v1")).status == 200
    path = f"/v2/ghcr.io/org/more/blobs/uploads/?mount={layer}&from=ghcr.io/org/app"
    mounted = await world.client.ask("POST", path)
    assert (mounted.status, mounted.headers["location"]) == (201, f"/v2/ghcr.io/org/more/blobs/{layer}")
    assert world.ghcr.has_blob("org/more", layer)
    assert (await world.client.ask("DELETE", f"/v2/org/app/manifests/{IMAGE.digest}?ns=ghcr.io")).status == 202
    assert not world.ghcr.has_manifest("org/app", IMAGE.digest)
    assert world.default.has_manifest("org/app", IMAGE.digest)


async def test_redirects_pass_where_the_settings_say_so(world, gate_world):
    """The client goes to the storage by the URL that the registry gave; what stays at the registry is followed."""
    world.hub.add_blob("stored/app", IMAGE.blobs[0])
    world.default.add_artifact("team/app", IMAGE, "v1")
    layer, config = Digest.of(IMAGE.blobs[0]), Digest.of(IMAGE.blobs[1])
    there = f"{world.hub.url}/v2/stored/app/blobs/{layer}?sig=a%2Fb"
    world.default.script(f"GET /v2/team/app/blobs/{layer}", Answer(status=307, headers={"Location": there}))
    world.default.add_blob("moved/app", IMAGE.blobs[1])
    home = f"/v2/moved/app/blobs/{config}"
    world.default.script(f"GET /v2/team/app/blobs/{config}", Answer(status=302, headers={"Location": home}))
    more = {"upstreams": [{"name": "default", "url": world.default.url, "redirects": "pass"}]}
    async with gate_world(world.default, POLICIES, more=more) as passing:
        assert (await passing.client.pull("team/app", "v1")).status == 200
        got = await passing.client.blob("team/app", layer)
        assert (got.status, got.headers["location"], got.body) == (307, there, b"")
        assert (await passing.client.ask("GET", there)).body == IMAGE.blobs[0]
        assert (await passing.client.blob("team/app", config)).body == IMAGE.blobs[1]
        assert len(world.hub.requests) == 1


async def test_redirect_hosts_are_followed_though_they_are_not_public(world, gate_world):
    world.hub.add_blob("stored/app", IMAGE.blobs[0])
    world.default.add_artifact("team/app", IMAGE, "v1")
    layer = Digest.of(IMAGE.blobs[0])
    there = f"{world.hub.url}/v2/stored/app/blobs/{layer}"
    world.default.script(f"GET /v2/team/app/blobs/{layer}", Answer(status=307, headers={"Location": there}))
    for hosts, status in ((["127.0.0.2"], 503), ([world.hub.host], 200)):
        more = {"upstreams": [{"name": "default", "url": world.default.url, "redirect_hosts": hosts}]}
        async with gate_world(world.default, POLICIES, more=more) as following:
            assert (await following.client.pull("team/app", "v1")).status == 200
            assert (await following.client.blob("team/app", layer)).status == status


async def test_one_registry_alone_needs_no_default(gate_world, registry):
    registry.add_artifact("org/app", IMAGE, "v1")
    more = {"upstreams": [{"name": "ghcr.io", "url": registry.url}]}
    async with gate_world(registry, POLICIES, more=more) as made:
        assert (await made.client.ask("GET", "/v2/")).status == 200
        assert (await made.client.pull("ghcr.io/org/app", "v1")).status == 200
        assert (await made.client.pull("org/app", "v1")).status == 400
