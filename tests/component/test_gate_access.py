"""Who may come in, what they may do, and with whose right the registry is asked: the whole gate, real sockets."""

import base64
import json
import ssl
from contextlib import asynccontextmanager
from urllib.parse import unquote

import aiohttp
import bcrypt
import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.limits import CATALOG_PAGES
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.oidc import OidcIssuer
from sealgate.testing.registry import Answer, MemoryRegistry, TokenServer
from sealgate.testing.tls import PrivateAuthority

OPEN = {"open.yaml": "name: open\nrepositories: ['**']\nallow_unsigned: true\n"}
PASSWORDS = {"ann": "sesame", "bob": "barley"}
USERS = "".join(
    f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n" for name, word in PASSWORDS.items()
).encode()
IMAGE = images.oci_image(seed=70)
GATE = {"gate": "own-secret"}


def basic(name: str, password: str | None = None) -> dict[str, str]:
    told = f"{name}:{PASSWORDS.get(name, '') if password is None else password}"
    return {"Authorization": "Basic " + base64.b64encode(told.encode()).decode()}


@asynccontextmanager
async def client(gate, headers=None, tls=None):
    """A client that shows the same with every request."""
    connector = aiohttp.TCPConnector(ssl=tls) if tls else None
    async with aiohttp.ClientSession(headers=headers or {}, connector=connector, auto_decompress=False) as session:
        yield RegistryClient(gate.url, session)


def upstream(registry, credentials, **more):
    return {"upstreams": [{"name": "default", "url": registry.url, "credentials": credentials, **more}]}


OWN = {"username": "gate", "password_file": "password"}
FILES = {"password": b"own-secret\n", "users": USERS}


async def test_with_credentials_of_its_own(start_gate):
    """A client's password opens the gate, and the gate's the registry; neither is the other's."""
    async with MemoryRegistry(users=GATE) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        more = upstream(registry, OWN) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with (
            client(gate) as nobody,
            client(gate, basic("ann")) as ann,
            client(gate, basic("gate", "own-secret")) as other,
        ):
            for outside in (nobody, other):
                for path in ("/v2/", "/v2/team/app/manifests/1.0", "/v2/team/absent/tags/list"):
                    reply = await outside.ask("GET", path)
                    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Basic realm="sealgate"')
            assert not [one for one in registry.requests if one.target != "/v2/"]
            assert (await ann.ask("GET", "/v2/")).status == 200
            assert (await ann.pull("team/app", "1.0")).body == IMAGE.raw
            assert (await ann.blob("team/app", Digest.of(IMAGE.blobs[0]))).body == IMAGE.blobs[0]
            assert (await ann.push("team/new", images.oci_image(seed=71), "1.0")).status == 201
        own = basic("gate", "own-secret")["Authorization"]
        assert {one.header("Authorization") for one in registry.requests} <= {"", own}
        assert {line["who"]["name"] for line in gate.decisions} == {"ann"}


@pytest.fixture
async def tokens():
    async with TokenServer(GATE) as made:
        yield made


def believing(tokens, **more):
    return {"token_hosts": [tokens.host], **more}


async def test_with_tokens_for_its_own_credentials(start_gate, tokens):
    async with MemoryRegistry(tokens=tokens, strict=True) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        more = upstream(registry, OWN, **believing(tokens)) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            # The very first request has a body, which comes only once.
            pushed = await ann.ask(
                "POST", f"/v2/team/blob/blobs/uploads/?digest={Digest.of(b'x')}", body=b"x"
            )  # fmt: skip
            assert pushed.status in (201, 202)
            for _ in range(3):
                assert (await ann.pull("team/app", "1.0")).body == IMAGE.raw
                assert (await ann.blob("team/app", Digest.of(IMAGE.blobs[0]))).status == 200
            assert (await ann.push("team/new", images.index(seed=72), "1.0")).status == 201
            assert (await ann.ask("GET", "/v2/team/new/tags/list")).status == 200
        scopes = [dict(query)["scope"] for query in tokens.queries]
        assert sorted(scopes) == [  # each once: tokens are kept
            "repository:team/app:pull",
            "repository:team/blob:pull,push",
            "repository:team/new:pull",
            "repository:team/new:pull,push",
        ]
        assert {given.user for given in tokens.given.values()} == {"gate"}
        assert all(dict(query)["service"] == "memory" for query in tokens.queries)


async def test_a_token_that_is_good_no_more_is_replaced_once(start_gate, tokens):
    async with MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        more = upstream(registry, OWN, **believing(tokens)) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == 200
            tokens.revoke()
            assert (await ann.pull("team/app", "1.0")).status == 200
            blob = Digest.of(IMAGE.blobs[0])
            tokens.revoke()
            assert (await ann.blob("team/app", blob)).body == IMAGE.blobs[0]
        assert len(tokens.requests) == 3


async def test_a_token_is_not_used_to_its_last_second(start_gate):
    async with TokenServer(GATE, seconds=5) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        more = upstream(registry, OWN, **believing(tokens)) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            for _ in range(2):
                assert (await ann.pull("team/app", "1.0")).status == 200
        assert len(tokens.requests) >= 2


async def test_with_the_identity_token_of_a_docker_configuration(start_gate):
    async with TokenServer({"robot": "identity"}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        config = json.dumps({"auths": {registry.host: {"identitytoken": "identity"}}}).encode()
        credentials = {"docker_config": "config.json"}
        more = upstream(registry, credentials, **believing(tokens)) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES | {"config.json": config}, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == 200
        assert ("grant_type", "refresh_token") in tokens.queries[0]
        assert [one.method for one in tokens.requests] == ["POST"]


async def test_what_the_gates_own_credentials_may_not_read(start_gate):
    """403 without a challenge: nothing that the client could write would help."""
    rights = {"gate": {"team/app": "pull"}}
    async with TokenServer(GATE, rights=rights) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/other", IMAGE, "1.0")
        more = upstream(registry, OWN, **believing(tokens)) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            reply = await ann.pull("team/other", "1.0")
        assert reply.status == 403
        assert "www-authenticate" not in reply.headers
        assert len([one for one in registry.requests if one.path.endswith("/1.0")]) == 2


async def test_an_upstream_that_is_asked_as_nobody(start_gate):
    """What everybody may read needs a token all the same, as at Docker Hub; the client's credentials go nowhere."""
    async with TokenServer(PASSWORDS, rights={"": {"public/app": "pull"}}) as tokens:
        async with MemoryRegistry(tokens=tokens) as registry:
            for name in ("public/app", "team/app"):
                registry.add_artifact(name, IMAGE, "1.0")
            gate = await start_gate(registry.url, OPEN, more=upstream(registry, "anonymous", **believing(tokens)))
            async with client(gate, basic("ann")) as ann:
                assert (await ann.pull("public/app", "1.0")).body == IMAGE.raw
                assert (await ann.pull("team/app", "1.0")).status == 403
        assert {one.header("Authorization") for one in tokens.requests} == {""}


async def test_an_open_registry_is_asked_once_what_it_wants(start_gate, registry):
    gate = await start_gate(registry.url, OPEN, more=upstream(registry, "anonymous"))
    async with client(gate) as one:
        for seed in (74, 75):
            assert (await one.push("team/app", images.oci_image(seed=seed), "1.0")).status == 201
    assert [one.target for one in registry.requests].count("/v2/") == 1


async def test_a_registry_that_says_what_it_wants_only_when_it_is_written_to(start_gate, tokens):
    """The bytes of the first push are lost with its 401; the next attempt has a token."""
    async with MemoryRegistry(tokens=tokens) as registry:
        registry.script("GET /v2/", Answer(body=b"{}"))
        more = upstream(registry, OWN, **believing(tokens)) | {"auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            path = f"/v2/team/blob/blobs/uploads/?digest={Digest.of(b'x')}"
            assert [(await ann.ask("POST", path, body=b"x")).status for _ in range(2)] == [403, 201]


async def test_relayed_challenges(start_gate, tokens):
    """The registry's realm is not shown to clients, who get their tokens from the gate."""
    async with TokenServer(PASSWORDS) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        more = upstream(registry, "pass-through", challenges="relay", **believing(tokens))
        gate = await start_gate(registry.url, OPEN, more=more)
        async with client(gate) as outside:
            refused = await outside.pull("team/app", "1.0")
            assert (refused.status, refused.headers["www-authenticate"]) == (
                401,
                f'Bearer realm="{gate.url}/token",service="default",scope="repository:team/app:pull"',
            )
            ask = "/token?account=ann&service=default&scope=repository:team/app:pull"
            assert (await outside.ask("GET", ask, headers=basic("ann", "wrong"))).status == 401
            assert (await outside.ask("POST", "/token", body=b"grant_type=password")).status == 405
            given = await outside.ask("GET", ask, headers=basic("ann"))
            token = json.loads(given.body)["token"]
            bearer = {"Authorization": f"Bearer {token}"}
            assert (await outside.ask("GET", "/v2/team/app/manifests/1.0", headers=bearer)).body == IMAGE.raw
            ping = await outside.ask("GET", "/v2/")
            assert ping.headers["www-authenticate"] == f'Bearer realm="{gate.url}/token",service="default"'
        assert tokens.given[token].user == "ann"
        assert tokens.given[token].rights == {("team/app", "pull")}


@pytest.mark.parametrize(
    "query",
    [
        "service=other",
        "service=default&scope=repository:A:pull",
        "service=default&scope=registry:catalog:*",
        "service=default&scope=repository:a:pull%0d%0ax",
        "service=default&service=default",
        "service=default" + "&scope=repository:a:pull" * 9,
        "service=default&scope=%",
        "service=default;x",
    ],
)
async def test_token_requests_that_are_none(start_gate, tokens, query):
    async with MemoryRegistry(tokens=tokens) as registry:
        more = upstream(registry, "pass-through", challenges="relay", **believing(tokens))
        gate = await start_gate(registry.url, OPEN, more=more)
        async with client(gate) as outside:
            reply = await outside.ask("GET", f"/token?{query}")
        assert reply.status in (400, 403)
        assert tokens.requests == []


async def test_somebody_and_nobody(start_gate, registry):
    """With `anonymous` beside another way, clients are asked for a token, and get one for nothing or for a password."""
    registry.add_artifact("public/app", IMAGE, "1.0")
    registry.add_artifact("team/app", IMAGE, "1.0")
    access = [
        {"who": "anyone", "may": ["pull"], "repositories": ["public/**"]},
        {"who": "ann", "may": ["pull"], "repositories": ["team/**"]},
    ]
    more = upstream(registry, "anonymous") | {"auth": {"htpasswd": "users", "anonymous": True}, "access": access}
    gate = await start_gate(registry.url, OPEN, files=FILES, more=more)

    async def token(headers=None) -> dict[str, str]:
        asked = f"/token?service={gate.host}&scope=repository:team/app:pull"
        return {
            "Authorization": f"Bearer {json.loads((await outside.ask('GET', asked, headers=headers)).body)['token']}"
        }

    async def status(path: str, headers=None) -> int:
        return (await outside.ask("GET", path, headers=headers)).status

    public, closed = "/v2/public/app/manifests/1.0", "/v2/team/app/manifests/1.0"
    async with client(gate) as outside:
        ping = await outside.ask("GET", "/v2/")
        assert ping.status == 401
        assert ping.headers["www-authenticate"] == f'Bearer realm="{gate.url}/token",service="{gate.host}"'
        nobody, ann, bob = await token(), await token(basic("ann")), await token(basic("bob"))
        assert [await status("/v2/", who) for who in (nobody, ann, basic("ann"))] == [200] * 3
        assert [await status(public, who) for who in (None, nobody, ann, bob)] == [200] * 4
        assert [await status(closed, who) for who in (None, nobody, ann, bob)] == [401, 401, 200, 403]
        assert await status(f"/token?service={gate.host}", basic("ann", "wrong")) == 401


async def test_tokens_of_an_issuer(start_gate, registry):
    registry.add_artifact("team/app", IMAGE, "1.0")
    async with OidcIssuer() as issuer:
        auth = {"oidc": {"issuer": issuer.url, "audience": "sealgate", "groups_claim": "groups"}}
        access = [
            {"who": "oidc:alice", "may": ["pull"], "repositories": ["team/**"]},
            {"who": "group:ops", "may": ["pull", "push"], "repositories": ["team/**"]},
        ]
        more = upstream(registry, "anonymous") | {"auth": auth, "access": access}
        gate = await start_gate(registry.url, OPEN, more=more)
        shown = {
            "bearer": {"Authorization": f"Bearer {issuer.token()}"},
            "password": basic("whoever", issuer.token()),
            "group": basic("x", issuer.token("carol", groups=["ops"])),
            "other": basic("x", issuer.token("carol")),
            "expired": basic("x", issuer.token(seconds=-600)),
        }
        found = {}
        for name, headers in shown.items():
            async with client(gate, headers) as one:
                pulled = (await one.pull("team/app", "1.0")).status
                found[name] = (pulled, (await one.push("team/new", IMAGE, "2.0")).status)
        assert found == {
            "bearer": (200, 403),
            "password": (200, 403),
            "group": (200, 201),
            "other": (403, 403),
            "expired": (401, 401),
        }


async def test_an_issuer_that_cannot_be_asked_lets_nobody_in_and_says_so(start_gate, registry):
    async with OidcIssuer() as issuer:
        token = issuer.token()
        issuer.answers["/keys"] = (500, b"")
        more = upstream(registry, "anonymous") | {"auth": {"oidc": {"issuer": issuer.url, "audience": "sealgate"}}}
        gate = await start_gate(registry.url, OPEN, more=more)
        async with client(gate, basic("x", token)) as one:
            reply = await one.ask("GET", "/v2/")
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")


RIGHTS = {
    "reader": ["pull"],
    "pusher": ["push"],
    "signer": ["sign"],
    "scanner": ["inspect"],
    "cleaner": ["delete"],
    "nothing": [],
}


@pytest.fixture
async def staff(registry, gate_world):
    """A user for each right in `team/**`, where everything must be signed."""
    words = {name: f"{name}'s" for name in RIGHTS}
    users = "".join(
        f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n" for name, word in words.items()
    )
    access = [{"who": name, "may": may, "repositories": ["team/**"]} for name, may in RIGHTS.items() if may]
    more = upstream(registry, "anonymous") | {"auth": {"htpasswd": "users"}, "access": access}

    @asynccontextmanager
    async def as_user(name):
        async with client(world.gate, basic(name, words[name])) as one:
            yield one

    async with gate_world(registry, files={"users": users.encode()}, more=more) as world:
        world.as_user = as_user
        yield world


async def every(world, ask) -> dict[str, int]:
    found = {}
    for name in RIGHTS:
        async with world.as_user(name) as one:
            found[name] = (await ask(one)).status
    return found


def those(*names: str, good: int, bad: int = 403) -> dict[str, int]:
    return {name: good if name in names else bad for name in RIGHTS}


async def test_who_may_read(staff):
    staff.add("team/app", IMAGE)
    blob = Digest.of(IMAGE.blobs[0])
    readers = those("reader", "scanner", good=200)
    assert await every(staff, lambda one: one.pull("team/app", "1.0")) == readers
    assert await every(staff, lambda one: one.blob("team/app", blob)) == readers
    assert await every(staff, lambda one: one.ask("GET", "/v2/team/app/tags/list")) == readers
    assert await every(staff, lambda one: one.ask("GET", f"/v2/team/app/referrers/{IMAGE.digest}")) == readers
    assert await every(staff, lambda one: one.pull("other/app", "1.0")) == those(good=200)


async def test_only_scanners_read_what_is_not_admitted_and_each_read_is_written_down(staff):
    staff.add("team/app", IMAGE, signed=False)
    blob = Digest.of(IMAGE.blobs[-1])
    scanner = those("scanner", good=200)
    assert await every(staff, lambda one: one.pull("team/app", "1.0")) == scanner
    assert await every(staff, lambda one: one.pull("team/app", str(IMAGE.digest))) == scanner
    assert await every(staff, lambda one: one.blob("team/app", blob)) == scanner
    async with staff.as_user("scanner") as one:
        assert (await one.pull("team/app", "1.0")).body == IMAGE.raw
        assert (await one.blob("team/app", blob)).body == IMAGE.blobs[-1]
    told = [line for line in staff.gate.decisions if line["inspected"]]
    assert len(told) == 5
    assert {(line["outcome"], line["who"]["name"]) for line in told} == {("deny", "scanner")}
    assert not [line for line in staff.gate.decisions if line["who"]["name"] != "scanner" and line["inspected"]]


async def test_a_scanner_reads_no_manifest_with_two_meanings(staff):
    raw = IMAGE.raw.replace(b'"layers"', b'"layers":[],"Layers"', 1)
    staff.registry.add_manifest("team/app", raw, IMAGE.media_type, "1.0")
    async with staff.as_user("scanner") as one:
        assert (await one.pull("team/app", "1.0")).status == 403


async def test_who_may_push(staff):
    layer = images.oci_image(seed=73).blobs[0]
    writers = those("pusher", "signer", good=201)
    assert await every(staff, lambda one: one.push_blob("team/app", layer)) == writers
    staff.put("team/app", staff.signature(IMAGE.digest))
    pushed = await every(staff, lambda one: one.push_manifest("team/app", "1.0", IMAGE.raw, IMAGE.media_type))
    assert pushed == those("pusher", good=201)
    by_digest = str(IMAGE.digest)
    pushed = await every(staff, lambda one: one.push_manifest("team/app", by_digest, IMAGE.raw, IMAGE.media_type))
    assert pushed == those("pusher", good=201)


@pytest.mark.parametrize("form", ["tag", "referrer"])
async def test_who_may_sign(staff, form):
    staff.add("team/app", IMAGE, signed=False)
    carrier = staff.signature(IMAGE.digest) if form == "tag" else staff.bundle(IMAGE)
    for blob in carrier.blobs.values():
        staff.registry.add_blob("team/app", blob)
    reference = carrier.tag or str(carrier.digest)
    signed = await every(
        staff, lambda one: one.push_manifest("team/app", reference, carrier.manifest, carrier.media_type)
    )
    assert signed == those("signer", good=201)
    async with staff.as_user("reader") as one:
        assert (await one.pull("team/app", "1.0")).status == 200


async def test_signatures_in_what_is_no_carrier_take_both_rights(staff):
    """One layer more, and it is no carrier; discovery reads its signature all the same."""
    staff.add("team/app", IMAGE, signed=False)
    carrier = staff.bundle(IMAGE)
    padding = b"{ }"
    manifest = json.loads(carrier.manifest)
    manifest["layers"].append(
        {"mediaType": "application/octet-stream", "digest": str(Digest.of(padding)), "size": len(padding)}
    )
    for blob in (*carrier.blobs.values(), padding):
        staff.registry.add_blob("team/app", blob)
    raw = json.dumps(manifest).encode()
    digest = str(Digest.of(raw))
    pushed = await every(staff, lambda one: one.push_manifest("team/app", digest, raw, carrier.media_type))
    assert pushed == those(good=201)


async def test_who_may_delete(staff):
    found = {}
    for name in RIGHTS:
        staff.add("team/app", IMAGE)
        async with staff.as_user(name) as one:
            found[name] = (await one.ask("DELETE", f"/v2/team/app/manifests/{IMAGE.digest}")).status
    assert found == those("cleaner", good=202)


async def test_pushers_may_look_whether_a_thing_is_there(staff):
    staff.add("team/app", IMAGE)
    heads = those("reader", "pusher", "signer", "scanner", good=200)
    blob = Digest.of(IMAGE.blobs[0])
    assert await every(staff, lambda one: one.ask("HEAD", f"/v2/team/app/blobs/{blob}")) == heads
    assert await every(staff, lambda one: one.pull("team/app", str(IMAGE.digest), "HEAD")) == heads


async def test_a_catalog_shows_each_what_they_may_read(registry, start_gate):
    for name in ("team/app", "other/app"):
        registry.add_artifact(name, IMAGE, "1.0")
    registry.script("GET /v2/_catalog", _catalog())
    access = [{"who": "ann", "may": ["pull"], "repositories": ["team/**"]}]
    more = upstream(registry, "anonymous") | {"auth": {"htpasswd": "users"}, "access": access, "catalog": True}
    gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
    async with client(gate, basic("ann")) as ann, client(gate, basic("bob")) as bob:
        assert json.loads((await ann.ask("GET", "/v2/_catalog")).body) == {"repositories": ["team/app"]}
        assert json.loads((await bob.ask("GET", "/v2/_catalog")).body) == {"repositories": []}


async def test_b20_a_page_of_a_catalog_ends_with_nothing_that_is_hidden(registry, start_gate):
    names = ["secret/one", "team/a", "secret/two", "team/b", "team/c", "secret/three"]
    pages = {0: "", 2: "team/a", 4: "team/b"}

    def page(request):
        (at,) = [at for at, last in pages.items() if unquote(request.target.partition("last=")[2]) == last]
        return _catalog_page(names[at : at + 2], at + 2 < len(names))

    registry.script("GET /v2/_catalog", page)
    access = [{"who": "ann", "may": ["pull"], "repositories": ["team/**"]}]
    more = upstream(registry, "anonymous") | {"auth": {"htpasswd": "users"}, "access": access, "catalog": True}
    gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
    async with client(gate, basic("ann")) as ann:
        first = await ann.ask("GET", "/v2/_catalog?n=2")
        assert json.loads(first.body) == {"repositories": ["team/a"]}
        assert "last=team%2Fa" in first.headers["link"]
        second = await ann.ask("GET", "/v2/_catalog?n=2&last=team/a")
        assert json.loads(second.body) == {"repositories": ["team/b"]}
        third = await ann.ask("GET", "/v2/_catalog?n=2&last=team/b")
        assert json.loads(third.body) == {"repositories": ["team/c"]}
        assert "secret" not in "".join(str(one.headers) for one in (first, second, third))


async def test_b20_who_may_see_nothing_is_told_no_place_to_go_on_from(registry, start_gate):
    left = [_catalog_page([f"secret/{at}"], True) for at in range(CATALOG_PAGES)]
    registry.script("GET /v2/_catalog", lambda _: left.pop(0))
    access = [{"who": "ann", "may": ["pull"], "repositories": ["team/**"]}]
    more = upstream(registry, "anonymous") | {"auth": {"htpasswd": "users"}, "access": access, "catalog": True}
    gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
    async with client(gate, basic("bob")) as bob:
        answer = await bob.ask("GET", "/v2/_catalog?n=1")
    assert answer.status == 503
    assert "secret" not in f"{answer.headers} {answer.body!r}"


def _catalog_page(names, more):
    link = {"Link": f'</v2/_catalog?n=2&last={names[-1]}>; rel="next"'} if more else {}
    return Answer(
        headers={"Content-Type": "application/json"} | link, body=json.dumps({"repositories": names}).encode()
    )


def _catalog():
    body = json.dumps({"repositories": ["other/app", "team/app"]}).encode()
    return Answer(headers={"Content-Type": "application/json"}, body=body)


@pytest.fixture
def authority():
    return PrivateAuthority(SystemClock().now())


@pytest.mark.parametrize("others", [{}, {"htpasswd": "users"}])
async def test_clients_with_certificates(start_gate, registry, authority, tmp_path, others):
    registry.add_artifact("team/app", IMAGE, "1.0")
    server, ours = authority.issue(), authority.issue(["ci.example"], common_name="ci")
    theirs = PrivateAuthority(SystemClock().now()).issue(["ci.example"], common_name="ci")
    files = FILES | {"tls.crt": server.certificate, "tls.key": server.key, "ca.crt": authority.certificate}
    access = [{"who": "mtls:ci", "may": ["pull"], "repositories": ["team/**"]}]
    more = upstream(registry, "anonymous") | {
        "tls": {"certificate": "tls.crt", "key": "tls.key", "client_ca": "ca.crt"},
        "auth": {"mtls": {}, **others},
        "access": access,
    }
    gate = await start_gate(registry.url, OPEN, files=files, more=more)

    async def status(pair, headers=None) -> int | str:
        tls = ssl.create_default_context(cadata=authority.certificate.decode())
        if pair is not None:
            tls.load_cert_chain(*pair.write(tmp_path))
        async with client(gate, headers, tls) as one:
            try:
                return (await one.pull("team/app", "1.0")).status
            except aiohttp.ClientError:
                return "no connection"

    assert await status(ours) == 200
    assert await status(authority.issue(["o.example"], common_name="other")) == 403
    assert await status(theirs) == "no connection"
    assert await status(None) == (401 if others else "no connection")
    assert await status(ours, basic("ann", "wrong")) == (401 if others else 200)
    assert {line["who"]["name"] for line in gate.decisions} <= {"mtls:ci", "ann"}
