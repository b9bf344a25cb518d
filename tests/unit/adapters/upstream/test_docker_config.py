"""Docker's configuration and the programs that it names."""

import asyncio
import base64
import json
from datetime import UTC, datetime

import pytest

from sealgate.adapters.upstream import docker_config
from sealgate.adapters.upstream.credentials import Credential, DockerConfigFile, PasswordFile
from sealgate.adapters.upstream.docker_config import CredentialHelper, Entry, read_docker_config
from sealgate.errors import ConfigurationInvalid, UpstreamUnavailable
from sealgate.limits import CREDENTIAL_FILE_SECONDS, CREDENTIAL_SECONDS, HELPER_SECONDS
from sealgate.testing.clock import FixedClock

ENDLESS = r"""printf '{"Username":"a","Secret":"b"}'; head -c 100000 /dev/zero | tr '\0' ' '"""
CANARY = "open-sesame-canary"
AUTH = base64.b64encode(f"ann:{CANARY}".encode()).decode()
ANN = Entry(username="ann", secret=CANARY)


@pytest.fixture
def clock():
    return FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


def read(**document):
    return read_docker_config("config.json", json.dumps(document).encode())


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://GHCR.io/v2/", "ghcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("docker.io", "registry-1.docker.io"),
    ],
)
def test_keys_as_docker_writes_them(key, host):
    assert read(auths={key: {"auth": AUTH}}).of(host) == ANN


@pytest.mark.parametrize("key", ["ghcr.io/org", "ghcr.io.evil", "evil/ghcr.io", "http://", "*.io"])
def test_a_key_that_is_another_place(key):
    assert read(auths={key: {"auth": AUTH}}).of("ghcr.io") is None


def test_forms_of_an_entry():
    assert read(auths={"a": {"username": "ann", "password": CANARY}}).of("a") == ANN
    assert read(auths={"a": {"identitytoken": CANARY}}).of("a") == Entry(username="", secret=CANARY, refresh=True)
    assert read(auths={"a": {}}).of("a") is None
    assert read(HttpHeaders={"X": "y"}).of("a") is None


def test_dockers_own_order():
    config = read(auths={"a": {"auth": AUTH}, "b": {}}, credHelpers={"a": "one"}, credsStore="all")
    assert config.of("a") == CredentialHelper("one", "a")
    assert config.of("b") == CredentialHelper("all", "b")
    assert config.of("registry-1.docker.io") == CredentialHelper("all", "https://index.docker.io/v1/")


@pytest.mark.parametrize(
    "document",
    [
        {"auths": []},
        {"auths": {"a": CANARY}},
        {"auths": {"a": {"auth": CANARY + "!"}}},
        {"credHelpers": {"a": f"../{CANARY}"}},
        {"credsStore": f"a;{CANARY}"},
        {"credsStore": 7},
    ],
)
def test_b28_what_cannot_be_read_is_told_without_a_word_of_it(document):
    with pytest.raises(ConfigurationInvalid) as caught:
        read(**document)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None or CANARY not in str(caught.value.__cause__)


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Installs a helper: a shell script."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def install(script: str, name: str = "test") -> CredentialHelper:
        program = tmp_path / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return CredentialHelper(name, "ghcr.io")

    return install


async def test_a_helper(helper, tmp_path):
    asked = tmp_path / "asked"
    said = json.dumps({"ServerURL": "ghcr.io", "Username": "ann", "Secret": CANARY})
    made = helper(f"echo \"$1 $(cat)\" > {asked}; echo '{said}'")
    assert await made.ask() == ANN
    assert asked.read_text() == "get ghcr.io\n"
    made = helper('echo \'{"Username":"<token>","Secret":"x"}\'')
    assert await made.ask() == Entry(username="<token>", secret="x", refresh=True)


async def test_a_helper_that_has_nothing(helper):
    assert await helper("echo 'credentials not found in native keychain'; exit 1").ask() is None


@pytest.mark.parametrize(
    "script",
    [f"echo {CANARY}; exit 3", f"echo {CANARY}", "true", ENDLESS, "exec sleep 60", "kill -9 $$",
     f"echo '{{\"Username\":\"\",\"Secret\":\"{CANARY}\"}}'"],
)  # fmt: skip
async def test_b28_a_helper_that_fails_is_told_without_what_it_said(helper, script, monkeypatch):
    monkeypatch.setattr(docker_config, "CREDENTIAL_HELPER_SECONDS", 0.5)
    with pytest.raises(UpstreamUnavailable) as caught:
        await helper(script).ask()
    assert CANARY not in str(caught.value)


async def test_a_helper_is_asked_again_after_a_while_and_when_its_answer_was_not_good(helper, tmp_path, clock):
    helper(f'echo x >> {tmp_path / "runs"}; echo \'{{"Username":"a","Secret":"b"}}\'')
    (tmp_path / "config.json").write_text('{"credHelpers":{"ghcr.io":"test"}}')
    source = DockerConfigFile(tmp_path / "config.json", "ghcr.io", clock)
    runs = lambda: len((tmp_path / "runs").read_text().split())  # noqa: E731
    for _ in range(3):
        assert await source.current() == Credential(username="a", secret="b")
    assert runs() == 1
    clock.advance(CREDENTIAL_SECONDS)
    await source.current()
    assert runs() == 2
    source.forget()  # what it said a moment ago it would say again: who is refused often starts no process each time
    await source.current()
    assert runs() == 2
    clock.advance(HELPER_SECONDS)
    source.forget()
    await asyncio.gather(*(source.current() for _ in range(5)))
    assert runs() == 3


def test_what_must_be_there_from_the_start(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "config.json").write_text('{"credHelpers":{"ghcr.io":"absent"}}')
    with pytest.raises(ConfigurationInvalid, match="docker-credential-absent is not installed"):
        DockerConfigFile(tmp_path / "config.json", "ghcr.io", clock)
    with pytest.raises(ConfigurationInvalid, match=r"has no credentials for quay\.io"):
        DockerConfigFile(tmp_path / "config.json", "quay.io", clock)


async def test_a_password_file_is_read_again(tmp_path, clock):
    (tmp_path / "pw").write_text("one\n")
    source = PasswordFile("ann", tmp_path / "pw", clock)
    assert await source.current() == Credential(username="ann", secret="one")
    (tmp_path / "pw").write_text("second\n")
    clock.advance(CREDENTIAL_FILE_SECONDS)
    assert await source.current() == Credential(username="ann", secret="second")
    (tmp_path / "pw").unlink()
    clock.advance(CREDENTIAL_FILE_SECONDS)
    with pytest.raises(UpstreamUnavailable):
        await source.current()


@pytest.mark.parametrize("content", ["", "\n", f"{CANARY}\n{CANARY}\n", f"{CANARY}\0"])
def test_b28_a_password_file_that_is_none_is_told_without_what_is_in_it(tmp_path, clock, content):
    (tmp_path / "pw").write_text(content)
    with pytest.raises(ConfigurationInvalid) as caught:
        PasswordFile("ann", tmp_path / "pw", clock)
    assert CANARY not in str(caught.value)


def test_b28_no_credential_shows_itself():
    shown = repr((ANN, Credential(username="ann", secret=CANARY)))
    assert CANARY not in shown
