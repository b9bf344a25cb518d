"""Registries that are not who their certificate should say they are (attacks F26), and those that it leads to."""

import ssl
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.adapters.upstream.tls import upstream_tls
from sealgate.errors import ConfigurationInvalid, UpstreamUnavailable
from sealgate.oci.reference import Repository
from sealgate.ports import Access
from sealgate.testing.registry import Answer, MemoryRegistry
from sealgate.testing.tls import PrivateAuthority

NOW = SystemClock().now()
AUTHORITY = PrivateAuthority(NOW)
OTHER = PrivateAuthority(NOW, "another authority")
GOOD = AUTHORITY.issue()
BLOB = b"a layer"


@asynccontextmanager
async def registry_with(pair, folder, *, asks=None, ciphers=None, **settings):
    """A registry with this certificate; `asks` is whether it wants one of the gate, and whose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair.write(folder, "registry"))
    if asks is not None:
        context.verify_mode = asks[0]
        context.load_verify_locations(cadata=asks[1].certificate.decode())
    if ciphers:
        context.set_ciphers(ciphers)
    for name, value in settings.items():
        setattr(context, name, value)
    async with MemoryRegistry(tls=context) as made:
        yield made


@asynccontextmanager
async def asking(url, **tls):
    upstream = HttpUpstream(
        "default", url, redirect_hosts=tls.pop("redirect_hosts", frozenset()), tls=upstream_tls(**tls)
    )
    try:
        yield upstream
    finally:
        await upstream.close()


@pytest.fixture
def ca(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_bytes(AUTHORITY.certificate)
    return path


async def test_a_registry_of_the_named_authority_is_asked(ca, tmp_path):
    async with registry_with(GOOD, tmp_path) as registry, asking(registry.url, ca=ca) as upstream:
        await upstream.ping(Access())


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        pytest.param(AUTHORITY.issue(until=NOW - timedelta(hours=1)), "it has expired", id="expired"),
        pytest.param(AUTHORITY.issue(["registry.example"]), "it is another", id="wrong-host"),
        pytest.param(AUTHORITY.issue(["127.0.0.2"]), "it is another", id="wrong-address"),
        pytest.param(AUTHORITY.issue(["*"]), "it is another", id="any-host"),
        pytest.param(AUTHORITY.issue((), common_name="127.0.0.1"), "it is another", id="only-a-common-name"),
        pytest.param(AUTHORITY.issue(self_signed=True), "it is not valid", id="self-signed"),
        pytest.param(OTHER.issue(), "its authority is not one that is trusted", id="another-authority"),
    ],
)
async def test_f26_a_certificate_that_does_not_stand_for_the_registry_is_refused(ca, tmp_path, pair, told):
    async with registry_with(pair, tmp_path) as registry:
        async with asking(registry.url, ca=ca) as upstream:
            with pytest.raises(UpstreamUnavailable, match=f"its TLS certificate is not accepted: {told}"):
                await upstream.ping(Access("Bearer canary"))
        assert registry.requests == []


async def test_f26_without_a_ca_the_systems_authorities_count(tmp_path):
    async with registry_with(GOOD, tmp_path) as registry, asking(registry.url) as upstream:
        with pytest.raises(UpstreamUnavailable, match="its authority is not one that is trusted"):
            await upstream.ping(Access())


async def test_f26_a_named_ca_takes_the_place_of_the_systems(tmp_path, monkeypatch):
    """Any public authority could else vouch for a private registry."""
    system, own = tmp_path / "system.crt", tmp_path / "own.crt"
    system.write_bytes(AUTHORITY.certificate)
    own.write_bytes(OTHER.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    async with registry_with(GOOD, tmp_path) as registry:
        async with asking(registry.url) as upstream:
            await upstream.ping(Access())
        async with asking(registry.url, ca=own) as upstream:
            with pytest.raises(UpstreamUnavailable, match="its authority"):
                await upstream.ping(Access())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_f26_a_downgrade_is_refused(ca, tmp_path):
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    async with (
        registry_with(GOOD, tmp_path, ciphers="ALL:@SECLEVEL=0", **old) as registry,
        asking(registry.url, ca=ca) as upstream,
    ):
        with pytest.raises(UpstreamUnavailable):
            await upstream.ping(Access("Bearer canary"))
        assert registry.requests == []


async def test_f26_plain_http_in_the_place_of_tls_is_refused(ca):
    async with MemoryRegistry() as registry:
        async with asking(registry.url.replace("http:", "https:"), ca=ca) as upstream:
            with pytest.raises(UpstreamUnavailable, match="does not speak TLS"):
                await upstream.ping(Access("Bearer canary"))
        assert registry.requests == []


async def test_verification_is_left_out_only_where_the_field_says_so(tmp_path):
    async with (
        registry_with(OTHER.issue(["elsewhere.example"]), tmp_path) as registry,
        asking(registry.url, skip_verification=True) as upstream,
    ):
        await upstream.ping(Access())


async def read(upstream, digest):
    async with upstream.blob(Repository("team/app"), digest, None, Access("Bearer canary")) as stream:
        return b"".join([chunk async for chunk in stream.chunks])


@asynccontextmanager
async def redirecting(registry, elsewhere, **tls):
    """An upstream that redirects its one blob to another place; gives the blob's digest too."""
    digest = elsewhere.add_blob("team/app", BLOB)
    location = f"{elsewhere.url}/v2/team/app/blobs/{digest}"
    registry.script("GET /v2/team/app/blobs/.*", Answer(status=307, headers={"Location": location}))
    async with asking(registry.url, redirect_hosts=frozenset({elsewhere.host}), **tls) as upstream:
        yield upstream, digest


async def test_a_redirect_to_a_place_of_the_same_authority_is_followed(ca, tmp_path):
    async with (
        registry_with(GOOD, tmp_path) as registry,
        registry_with(GOOD, tmp_path) as elsewhere,
        redirecting(registry, elsewhere, ca=ca) as (upstream, digest),
    ):
        assert await read(upstream, digest) == BLOB


async def test_f26_a_place_that_is_redirected_to_is_verified_even_without_verification(tmp_path):
    async with (
        registry_with(OTHER.issue(), tmp_path) as registry,
        registry_with(OTHER.issue(), tmp_path) as elsewhere,
        redirecting(registry, elsewhere, skip_verification=True) as (upstream, digest),
    ):
        with pytest.raises(UpstreamUnavailable, match="its authority"):
            await read(upstream, digest)
        assert elsewhere.requests == []


async def test_f26_a_client_certificate_is_shown_to_the_registry_alone(ca, tmp_path):
    certificate, key = AUTHORITY.issue((), common_name="gate").write(tmp_path, "client")
    async with (
        registry_with(GOOD, tmp_path, asks=(ssl.CERT_REQUIRED, AUTHORITY)) as registry,
        registry_with(GOOD, tmp_path, asks=(ssl.CERT_OPTIONAL, OTHER)) as elsewhere,  # which would refuse the gate's
    ):
        async with redirecting(registry, elsewhere, ca=ca, certificate=certificate, key=key) as (upstream, digest):
            assert await read(upstream, digest) == BLOB
        async with asking(registry.url, ca=ca) as upstream:
            with pytest.raises(UpstreamUnavailable):
                await upstream.ping(Access())


@pytest.mark.parametrize("content", [b"", b"rubbish", GOOD.key])
def test_authorities_that_cannot_be_read_are_no_authorities(tmp_path, content):
    (tmp_path / "ca.crt").write_bytes(content)
    with pytest.raises(ConfigurationInvalid, match="ca"):
        upstream_tls(ca=tmp_path / "ca.crt")


def test_a_client_certificate_without_its_key_is_refused(tmp_path):
    certificate, _ = GOOD.write(tmp_path)
    _, key = AUTHORITY.issue().write(tmp_path, "other")
    with pytest.raises(ConfigurationInvalid, match="tls"):
        upstream_tls(certificate=certificate, key=key)


def test_f26_no_context_speaks_less_than_tls_1_2_or_leaves_verification_out():
    made = upstream_tls()
    for context in (made.origin, made.elsewhere, upstream_tls(skip_verification=True).elsewhere):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
