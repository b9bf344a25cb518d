# ruff: noqa: E501 (tables of requests are read best in whole lines)
"""Attacks that several registries behind one gate make possible, and faults of one that must stay its own."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sealgate.adapters.upstream.addresses import BoundedResolver
from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.adapters.upstream.several import SeveralUpstreams
from sealgate.adapters.upstream.transport import Timeouts
from sealgate.errors import UpstreamUnavailable
from sealgate.limits import DISCOVERIES
from sealgate.oci.digest import Digest
from sealgate.oci.naming import NamedRegistry, Names
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.access import ANYONE, AccessRules, Grant, Right
from sealgate.ports import Access
from sealgate.testing import images
from sealgate.testing.registry import Answer, MemoryRegistry

IMAGE = images.oci_image(seed=1)
LAYER = Digest.of(IMAGE.blobs[0])
OPEN = 'name: open\nrepositories: ["lax/**", "b.example/lax/**", "c.example/**"]\nallow_unsigned: true\n'
STRICT = """\
name: strict
repositories: ["strict/**", "b.example/strict/**"]
rules:
  - name: signed
    signature_type: cosign
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
POLICIES = {"open.yaml": OPEN, "strict.yaml": STRICT}
CANARY = "Basic " + base64.b64encode(b"canary:canary-secret").decode()
ALL = AccessRules((Grant(who=frozenset({ANYONE}), may=frozenset(Right), repositories=("**",)),))


@dataclass
class Several:
    """A gate with three registries, `a` being the default one."""

    a: MemoryRegistry
    b: MemoryRegistry
    c: MemoryRegistry
    gate: object = field(default=None)

    def asked(self) -> set[str]:
        return {name for name in "abc" if getattr(self, name).requests}

    def heard(self, name: str) -> str:
        """All that one registry was told."""
        return repr([(one.method, one.target, one.headers) for one in getattr(self, name).requests])

    def upstreams(self) -> list[dict[str, object]]:
        return [
            {"name": "default", "url": self.a.url, "hosts": ["a.example"]},
            {"name": "b.example", "url": self.b.url, "hosts": ["b-alias.example"]},
            {"name": "c.example", "url": self.c.url, "timeouts": {"connect": 1, "first_byte": 2, "idle": 2}},
        ]


@pytest.fixture
async def several(gate_world) -> AsyncIterator[Several]:
    async with MemoryRegistry() as a, MemoryRegistry() as b, MemoryRegistry() as c:
        made = Several(a, b, c)
        more = {"upstreams": made.upstreams(), "public_url": "https://gate.example"}
        async with gate_world(a, POLICIES, rights=ALL, more=more) as made.gate:
            yield made


async def ask(several: Several, method: str, path: str, *lines: str, body: bytes = b"") -> tuple[int, bytes]:
    """One raw request; its header lines are the test's."""
    head = [f"{method} {path} HTTP/1.1", "Connection: close", f"Content-Length: {len(body)}", *lines, "", ""]
    got = await several.gate.raw("\r\n".join(head).encode() + body)
    return int(got.split(b" ", 2)[1]), got.partition(b"\r\n\r\n")[2]


REFUSED = [
    ("lax/app", "?ns=elsewhere.example", "gate.example"),
    ("lax/app", "?ns=b.example&ns=b.example", "gate.example"),
    ("lax/app", "?ns=b.example&ns=c.example", "gate.example"),
    ("lax/app", "?ns=B.example", "gate.example"),
    ("lax/app", "?ns=b.example:5000", "gate.example"),
    ("lax/app", "?ns=u:p@b.example", "gate.example"),
    ("lax/app", "?ns=http://b.example", "gate.example"),
    ("lax/app", "?ns=127.0.0.1", "gate.example"),
    ("lax/app", "?ns=b.example%2Flax", "gate.example"),
    ("lax/app", "?ns=c.example", "b.example"),
    ("b.example/lax/app", "?ns=c.example", "gate.example"),
    ("b.example/lax/app", "", "c.example"),
    ("b.example/lax/app", "?ns=a.example", "gate.example"),
    ("elsewhere.example/lax/app", "", "gate.example"),
    ("localhost/lax/app", "", "gate.example"),
    ("a.example/b.example/lax/app", "", "gate.example"),
    ("b.example", "", "gate.example"),
]


@pytest.mark.parametrize(("name", "query", "host"), REFUSED)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_b17_what_could_mean_two_registries_or_none_is_400_and_asks_nobody(several, method, name, query, host):
    for path in ("manifests/v1", f"blobs/{LAYER}") if method != "PUT" else ("manifests/v1",):
        status, _ = await ask(several, method, f"/v2/{name}/{path}{query}", f"Host: {host}", body=b"")
        assert (status, several.asked()) == (400, set())


async def test_b17_a_second_host_is_400_and_asks_nobody(several):
    for path in ("/v2/", "/v2/lax/app/manifests/v1"):
        assert (await ask(several, "GET", path, "Host: b.example", "Host: c.example"))[0] == 400
    assert several.asked() == set()


@pytest.mark.parametrize(
    "line", ["X-Forwarded-Host: b.example", "Forwarded: host=b.example", "X-Original-Host: b.example"]
)
async def test_b17_no_other_header_says_which_registry(several, line):
    await ask(several, "GET", "/v2/lax/app/manifests/v1", "Host: gate.example", line)
    assert several.asked() == {"a"}


async def test_b17_a_way_chooses_the_registry_and_its_policies_together(several, reason):
    """What a laxer registry's policy lets pass is what that registry has: never another one's content under its name."""
    for registry in (several.a, several.b):
        registry.add_artifact("strict/app", IMAGE, "v1")
    several.c.add_artifact("strict/app", images.oci_image(seed=9), "v1")
    for name, query, host, status in [
        ("strict/app", "", "gate.example", 403), ("strict/app", "?ns=b.example", "gate.example", 403),
        ("strict/app", "", "b-alias.example", 403), ("b.example/strict/app", "", "gate.example", 403),
        ("strict/app", "?ns=c.example", "gate.example", 200), ("c.example/strict/app", "", "x", 200),
    ]:  # fmt: skip
        got, body = await ask(several, "GET", f"/v2/{name}/manifests/v1{query}", f"Host: {host}", "Accept: */*")
        assert (got, IMAGE.raw in body) == (status, False)


WAYS = [
    ("strict/app", "", "gate.example", "a"),
    ("strict/app", "?ns=a.example", "gate.example", "a"),
    ("strict/app", "?ns=b.example", "gate.example", "b"),
    ("strict/app", "", "b.example", "b"),
    ("b.example/strict/app", "?ns=b.example", "gate.example", "b"),
    ("b.example/strict/app", "", "gate.example", ""),
    ("b-alias.example/strict/app", "", "gate.example", ""),
    ("a.example/strict/app", "", "gate.example", ""),
]


@pytest.mark.parametrize(("name", "query", "host", "told"), WAYS)
async def test_b28_credentials_reach_the_one_registry_that_host_ns_or_default_selects(several, name, query, host, told):
    """Pull, push, mount, delete and all that discovery asks: by the path, credentials reach nobody."""
    for registry in (several.a, several.b, several.c):
        registry.add_artifact("strict/app", IMAGE, "v1")
    lines = (f"Host: {host}", f"Authorization: {CANARY}", "Accept: */*")
    join = "&" if query else "?"
    for method, path in [
        ("GET", f"/v2/{query}"), ("GET", f"/v2/{name}/manifests/v1{query}"), ("GET", f"/v2/{name}/blobs/{LAYER}{query}"),
        ("HEAD", f"/v2/{name}/blobs/{LAYER}{query}"), ("GET", f"/v2/{name}/tags/list{query}"),
        ("GET", f"/v2/{name}/referrers/{IMAGE.digest}{query}"), ("POST", f"/v2/{name}/blobs/uploads/{query}"),
        ("DELETE", f"/v2/{name}/manifests/{IMAGE.digest}{query}"),
        *(
            ("POST", f"/v2/{name}/blobs/uploads/{query}{join}mount={LAYER}&from={source}")
            for source in ("lax/app", "strict/app", "b.example/strict/app", "c.example/strict/app", "a.example/strict/app")
        ),
    ]:  # fmt: skip
        if method == "GET" and path == f"/v2/{query}" and not told:
            continue  # it has no name in its path: the default registry is meant
        await ask(several, method, path, *lines)
    assert {each for each in "abc" if "canary" in several.heard(each) or CANARY in several.heard(each)} == {*told}
    if told != "a" and name.partition("/")[0] != "a.example":
        assert several.asked() == {"b"}


@pytest.mark.parametrize(("name", "source"), [("lax/app", "c.example/app"), ("c.example/app", "lax/app"), ("c.example/app", "b.example/lax/app")])  # fmt: skip
async def test_b19_a_mount_from_another_registry_is_a_plain_upload(several, name, source):
    """Not even whether it is there is asked; as with any other mount that is none, the client uploads."""
    for registry in (several.a, several.b, several.c):
        registry.add_artifact("lax/app", IMAGE, "v1")
        registry.add_artifact("app", IMAGE, "v1")
    path = f"/v2/{name}/blobs/uploads/?mount={LAYER}&from={source}"
    status, _ = await ask(several, "POST", path, "Host: gate.example")
    at = "c" if name.startswith("c.") else "a"
    assert (status, several.asked()) == (202, {at})
    assert all("mount" not in one.target for one in getattr(several, at).requests)


async def test_b28_an_access_for_one_registry_is_none_for_another():
    """Whatever the gate should come to ask with a request's credentials, they stay with the registry they are for."""
    async with MemoryRegistry() as a, MemoryRegistry() as b:
        registries = {"default": HttpUpstream("default", a.url), "b.example": HttpUpstream("b.example", b.url)}
        names = Names(
            [NamedRegistry(name="default", address="a"), NamedRegistry(name="b.example", address="b")], "gate"
        )
        both, layer = SeveralUpstreams(registries, names), Repository("b.example/app")
        a.add_artifact("app", IMAGE, "v1")
        b.add_artifact("app", IMAGE, "v1")
        for access, told in [(Access(CANARY), "a"), (Access(CANARY, upstream="b.example"), "b")]:
            a.requests.clear()
            b.requests.clear()
            for repository in (Repository("app"), layer):
                await both.manifest(repository, Tag("v1"), (), access)
                await both.blob_head(repository, LAYER, access)
                await both.mount_blob(repository, LAYER, Repository("app"), access)
                await both.tags(repository, None, "", access)
            heard = {
                name for name, one in (("a", a), ("b", b)) if CANARY in repr([each.headers for each in one.requests])
            }
            assert heard == {told}
            assert not [one for one in b.requests if "mount" in one.target]  # its source is at another registry
        for one in registries.values():
            await one.close()


async def test_b25_an_upload_session_of_one_registry_leads_to_no_other(several):
    started = await several.gate.client.ask("POST", "/v2/c.example/app/blobs/uploads/")
    token = started.headers["location"].rpartition("/")[2]
    several.c.requests.clear()
    for name in ("app", "b.example/lax/app", "lax/app"):
        assert (await ask(several, "PATCH", f"/v2/{name}/blobs/uploads/{token}", "Host: x", body=b"x"))[0] == 404
    assert (await ask(several, "PATCH", f"/v2/app/blobs/uploads/{token}?ns=b.example", "Host: x", body=b"x"))[0] == 404
    assert several.asked() == set()
    assert (await ask(several, "GET", f"/v2/app/blobs/uploads/{token}?ns=c.example", "Host: x"))[0] == 204


async def test_b31_what_is_admitted_at_one_registry_is_judged_anew_at_another(several, reason):
    """The same digest under the same own name: no decision, listing or manifest of one repository serves another."""
    for registry in (several.a, several.b, several.c):
        registry.add_artifact("strict/app", IMAGE, "v1")
    client = several.gate.client
    assert (await client.pull("c.example/strict/app", "v1")).status == 200
    assert (await client.blob("c.example/strict/app", LAYER)).status == 200
    for name in ("strict/app", "b.example/strict/app"):
        for reference in ("v1", str(IMAGE.digest)):
            assert (await client.pull(name, reference)).status == 403
        assert (await client.blob(name, LAYER)).status == 403
    several.gate.registry = several.b
    several.gate.put("strict/app", several.gate.signature(IMAGE.digest))
    several.b.requests.clear()
    assert (await client.pull("strict/app", "v1")).status == 403
    assert several.b.requests == []  # a signature there counts there


async def test_b31_a_name_that_changes_hands_takes_no_decision_with_it(gate_world, tmp_path: Path):
    """`team/app` was at the default registry; then `team` is made a registry of its own. The state is the same file."""
    state = tmp_path / "state.db"
    policies = {"open.yaml": "name: open\nrepositories: ['team/**']\nallow_unsigned: true\n"}
    async with MemoryRegistry() as a, MemoryRegistry() as b:
        a.add_artifact("team/app", IMAGE, "v1")
        b.add_artifact("app", IMAGE, "v1")
        cached = []
        for more in [
            {"upstreams": [{"name": "default", "url": a.url}, {"name": n, "url": b.url}]} for n in ("b", "team")
        ]:
            for _ in range(2):
                async with gate_world(a, policies, state=state, more=more) as made:
                    assert (await made.client.pull("team/app", "v1")).status == 200
                    cached += [decision["cached"] for decision in made.gate.decisions]
        assert cached == [False, True, False, True]


LOCATIONS = [
    "http://u:p@127.0.0.2/x", "//127.0.0.2/x", "javascript:alert(1)", "ftp://127.0.0.2/x", "http://127.0.0.2/x#y",
    "http://127.0.0.2/\x0cx", "http://127.1/x", "http://2130706433/x", "", "http://127.0.0.2:99999/", "file:///etc/passwd",
    "http://b..example/", 'http://127.0.0.2/"x', "http://127.0.0.2/é",
]  # fmt: skip


@pytest.mark.parametrize("location", LOCATIONS)
async def test_b25_what_is_passed_on_is_a_plain_url_or_nothing(gate_world, registry, location):
    registry.add_artifact("lax/app", IMAGE, "v1")
    registry.script(f"GET /v2/lax/app/blobs/{LAYER}", Answer(status=307, headers={"Location": location}))
    more = {"upstreams": [{"name": "default", "url": registry.url, "redirects": "pass"}]}
    async with gate_world(registry, POLICIES, more=more) as made:
        assert (await made.client.pull("lax/app", "v1")).status == 200
        got = await made.client.blob("lax/app", LAYER)
        assert (got.status, "location" in got.headers) == (503, False)


async def test_b25_a_redirect_that_is_passed_on_still_needs_an_admission(gate_world, registry):
    registry.add_artifact("strict/app", IMAGE, "v1")
    registry.script("GET /v2/.*/blobs/.*", Answer(status=307, headers={"Location": "http://storage.example/x"}))
    more = {"upstreams": [{"name": "default", "url": registry.url, "redirects": "pass"}]}
    async with gate_world(registry, POLICIES, more=more) as made:
        assert (await made.client.pull("strict/app", "v1")).status == 403
        got = await made.client.blob("strict/app", LAYER)
        assert (got.status, "location" in got.headers) == (403, False)
        assert not [one for one in registry.requests if "/blobs/" in one.path]


async def test_b25_what_the_gate_reads_itself_it_reads_through_redirects_even_where_they_pass(registry):
    """A signature's payload is hashed by the gate, so it follows; and where it may not, it has none."""
    upstream = HttpUpstream("default", registry.url, pass_redirects=True)
    registry.add_blob("other/app", IMAGE.blobs[0])
    there = f"/v2/other/app/blobs/{LAYER}"
    registry.script(f"GET /v2/lax/app/blobs/{LAYER}", Answer(status=307, headers={"Location": there}), times=1)
    try:
        assert await upstream.small_blob(Repository("lax/app"), LAYER, 10**6, Access()) == IMAGE.blobs[0]
        registry.script(
            f"GET /v2/lax/app/blobs/{LAYER}", Answer(status=307, headers={"Location": "http://127.0.0.2/x"})
        )
        with pytest.raises(UpstreamUnavailable, match="not public"):
            await upstream.small_blob(Repository("lax/app"), LAYER, 10**6, Access())
    finally:
        await upstream.close()


async def test_b25_redirects_of_one_registry_carry_nothing_to_another(gate_world):
    async with MemoryRegistry() as a, MemoryRegistry() as b:
        a.add_artifact("lax/app", IMAGE, "v1")
        b.add_blob("stored/app", IMAGE.blobs[0])
        there = f"{b.url}/v2/stored/app/blobs/{LAYER}"
        a.script(f"GET /v2/lax/app/blobs/{LAYER}", Answer(status=307, headers={"Location": there}))
        upstreams = [{"name": "default", "url": a.url, "redirect_hosts": [b.host]}, {"name": "b.example", "url": b.url}]
        async with gate_world(a, POLICIES, more={"upstreams": upstreams}) as made:
            headers = {"Authorization": CANARY, "Cookie": "canary=1", "X-Registry-Auth": "canary"}
            assert (await made.client.pull("lax/app", "v1")).status == 200
            got = await made.client.ask("GET", f"/v2/lax/app/blobs/{LAYER}", headers=headers)
            assert (got.status, got.body) == (200, IMAGE.blobs[0])
        assert CANARY in repr([one.headers for one in a.requests])
        assert len(b.requests) == 1
        assert "anary" not in repr(b.requests[0].headers)


async def test_f1_one_registry_that_is_down_fails_fast_and_the_others_go_on(gate_world, registry):
    registry.add_artifact("lax/app", IMAGE, "v1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{closed.getsockname()[1]}"
        upstreams = [{"name": "default", "url": registry.url}, {"name": "c.example", "url": down}]
        async with gate_world(registry, POLICIES, more={"upstreams": upstreams}) as made:
            began = time.monotonic()
            got = await made.client.pull("c.example/app", "v1")
            assert time.monotonic() - began < 1  # attacks F1
            error = json.loads(got.body)["errors"][0]
            assert (got.status, error["detail"]["reason"]) == (503, "upstream-unavailable")
            assert "c.example cannot be reached" in error["message"]
            assert "retry-after" in got.headers
            assert (await made.client.pull("lax/app", "v1")).status == 200


async def test_f1_one_registry_that_hangs_keeps_nobody_from_the_others(several):
    """More askers than there are places in the queue, each with evidence to look for that does not come."""
    several.a.add_artifact("strict/app", IMAGE, "v1")
    several.gate.put("strict/app", several.gate.signature(IMAGE.digest))
    hanging = [images.oci_image(seed=seed) for seed in range(20, 20 + 2 * DISCOVERIES)]
    for number, image in enumerate(hanging):
        several.b.add_artifact("strict/app", image, f"v{number}")
    full, seen = asyncio.Event(), []

    def hang(request):
        seen.append(request)
        if len({one.path for one in seen if "referrers" in one.path}) == DISCOVERIES:
            full.set()
        return Answer(status=404, delay=20)

    several.b.script("GET /v2/strict/app/(referrers/.*|manifests/sha256-.*)", hang)
    client = several.gate.client
    waiting = [asyncio.ensure_future(client.pull("b.example/strict/app", f"v{n}")) for n in range(len(hanging))]
    try:
        async with asyncio.timeout(60):
            await full.wait()
        began = time.monotonic()
        assert (await client.pull("strict/app", "v1")).status == 200
        assert time.monotonic() - began < 10
        assert not any(one.done() for one in waiting)
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


class Dns:
    """A resolver that a test dictates."""

    def __init__(self, *answers: str | float) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, object]]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            raise OSError(f"nothing came of {host}")
        return [{"hostname": host, "host": answer, "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(("answers", "seconds"), [((0.0,), 1.0), ((60.0,), 3.0)], ids=["no such name", "no answer"])
async def test_f25_a_name_that_does_not_resolve_costs_little_and_is_not_asked_again_at_once(answers, seconds, registry):
    dns = Dns(*answers)
    lost = HttpUpstream("lost", "http://lost.example:5000", resolver=dns, timeouts=Timeouts(connect=1, first_byte=20))
    good = HttpUpstream("default", registry.url)
    registry.add_artifact("app", IMAGE, "v1")
    names = Names([NamedRegistry(name="default", address="a"), NamedRegistry(name="lost", address="b")], "gate")
    both = SeveralUpstreams({"default": good, "lost": lost}, names)
    began = time.monotonic()
    try:
        for _ in range(5):
            with pytest.raises(UpstreamUnavailable, match="its host name does not resolve"):
                await both.manifest(Repository("lost/app"), Tag("v1"), (), Access())
        assert time.monotonic() - began < seconds
        assert dns.asked == 1
        assert (await both.manifest(Repository("app"), Tag("v1"), (), Access())).raw == IMAGE.raw
    finally:
        await lost.close()
        await good.close()


async def test_f25_a_name_that_resolves_again_is_asked_again_after_a_while(monkeypatch):
    monkeypatch.setattr("sealgate.adapters.upstream.addresses.NAME_FAILURE_SECONDS", 0.0)
    dns = Dns(0.0, "10.0.0.1")
    resolver = BoundedResolver(1.0, dns)
    with pytest.raises(OSError, match="does not resolve"):
        await resolver.resolve("a.example")
    assert (await resolver.resolve("a.example"))[0]["host"] == "10.0.0.1"
