"""With whose right one registry is asked, whatever it is given."""

from datetime import UTC, datetime

import pytest

from sealgate.adapters.upstream.authorization import Authorization
from sealgate.adapters.upstream.authorized import AuthorizedUpstream
from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.adapters.upstream.credentials import Anonymous, PasswordFile
from sealgate.adapters.upstream.target import Origin
from sealgate.adapters.upstream.tls import upstream_tls
from sealgate.adapters.upstream.tokens import TokenServers
from sealgate.adapters.upstream.transport import Timeouts
from sealgate.errors import UpstreamRefused
from sealgate.oci.reference import Repository, Tag
from sealgate.ports import Access
from sealgate.testing import images
from sealgate.testing.clock import FixedClock
from sealgate.testing.registry import Answer, MemoryRegistry, TokenServer

APP, TAG = Repository("team/app"), Tag("1.0")
CANARY = Access("Basic canary")


@pytest.fixture
async def authorized(tmp_path):
    made = []

    def make(registry, tokens=None, *, own=False, pass_through=False) -> AuthorizedUpstream:
        clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        (tmp_path / "password").write_text("secret")
        source = PasswordFile("gate", tmp_path / "password", clock) if own else Anonymous()
        hosts = frozenset() if tokens is None else frozenset({tokens.host})
        servers = TokenServers("r", Origin.parse(registry.url), hosts, Timeouts(), upstream_tls(), clock)
        authorization = Authorization("r", source, servers, clock)
        made.append(AuthorizedUpstream(HttpUpstream("r", registry.url), authorization, pass_through=pass_through))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.mark.parametrize("own", [True, False])
async def test_b28_what_a_client_sent_is_not_for_a_registry_that_the_gate_asks_for_itself(authorized, own):
    """Whatever the edge makes of it: the registry's side has its own word in it."""
    users = {"gate": "secret"} if own else {}
    async with MemoryRegistry(users=users) as registry:
        registry.add_artifact("team/app", images.oci_image(), "1.0")
        upstream = authorized(registry, own=own)
        for _ in range(2):
            assert await upstream.manifest(APP, TAG, (), CANARY)
        assert "canary" not in repr([one.headers for one in registry.requests])


async def test_b28_nor_for_a_token_server(authorized):
    async with TokenServer(rights={"": {"*": "pull"}}) as tokens, MemoryRegistry(tokens=tokens) as registry:
        registry.add_artifact("team/app", images.oci_image(), "1.0")
        for by in (Access(by_gate=True), CANARY, Access("Basic canary", by_gate=True)):
            assert await authorized(registry, tokens).manifest(APP, TAG, (), by)
        upstream = authorized(registry, tokens, pass_through=True)
        assert await upstream.manifest(APP, TAG, (), Access("Basic canary", by_gate=True))
        assert "canary" not in repr([one.headers for one in (*tokens.requests, *registry.requests)])


async def test_what_passes_through_is_asked_once_as_it_is(authorized):
    async with TokenServer() as tokens, MemoryRegistry(tokens=tokens) as registry:
        upstream = authorized(registry, tokens, pass_through=True)
        with pytest.raises(UpstreamRefused) as caught:
            await upstream.manifest(APP, TAG, (), CANARY)
        assert caught.value.status == 401
        assert len(caught.value.challenges) == 1
        assert [one.header("Authorization") for one in registry.requests] == ["Basic canary"]
        assert tokens.requests == []


async def test_no_challenge_of_a_registry_comes_out_of_what_the_gate_asks_for_itself(authorized):
    async with MemoryRegistry() as registry:
        for status in (401, 403, 404):
            registry.script(".*", Answer(status=status, headers={"WWW-Authenticate": 'Basic realm="x"'}), times=1)
        upstream = authorized(registry)
        for expected in (403, 403, 404):
            with pytest.raises(UpstreamRefused) as caught:
                await upstream.manifest(APP, TAG, (), Access(by_gate=True))
            assert (caught.value.status, caught.value.challenges) == (expected, ())
