"""The listener's TLS, as clients see it: what is spoken, whose certificate, and what happens when files change."""

import asyncio
import logging
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.listener_tls import ListenerFiles, ListenerTls
from sealgate.errors import ConfigurationInvalid
from sealgate.http.server import serve
from sealgate.testing.tls import PrivateAuthority

AUTHORITY = PrivateAuthority(SystemClock().now())
CLIENTS = PrivateAuthority(SystemClock().now(), "clients")
FIRST, SECOND = AUTHORITY.issue(), AUTHORITY.issue()


class Hello:
    """An edge that says who the client is."""

    async def handle(self, request):
        found = request.transport.get_extra_info("peercert")
        return web.Response(text=str(found["subject"][0][0][1]) if found else "nobody")


def trusting(pair=None, folder=None, **settings):
    made = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
    for name, value in settings.items():
        setattr(made, name, value)
    if pair is not None:
        made.load_cert_chain(*pair.write(folder, "client"))
    return made


@asynccontextmanager
async def gate(files):
    tls = ListenerTls(files)
    running = await serve(Hello(), "127.0.0.1", 0, tls=tls.context)
    try:
        yield f"https://127.0.0.1:{running.port}", tls
    finally:
        await running.stop(0.1)


@asynccontextmanager
async def session(context):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as made:
        yield made


async def ask(url, context):
    async with session(context) as client, client.get(url) as got:
        return await got.text()


async def shown(url, context=None):
    """The certificate that a new connection is shown, DER."""
    port = int(url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context or trusting())
    try:
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


@pytest.fixture
def files(tmp_path):
    certificate, key = FIRST.write(tmp_path)
    return ListenerFiles(certificate=certificate, key=key)


@pytest.fixture
def client_files(files, tmp_path):
    (tmp_path / "clients.crt").write_bytes(CLIENTS.certificate)

    def make(required):
        return ListenerFiles(
            certificate=files.certificate,
            key=files.key,
            client_ca=tmp_path / "clients.crt",
            client_certificate_required=required,
        )

    return make


async def test_a_client_that_trusts_the_authority_is_answered(files):
    async with gate(files) as (url, _):
        assert await ask(url, trusting()) == "nobody"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(files, version):
    async with gate(files) as (url, _):
        assert await ask(url, trusting(minimum_version=version, maximum_version=version)) == "nobody"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_f26_an_older_tls_is_refused(files):
    old = trusting(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert files.context().minimum_version is ssl.TLSVersion.TLSv1_2  # OpenSSL's own level may refuse older ones too
    async with gate(files) as (url, _):
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(url, old)


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"])
async def test_f26_ciphers_without_forward_secrecy_or_authentication_are_refused(files, cipher):
    weak = trusting(maximum_version=ssl.TLSVersion.TLSv1_2)
    weak.set_ciphers(cipher)
    async with gate(files) as (url, _):
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(url, weak)


async def test_http_2_is_not_chosen(files):
    modern = trusting()
    modern.set_alpn_protocols(["h2", "http/1.1"])
    async with gate(files) as (url, _):
        port = int(url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=modern)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.transport.abort()


async def test_plain_http_on_the_tls_port_is_answered_by_nobody(files):
    async with gate(files) as (url, _):
        with pytest.raises(aiohttp.ClientError):
            await ask(url.replace("https", "http"), trusting())


async def test_a_new_certificate_is_taken_and_open_connections_go_on(files, tmp_path, caplog):
    async with gate(files) as (url, tls), session(trusting()) as client:
        async with client.get(url) as got:
            await got.read()
            port = got.connection and got.connection.transport
        SECOND.write(tmp_path)
        with caplog.at_level(logging.INFO):
            tls.look()
        assert await shown(url) == der(SECOND)
        async with client.get(url) as got:  # on the connection that was made with the first
            assert await got.text() == "nobody"
        assert port is None or not port.is_closing()
        assert "was read again" in caplog.text


async def test_the_files_are_looked_at_without_being_asked(files, tmp_path, monkeypatch):
    monkeypatch.setattr("sealgate.adapters.listener_tls.TLS_LOOK_SECONDS", 0.001)
    async with gate(files) as (url, tls):
        watching = asyncio.create_task(tls.watch())
        SECOND.write(tmp_path)
        async with asyncio.timeout(10):
            while await shown(url) != der(SECOND):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        watching.cancel()
        await asyncio.wait((watching,))


async def test_a_secret_of_kubernetes_is_followed(tmp_path):
    for name, pair in (("..1", FIRST), ("..2", SECOND)):
        (tmp_path / name).mkdir()
        pair.write(tmp_path / name)
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    async with gate(ListenerFiles(certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key")) as (url, tls):
        assert await shown(url) == der(FIRST)
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        tls.look()
        assert await shown(url) == der(SECOND)


@pytest.mark.parametrize("file", ["tls.crt", "tls.key"])
@pytest.mark.parametrize("content", [b"", b"rubbish", SECOND.key, SECOND.certificate, None])
async def test_a_broken_pair_keeps_the_one_before_and_is_told_once(files, tmp_path, caplog, file, content):
    async with gate(files) as (url, tls):
        (tmp_path / file).unlink() if content is None else (tmp_path / file).write_bytes(content)
        with caplog.at_level(logging.ERROR):
            tls.look()
            tls.look()
        assert await shown(url) == der(FIRST)
        assert len(caplog.records) == 1
        assert "the one before stays in use" in caplog.text
        assert str(tmp_path / file) in tls.problem
        FIRST.write(tmp_path)
        tls.look()
        assert not tls.problem


async def test_a_pair_that_is_half_written_is_not_taken(files, tmp_path, monkeypatch):
    """The key changes between the look at the files and the use of them."""
    async with gate(files) as (url, tls):
        (tmp_path / "tls.crt").write_bytes(SECOND.certificate)
        made = ListenerFiles.context

        def context(self):
            SECOND.write(tmp_path)
            return made(self)

        monkeypatch.setattr(ListenerFiles, "context", context)
        tls.look()
        assert await shown(url) == der(FIRST)
        tls.look()
        assert await shown(url) == der(SECOND)


async def test_a_client_certificate_that_is_required(client_files, tmp_path):
    async with gate(client_files(True)) as (url, _):
        known = CLIENTS.issue((), common_name="ci")
        assert await ask(url, trusting(known, tmp_path)) == "ci"
        with pytest.raises(aiohttp.ClientError):
            await ask(url, trusting())


@pytest.mark.parametrize("required", [True, False])
async def test_a_client_certificate_of_another_authority_is_refused(client_files, tmp_path, required):
    async with gate(client_files(required)) as (url, _):
        with pytest.raises(aiohttp.ClientError):
            await ask(url, trusting(AUTHORITY.issue((), common_name="ci"), tmp_path))


async def test_a_client_certificate_that_has_expired_is_refused(client_files, tmp_path):
    async with gate(client_files(True)) as (url, _):
        expired = CLIENTS.issue((), common_name="ci", until=SystemClock().now().replace(year=2020))
        with pytest.raises(aiohttp.ClientError):
            await ask(url, trusting(expired, tmp_path))


async def test_a_client_certificate_that_is_optional(client_files, tmp_path):
    async with gate(client_files(False)) as (url, _):
        assert await ask(url, trusting()) == "nobody"
        assert await ask(url, trusting(CLIENTS.issue((), common_name="ci"), tmp_path)) == "ci"


async def test_a_client_ca_that_is_replaced_counts_at_once(client_files, tmp_path):
    async with gate(client_files(True)) as (url, tls):
        known = trusting(CLIENTS.issue((), common_name="ci"), tmp_path)
        assert await ask(url, known) == "ci"
        (tmp_path / "clients.crt").write_bytes(PrivateAuthority(SystemClock().now(), "others").certificate)
        tls.look()
        with pytest.raises(aiohttp.ClientError):
            await ask(url, known)


@pytest.mark.parametrize(
    ("file", "content"),
    [("tls.crt", b""), ("tls.key", b"no key"), ("tls.key", SECOND.key), ("clients.crt", b"no certificate")],
)
def test_files_that_cannot_be_used_are_named_at_start(client_files, tmp_path, file, content):
    given = client_files(True)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigurationInvalid, match=file):
        ListenerTls(given)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(files, tmp_path):
    key = serialization.load_pem_private_key(FIRST.key, None)
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigurationInvalid, match="passphrase"):
        ListenerTls(files)
