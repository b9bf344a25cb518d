"""Whose credentials go where, and what somebody without a right can find out (attacks B19, B26-B28, B36, B37, F22)."""

import base64
import json
import logging
import re
import ssl
from contextlib import asynccontextmanager

import aiohttp
import bcrypt
import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.oidc import OidcIssuer
from sealgate.testing.registry import Answer, MemoryRegistry, TokenServer
from sealgate.testing.tls import PrivateAuthority

OPEN = {"open.yaml": "name: open\nrepositories: ['**']\nallow_unsigned: true\n"}
IMAGE = images.oci_image(seed=80)
OWN = {"username": "gate", "password_file": "password"}
CANARIES = {"gate": "canary-of-the-gate", "ann": "canary-of-ann", "bob": "canary-of-bob"}
LAYER = Digest.of(IMAGE.blobs[0])


def users(*names: str) -> bytes:
    hashed = {name: bcrypt.hashpw(CANARIES[name].encode(), bcrypt.gensalt(4)).decode() for name in names}
    return "".join(f"{name}:{one}\n" for name, one in hashed.items()).encode()


FILES = {"users": users("ann", "bob"), "password": CANARIES["gate"].encode()}


def basic(name: str, password: str | None = None) -> dict[str, str]:
    told = f"{name}:{CANARIES[name] if password is None else password}"
    return {"Authorization": "Basic " + base64.b64encode(told.encode()).decode()}


def default(registry, credentials=OWN, **more):
    return {"name": "default", "url": registry.url, "credentials": credentials, **more}


@asynccontextmanager
async def client(gate, headers=None):
    async with aiohttp.ClientSession(headers=headers or {}, auto_decompress=False) as session:
        yield RegistryClient(gate.url, session)


# Where credentials may be sent


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm="{evil}/token",service="memory"',
        'Bearer realm="{home}@{evil_host}/token"',
        'Bearer realm="{home}/token", Bearer realm="{evil}/token"',
        'Bearer realm="{home}/token",realm="{evil}/token"',
        'Bearer realm="//{evil_host}/token"',
        'Bearer realm="/token"',
        'Bearer realm="http://localhost:{evil_port}/token"',
    ],
)
async def test_b26_a_realm_of_somebody_elses_gets_no_credentials(start_gate, challenge):
    async with TokenServer() as evil, MemoryRegistry() as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        told = challenge.format(
            evil=f"http://{evil.host}", evil_host=evil.host, evil_port=evil.host[10:], home=registry.url
        )
        registry.script(".*", Answer(status=401, headers={"WWW-Authenticate": told}))
        more = {"upstreams": [default(registry)], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            reply = await ann.pull("team/app", "1.0")
        assert reply.status == 503
        assert "www-authenticate" not in reply.headers
        assert evil.requests == []
        assert {one.header("Authorization") for one in registry.requests} == {""}


async def test_b26_no_second_place_of_tokens_through_a_redirect(start_gate):
    async with TokenServer() as evil, MemoryRegistry() as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        told = f'Bearer realm="{registry.url}/token"'
        registry.script("GET /v2/.*", Answer(status=401, headers={"WWW-Authenticate": told}))
        registry.script("GET /token", Answer(status=302, headers={"Location": evil.realm}))
        more = {"upstreams": [default(registry)], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == 503
        assert evil.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"token":"' + b"x" * 1024 * 1024 + b'"}',
        b'{"token":"' + b"x" * 20_000 + b'"}',
        b'{"token":"a\\r\\nX-Evil: 1"}',
        b'{"token":"a b"}',
        b'{"token":7}',
        b'{"token":""}',
        b"{}",
        b"[]",
        b"\xff",
        b"",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_b26_a_token_that_is_none(start_gate, body):
    async with TokenServer({"gate": CANARIES["gate"]}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        tokens.script("GET /token", Answer(body=body, headers={"Content-Type": "application/json"}))
        more = {"upstreams": [default(registry, token_hosts=[tokens.host])], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == 503
        assert all(not one.header("Authorization").startswith("Bearer") for one in registry.requests)


async def test_b26_relayed_challenges_are_bound_to_the_site_as_well(start_gate):
    async with TokenServer() as evil, MemoryRegistry() as registry:
        told = f'Bearer realm="{evil.realm}"'
        registry.script(".*", Answer(status=401, headers={"WWW-Authenticate": told}))
        more = {"upstreams": [default(registry, "pass-through", challenges="relay")]}
        gate = await start_gate(registry.url, OPEN, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == 503
            assert (await ann.ask("GET", "/token?service=default&scope=repository:a:pull")).status == 503
        assert evil.requests == []


@pytest.mark.parametrize("trusted", [True, False])
async def test_b26_a_token_server_is_verified_whatever_is_said_of_the_registry(start_gate, tmp_path, trusted):
    """`unsafe_skip_tls_verification` is about one origin, which is not where passwords for it go."""
    authority = PrivateAuthority(SystemClock().now())
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*authority.issue().write(tmp_path))
    users = {"gate": CANARIES["gate"]}
    async with TokenServer(users, tls=served) as tokens, MemoryRegistry(tokens=tokens, tls=served) as registry:
        registry.add_artifact("team/app", IMAGE, "1.0")
        how = {"ca": "ca.crt"} if trusted else {"unsafe_skip_tls_verification": True}
        more = {"upstreams": [default(registry, token_hosts=[tokens.host], **how)], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES | {"ca.crt": authority.certificate}, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == (200 if trusted else 503)
        assert bool(tokens.requests) is trusted


# What a token is for


async def test_b27_two_names_of_one_registry_share_no_token(start_gate):
    """One is asked with credentials, the other as nobody: what the first may read, the second may not."""
    async with TokenServer({"gate": CANARIES["gate"]}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("app", IMAGE, "1.0")
        host = registry.host.replace("127.0.0.1", "localhost")  # another name, the same registry
        more = {
            "upstreams": [
                {"name": "with", "url": registry.url, "credentials": OWN, "token_hosts": [tokens.host]},
                {"name": "without", "url": f"http://{host}", "credentials": "anonymous", "token_hosts": [tokens.host]},
            ],
            "auth": {"htpasswd": "users"},
        }
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("with/app", "1.0")).status == 200
            assert (await ann.pull("without/app", "1.0")).status == 403
            assert (await ann.blob("without/app", LAYER)).status == 403
            assert (await ann.blob("with/app", LAYER)).status == 200


async def test_b27_a_token_is_for_one_repository_and_one_action(start_gate):
    async with TokenServer({"gate": CANARIES["gate"]}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        for name in ("team/a", "team/b"):
            registry.add_artifact(name, IMAGE, "1.0")
        more = {"upstreams": [default(registry, token_hosts=[tokens.host])], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            for name in ("team/a", "team/b", "team/a"):
                assert (await ann.pull(name, "1.0")).status == 200
            assert (await ann.push("team/a", images.oci_image(seed=81), "2.0")).status == 201
        assert sorted(dict(query)["scope"] for query in tokens.queries) == [
            "repository:team/a:pull",
            "repository:team/a:pull,push",
            "repository:team/b:pull",
        ]
        used = {(one.path.split("/")[3], one.header("Authorization")) for one in registry.requests}
        bearers = [token for _, token in used if token]
        assert len(bearers) == len(set(bearers))  # no token was shown for two repositories


# Where credentials have no business


async def test_b28_no_credential_is_where_it_has_no_business(start_gate, caplog):
    """A secret in every slot: none in logs, answers, the decision log, or at a host that it is not for."""
    caplog.set_level(logging.DEBUG)
    async with (
        OidcIssuer() as issuer,
        TokenServer({"gate": CANARIES["gate"]}) as tokens,
        MemoryRegistry(tokens=tokens) as lent,
        MemoryRegistry() as asked_as_nobody,
        MemoryRegistry() as elsewhere,
    ):
        lent.add_artifact("app", IMAGE, "1.0")
        asked_as_nobody.add_artifact("app", IMAGE, "1.0")
        elsewhere.add_artifact("app", IMAGE, "1.0")
        redirect = Answer(status=307, headers={"Location": f"{elsewhere.url}/v2/app/blobs/{LAYER}"})
        lent.script(f"GET /v2/app/blobs/{LAYER}", redirect, after=1)
        more = {
            "upstreams": [
                {
                    "name": "lent", "url": lent.url, "credentials": OWN, "token_hosts": [tokens.host],
                    "redirect_hosts": [elsewhere.host],
                },
                {"name": "nobody", "url": asked_as_nobody.url, "credentials": "anonymous"},
            ],
            "auth": {
                "htpasswd": "users", "anonymous": True,
                "oidc": {"issuer": issuer.url, "audience": "sealgate"},
            },
        }  # fmt: skip
        gate = await start_gate(lent.url, OPEN, files=FILES, more=more)
        jwt = issuer.token()
        slots = [
            basic("ann"),
            basic("ann", "canary-that-is-wrong"),
            basic("x", jwt),
            {"Authorization": f"Bearer {jwt}"},
            {"Authorization": "Bearer canary-that-is-no-token"},
            {"Authorization": "Digest canary-of-a-digest"},
            {**basic("ann"), "X-Registry-Auth": "canary-of-docker", "Cookie": "s=canary-of-a-cookie"},
        ]
        replies = []
        for headers in slots:
            async with client(gate, headers) as one:
                for name in ("lent/app", "nobody/app", "absent/app"):
                    replies += [await one.pull(name, "1.0"), await one.blob(name, LAYER)]
                replies += [await one.ask("GET", "/v2/"), await one.ask("GET", f"/token?service={gate.host}")]
        assert sum(reply.status == 200 for reply in replies) >= 10
        given = [json.loads(reply.body)["token"] for reply in replies if reply.body.startswith(b'{"token"')]
        secrets = [*CANARIES.values(), jwt, "canary", *given, *tokens.given]
        secrets += [base64.b64encode(f"{name}:{word}".encode()).decode() for name, word in CANARIES.items()]
        told = "\n".join([caplog.text, json.dumps(gate.decisions)])
        told += "".join(
            f"{reply.reason}{reply.headers}{reply.body!r}" for reply in replies if b'"token"' not in reply.body
        )
        assert [secret for secret in secrets if secret in told] == []
        assert {one.header("Authorization") for one in (*asked_as_nobody.requests, *elsewhere.requests)} == {""}
        own = basic("gate")["Authorization"]
        assert {one.header("Authorization") for one in tokens.requests} == {own}
        assert {one.header("Authorization") for one in lent.requests} == {
            "",
            *(f"Bearer {one}" for one in tokens.given),
        }
        everywhere = [one for each in (lent, asked_as_nobody, elsewhere, tokens) for one in each.requests]
        assert "canary" not in repr([(one.target, one.headers) for one in everywhere])


@pytest.mark.parametrize(
    ("path", "host", "passes"),
    [
        ("/v2/app/manifests/1.0", None, True),
        ("/v2/other/app/manifests/1.0", None, False),
        ("/v2/app/manifests/1.0?ns=other", None, True),
        ("/v2/app/manifests/1.0", "other", True),
        ("/v2/other/app/manifests/1.0?ns=other", None, True),
    ],
)
async def test_b28_by_the_path_no_credentials_of_a_client_go_anywhere(start_gate, path, host, passes):
    async with MemoryRegistry() as one, MemoryRegistry() as other:
        for registry in (one, other):
            registry.add_artifact("app", IMAGE, "1.0")
        upstreams = [{"name": "default", "url": one.url}, {"name": "other", "url": other.url}]
        gate = await start_gate(one.url, OPEN, more={"upstreams": upstreams})
        async with client(gate, basic("ann")) as ann:
            headers = {"Accept": "*/*"} | ({"Host": host} if host else {})
            assert (await ann.ask("GET", path, headers=headers)).status == 200
        met, unmet = (one, other) if not host and "other" not in path else (other, one)
        assert met.requests
        assert not unmet.requests
        assert {request.header("Authorization") for request in met.requests} == (
            {basic("ann")["Authorization"]} if passes else {""}
        )


async def test_b28_the_challenge_of_an_upstream_by_the_path_is_not_for_clients(start_gate):
    """Clients keep credentials by the gate's name: they would send those of another registry to this one's realm."""
    async with MemoryRegistry() as one, TokenServer() as tokens, MemoryRegistry(tokens=tokens) as other:
        other.add_artifact("app", IMAGE, "1.0")
        upstreams = [
            {"name": "default", "url": one.url},
            {"name": "other", "url": other.url, "token_hosts": [tokens.host]},
        ]
        gate = await start_gate(one.url, OPEN, more={"upstreams": upstreams})
        async with client(gate, basic("ann")) as ann:
            reply = await ann.pull("other/app", "1.0")
            assert (reply.status, "www-authenticate" in reply.headers) == (403, False)
            reply = await ann.ask("GET", "/v2/app/manifests/1.0?ns=other")
            assert (reply.status, reply.headers["www-authenticate"].split(",")[0]) == (
                401,
                f'Bearer realm="{tokens.realm}"',
            )


# What somebody without a right learns


@pytest.fixture
async def shared(registry, start_gate):
    """Bob may push to `b/` and read there; only Ann may read `a/`."""
    access = [
        {"who": "ann", "may": ["pull"], "repositories": ["a/**"]},
        {"who": "bob", "may": ["pull", "push"], "repositories": ["b/**"]},
    ]
    registry.add_artifact("a/app", IMAGE, "1.0")
    more = {"upstreams": [default(registry)], "auth": {"htpasswd": "users"}, "access": access}
    return await start_gate(registry.url, OPEN, files=FILES, more=more)


@pytest.mark.parametrize("source", ["&from=a/app", "", "&from=a%2Fapp", "&from=a/absent"])
async def test_b19_what_one_may_not_read_one_may_not_mount(shared, registry, source):
    async with client(shared, basic("bob")) as bob:
        reply = await bob.ask("POST", f"/v2/b/app/blobs/uploads/?mount={LAYER}{source}")
        assert reply.status == 202  # an upload like any other: the same whether or not it is there
        assert (await bob.ask("HEAD", f"/v2/b/app/blobs/{LAYER}")).status == 404
    assert not [one for one in registry.requests if "mount" in one.target]


async def test_b36_who_is_removed_is_out_with_the_next_request(registry, start_gate, tmp_path, monkeypatch):
    monkeypatch.setattr("sealgate.adapters.watched.CREDENTIAL_FILE_SECONDS", 0.0)
    registry.add_artifact("team/app", IMAGE, "1.0")
    (tmp_path / "users").write_bytes(FILES["users"])
    more = {"upstreams": [default(registry)], "auth": {"htpasswd": str(tmp_path / "users"), "anonymous": True}}
    gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
    async with client(gate) as one:
        given = await one.ask("GET", f"/token?service={gate.host}", headers=basic("ann"))
        bearer = {"Authorization": f"Bearer {json.loads(given.body)['token']}"}
        path = "/v2/team/app/manifests/1.0"
        for headers in (basic("ann"), bearer):
            assert (await one.ask("GET", path, headers=headers)).status == 200
        (tmp_path / "users").write_bytes(users("bob"))
        for headers in (basic("ann"), bearer):
            assert (await one.ask("GET", path, headers=headers)).status == 401
        assert (await one.ask("GET", path, headers=basic("bob"))).status == 200


@pytest.mark.parametrize("who", [None, "bob"])
async def test_b37_denied_and_absent_look_alike(shared, registry, who):
    """Status, headers and body; and the registry is not even asked."""
    async with client(shared, basic(who) if who else None) as one:
        for method, rest in (
            ("GET", "manifests/1.0"),
            ("HEAD", "manifests/1.0"),
            ("GET", f"blobs/{LAYER}"),
            ("HEAD", f"blobs/{LAYER}"),
            ("GET", "tags/list"),
            ("GET", f"referrers/{IMAGE.digest}"),
            ("PUT", "manifests/1.0"),
            ("POST", "blobs/uploads/"),
            ("DELETE", "manifests/1.0"),
        ):
            there, absent = [await one.ask(method, f"/v2/{name}/{rest}") for name in ("a/app", "a/none")]
            assert _shown(there) == _shown(absent)
            assert there.status == (403 if who else 401)
    assert registry.requests == []


def _shown(reply):
    own = {"date", "x-request-id"}  # of each answer
    headers = {name: value.replace("a/none", "a/app") for name, value in reply.headers.items() if name not in own}
    body = re.sub(rb'"request": ?"[0-9a-f]{16}"', b"", reply.body)
    return reply.status, reply.reason, body, headers


# What a storm costs


async def test_f22_a_registry_that_always_says_401_is_asked_twice(start_gate):
    async with TokenServer({"gate": CANARIES["gate"]}) as tokens, MemoryRegistry() as registry:
        challenge = f'Bearer realm="{tokens.realm}",service="memory"'
        registry.script(".*", Answer(status=401, headers={"WWW-Authenticate": challenge}))
        more = {"upstreams": [default(registry, token_hosts=[tokens.host])], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            assert (await ann.pull("team/app", "1.0")).status == 403
        assert len(registry.requests) == 2
        assert len(tokens.requests) == 1


async def test_f22_a_token_server_that_wants_to_be_left_alone_is(start_gate):
    async with TokenServer({"gate": CANARIES["gate"]}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        tokens.script("GET /token", Answer(status=429, headers={"Retry-After": "7"}))
        more = {"upstreams": [default(registry, token_hosts=[tokens.host])], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            replies = [await ann.pull("team/app", "1.0") for _ in range(5)]
        assert {reply.status for reply in replies} == {429}
        assert {int(reply.headers["retry-after"]) for reply in replies} <= {6, 7}
        assert len(tokens.requests) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_f22_a_token_server_that_fails_is_asked_once_for_each_request(start_gate, status):
    async with TokenServer({"gate": CANARIES["gate"]}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        tokens.script("GET /token", Answer(status=status))
        more = {"upstreams": [default(registry, token_hosts=[tokens.host])], "auth": {"htpasswd": "users"}}
        gate = await start_gate(registry.url, OPEN, files=FILES, more=more)
        async with client(gate, basic("ann")) as ann:
            assert [(await ann.pull("team/app", "1.0")).status for _ in range(2)] == [503, 503]
        assert len(tokens.requests) == 2


async def test_f22_one_who_asks_too_much_does_not_close_the_token_server_to_others(start_gate):
    """Relayed, anybody may send anything to the token server: what it says to one is for that one."""
    async with TokenServer({"ann": CANARIES["ann"]}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        limited = Answer(status=429, headers={"Retry-After": "86400"})
        good = basic("ann", CANARIES["ann"])
        tokens.script(
            "GET /token", lambda one: None if one.header("authorization") == good["Authorization"] else limited
        )
        said = default(registry, "pass-through", challenges="relay", token_hosts=[tokens.host])
        gate = await start_gate(registry.url, OPEN, more={"upstreams": [said]})
        asked = "/token?service=default&scope=repository:team/app:pull"
        async with client(gate) as anybody:
            assert (await anybody.ask("GET", "/v2/")).status == 401
            assert (await anybody.ask("GET", asked, headers=basic("ann", "wrong"))).status == 429
            assert (await anybody.ask("GET", asked, headers=good)).status == 200
