"""`sealgate check`: any registry, without a gate; once, and for as long as its author works on the policies."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from sealgate.adapters.clock import SystemClock
from sealgate.cli.main import app
from sealgate.testing import images
from sealgate.testing.registry import MemoryRegistry
from sealgate.testing.sigstore import PrivateSigstore, SigningKey, simple_signing_object

POLICY = """\
name: team
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
KEY = SigningKey.generate("ecdsa-p256")
SIGSTORE = PrivateSigstore(now=SystemClock().now())


@pytest.fixture
def image(registry):
    made = images.oci_image(seed=1)
    registry.add_artifact("team/app", made, "1.0")
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("SEALGATE_UPSTREAM", raising=False)
    (tmp_path / "p").mkdir()
    (tmp_path / "p/policy.yaml").write_text(POLICY)
    (tmp_path / "p/release.pub").write_bytes(KEY.public_pem)
    return tmp_path / "p"


def sign(registry, image):
    signature = SIGSTORE.simple_signature(image.digest, KEY, logged=False)
    carrier = simple_signing_object(image.digest, [signature])
    for blob in carrier.blobs.values():
        registry.add_blob("team/app", blob)
    registry.add_manifest("team/app", carrier.manifest, carrier.media_type, carrier.tag)


def reference(registry):
    return f"{registry.url.removeprefix('http://')}/team/app:1.0"


async def check(*arguments):
    return await asyncio.to_thread(CliRunner().invoke, app, ["check", *arguments])


async def test_any_registry_is_checked_without_settings(registry, image, folder):
    denied = await check(reference(registry), "--policies", str(folder))
    assert denied.exit_code == 1, denied.output
    assert "DENIED: signature-missing" in denied.stdout
    host = registry.url.removeprefix("http://")
    assert f"cosign sign --key <private key of release> {host}/team/app@{image.digest}" in denied.stdout
    sign(registry, image)
    admitted = await check(reference(registry), "--policies", str(folder), "--json")
    assert admitted.exit_code == 0, admitted.output
    assert json.loads(admitted.stdout)["outcome"] == "admit"


async def test_dockers_credentials_are_used(folder, tmp_path, monkeypatch):
    async with MemoryRegistry(users={"ann": "secret"}, auth="bearer") as registry:
        registry.add_artifact("team/app", images.oci_image(seed=1), "1.0")
        await _with_and_without(registry, folder, tmp_path, monkeypatch)


async def _with_and_without(registry, folder, tmp_path, monkeypatch):
    bare = await check(reference(registry), "--policies", str(folder))
    assert bare.exit_code == 3, bare.output
    (tmp_path / "docker").mkdir()
    host = registry.url.removeprefix("http://")
    config = {"auths": {host: {"username": "ann", "password": "secret"}}}
    (tmp_path / "docker/config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    done = await check(reference(registry), "--policies", str(folder))
    assert done.exit_code == 1, done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["team/app:1.0", "--policies", "."], "team/app:1.0 names no registry; write it as ghcr.io/myorg/app"),
        (["ghcr.io/team/app:1.0"], "no policies are named; give --policies"),
        (["ghcr.io/team/app:1.0", "--policies", "nowhere.yaml"], "nowhere.yaml: there is no such file"),
    ],
)
async def test_what_cannot_be_checked_is_wrong_usage(arguments, told, folder):
    done = await check(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr


async def test_policies_that_do_not_load_are_shown_at_their_places(registry, folder):
    (folder / "policy.yaml").write_text(POLICY.replace("rekor", "recor"))
    done = await check(reference(registry), "--policies", str(folder))
    assert done.exit_code == 2
    assert "did you mean rekor?\n     6 |     recor: {required: false}\n       |     ^\n" in done.stderr


class Watching:
    def __init__(self, process):
        self.process = process

    async def until(self, text):
        read = []
        async with asyncio.timeout(30):
            while not any(text in line for line in read):
                line = (await self.process.stdout.readline()).decode()
                assert line, (read, (await self.process.stderr.read()).decode())
                read.append(line)
        return "".join(read)

    async def stop(self, name=signal.SIGINT):
        self.process.send_signal(name)
        async with asyncio.timeout(30):
            assert await self.process.stderr.read() == b""
            return await self.process.wait()


@asynccontextmanager
async def watching(registry, folder, *more):
    arguments = [reference(registry), "--policies", str(folder), "--watch", *more]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sealgate.cli.main", "check", *arguments, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Watching(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_watching_tells_what_a_changed_policy_changes_and_stops_cleanly(registry, image, folder):
    async with watching(registry, folder) as seen:
        await seen.until("DENIED: signature-missing")
        (folder / "policy.yaml").write_text("name: team\nrepositories: ['team/**']\nallow_unsigned: true\n")
        told = await seen.until("team, signed: gone")
        assert "policies changed\n  DENIED → ADMITTED\n  team, allow_unsigned: new: satisfied\n" in told
        (folder / "policy.yaml").write_text("name: team\nrepositories: ['team/**']\nallow_unsigned: tru\n")
        told = await seen.until("^")
        assert "cannot be judged" in told
        (folder / "policy.yaml").write_text(POLICY)
        assert "ADMITTED → DENIED" in await seen.until("team, signed: new")
        assert await seen.stop() == 1


async def test_watching_asks_the_registry_again(registry, image, folder):
    async with watching(registry, folder, "--every", "1") as seen:
        await seen.until("DENIED: signature-missing")
        sign(registry, image)
        told = await seen.until("team, signed: satisfied: key release (was not satisfied: signature-missing")
        assert "asked again\n  DENIED → ADMITTED\n" in told
        assert await seen.stop(signal.SIGTERM) == 0


async def test_watching_prints_json_for_programs(registry, image, folder):
    async with watching(registry, folder, "--json") as seen:
        assert '"digest"' in await seen.until('"outcome": "deny"') + await seen.until("}")
        (folder / "policy.yaml").write_text("name: team\nrepositories: ['team/**']\nallow_unsigned: true\n")
        assert "→" not in await seen.until('"outcome": "admit"')
        assert await seen.stop() == 0
