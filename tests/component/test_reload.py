"""What is in force changes while the gate runs: whole, from the next request on, and never under one that has begun."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from sealgate.adapters import reload
from sealgate.adapters.clock import SystemClock
from sealgate.limits import CONFIGURATION_FILE_BYTES, POLICY_DEPTH
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.sigstore import OciObject, PrivateSigstore, bundle_object

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
NOW = SystemClock().now() - timedelta(minutes=5)
SECONDS = 20

SIGNED = """\
name: signed
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{{type: key, public_key: {key}}}]
    rekor: {{required: false}}
{more}"""
LOOSE, TIGHT = SIGNED.format(key="release.pub", more=""), SIGNED.format(key="other.pub", more="")
ANYTHING = "name: signed\nrepositories: ['team/**']\nallow_unsigned: true\n"
HOLDING = {"upstreams": [{"name": "default", "credentials": "anonymous"}]}


def denying(digest):
    return SIGNED.format(key="release.pub", more=f"denied: ['{digest}']\n")


async def until(holds):
    """Wait for a condition, which may be a coroutine."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


async def answers(world, status, repository="team/app", reference="1.0"):
    async def asked():
        return (await world.client.pull(repository, reference)).status == status

    await until(asked)


def write(world, text, name="signed.yaml"):
    world.gate.write(name, text)


@pytest.fixture
def gate(registry, gate_world):
    """A gate that admits `IMAGE`, signed with `release.pub`, in team/app."""

    @asynccontextmanager
    async def make(text=LOOSE, **options):
        async with gate_world(registry, {"signed.yaml": text}, **options) as world:
            world.add("team/app", IMAGE)
            yield world

    return make


# What changes.


async def test_f14_a_tightened_policy_acts_on_the_next_request_whatever_was_admitted_before(gate, reason):
    async with gate() as world:
        for _ in range(2):  # the second from the cache
            assert (await world.client.pull("team/app", "1.0")).status == 200
        before = world.gate.decisions[-1]
        assert before["cached"] is True
        write(world, TIGHT)
        await answers(world, 403)
        reply = await world.client.pull("team/app", str(IMAGE.digest))
        assert reason(reply) == "key-not-trusted"
        assert IMAGE.raw not in reply.body
        assert (await world.client.blob("team/app", Digest.of(IMAGE.blobs[1]))).status == 403
        assert (await world.client.push("team/new", OTHER, "1.0")).status == 403
        assert world.gate.decisions[-1]["policies"] != before["policies"]


async def test_f14_a_change_is_in_force_within_a_second_or_two(gate):
    async with gate() as world:
        write(world, TIGHT)
        async with asyncio.timeout(reload.RELOAD_LOOK_SECONDS / 2):  # the system's notice, not the net
            await answers(world, 403)


async def test_f14_a_tightened_policy_is_not_undone_by_what_is_on_the_disk(gate, tmp_path):
    async with gate(state=tmp_path / "state.db") as world:
        assert (await world.client.pull("team/app", "1.0")).status == 200
        write(world, TIGHT)
        await answers(world, 403)


async def test_a25_a_denied_digest_is_denied_by_the_next_request(gate, reason):
    async with gate() as world:
        world.add("team/app", OTHER, "2.0")
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.pull("team/app", "2.0")).status == 200
        write(world, denying(IMAGE.digest))
        await answers(world, 403)
        assert reason(await world.client.pull("team/app", "1.0")) == "denied-by-policy"
        assert (await world.client.pull("team/app", "2.0")).status == 200


async def test_a_loosened_policy_admits_what_was_denied_before(gate):
    async with gate(TIGHT) as world:
        assert (await world.client.pull("team/app", "1.0")).status == 403
        write(world, LOOSE)
        await answers(world, 200)
        write(world, ANYTHING)
        world.add("team/app", OTHER, "2.0", signed=False)
        await answers(world, 200, reference="2.0")


async def test_a_policy_comes_and_goes(gate):
    async with gate() as world:
        folder = world.gate.folder
        (folder / "signed.yaml").unlink()
        await until(lambda: world.gate.standing.problem)  # it is named in the settings
        assert (await world.client.pull("team/app", "1.0")).status == 200
        write(world, TIGHT)
        await answers(world, 403)
        assert world.gate.standing.problem == ""


async def test_files_of_a_folder_and_of_folders_in_it_come_and_go(registry, gate_world, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "team.yaml").write_text(ANYTHING)
    async with gate_world(registry, {}, more={"policies": [str(folder)]}) as world:
        world.add("team/app", IMAGE, signed=False)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        (folder / "more").mkdir()
        (folder / "more" / "strict.yaml").write_text(TIGHT.replace("name: signed\nrepo", "name: strict\nrepo"))
        shutil.copy(world.gate.folder / "other.pub", folder / "more")
        await answers(world, 403)
        (folder / "more" / "strict.yaml").unlink()
        await answers(world, 200)
        (folder / "team.yaml").unlink()
        await until(lambda: "there is no policy" in world.gate.standing.problem)
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_a_key_that_a_policy_names_is_rotated(gate):
    async with gate() as world:
        (world.gate.folder / "release.pub").write_bytes(world.other_key.public_pem)
        await answers(world, 403)
        world.put("team/app", world.signature(IMAGE.digest, world.key, world.other_key))
        await answers(world, 200)


async def test_a_key_of_the_key_ring_is_rotated(gate):
    text = SIGNED.format(key="x", more="").replace(
        "key_requirements: [{type: key, public_key: x}]", "trusted_keys: [ring]"
    )
    async with gate(text, more={"keys": {"ring": "release.pub"}}) as world:
        assert (await world.client.pull("team/app", "1.0")).status == 200
        (world.gate.folder / "release.pub").write_bytes(world.other_key.public_pem)
        await answers(world, 403)
        (world.gate.folder / "release.pub").write_bytes(b"no key")
        await until(lambda: "key ring" in world.gate.standing.problem)
        assert (await world.client.pull("team/app", "1.0")).status == 403


async def test_a_trusted_root_is_replaced(registry, gate_world, reason):
    first, second = PrivateSigstore(now=NOW), PrivateSigstore(now=NOW)
    text = """\
name: keyless
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: keyless, certificate_identity: a@team.example, certificate_oidc_issuer: "https://i.example"}]
"""
    async with gate_world(registry, {"keyless.yaml": text}, trusted_root=first.trusted_root_json()) as world:
        world.add("team/app", IMAGE, signed=False)
        described = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type).descriptor
        signer = first.keyless(identity="a@team.example", issuer="https://i.example")
        world.put("team/app", bundle_object(first.bundle(IMAGE.digest, signer), described))
        for _ in range(2):
            assert (await world.client.pull("team/app", "1.0")).status == 200
        write(world, second.trusted_root_json().decode(), "trusted_root.json")
        await answers(world, 403)
        assert reason(await world.client.pull("team/app", "1.0")) == "certificate-chain-untrusted"
        write(world, "{", "trusted_root.json")
        await until(lambda: "trusted_root.json" in world.gate.standing.problem)
        assert (await world.client.pull("team/app", "1.0")).status == 403
        write(world, first.trusted_root_json().decode(), "trusted_root.json")
        await answers(world, 200)
        assert world.gate.standing == reload.Standing()


# What cannot be used.


async def test_f13_a_broken_set_keeps_the_old_one_and_says_so_until_it_is_mended(gate, caplog):
    async with gate() as world:
        caplog.set_level(logging.ERROR)
        (world.gate.folder / "release.pub").write_bytes(b"no key")
        write(world, TIGHT + "surprise: 1\nmode: perhaps\n")
        await until(lambda: "surprise" in world.gate.standing.problem)
        standing = world.gate.standing
        assert "perhaps" in standing.problem
        assert standing.since is not None
        assert (await world.client.pull("team/app", "1.0")).status == 200
        write(world, TIGHT + "surprise: 2\nmode: perhaps\n")  # another change, the same trouble
        await until(lambda: len(caplog.records) > 1 or not world.gate.standing.problem)
        assert world.gate.standing.since == standing.since
        write(world, TIGHT)
        await answers(world, 403)
        assert world.gate.standing == reload.Standing()


async def test_f13_what_is_broken_is_logged_once_however_often_it_is_looked_at(gate, caplog, monkeypatch):
    monkeypatch.setattr(reload, "RELOAD_LOOK_SECONDS", 0.1)
    looks = []
    stale = reload.Reading.stale
    monkeypatch.setattr(reload.Reading, "stale", lambda self: looks.append(self) or stale(self))
    async with gate() as world:
        write(world, "name: [")
        await until(lambda: world.gate.standing.problem)
        seen = len(looks)
        await until(lambda: len(looks) > seen + 5)
        assert len([record for record in caplog.records if "cannot be used" in record.message]) == 1


BROKEN = {
    "empty": "",
    "truncated": LOOSE[: len(LOOSE) // 2],
    "a key that is not there": SIGNED.format(key="gone.pub", more=""),
    "a key out of the folder": SIGNED.format(key="../release.pub", more=""),
    "no YAML": "\x00",
    "two documents": LOOSE + "---\n" + LOOSE,
    "no rule": LOOSE[: LOOSE.index("rules:")],
    "too deep": "name: " + "[" * (POLICY_DEPTH + 1),
    "too large": LOOSE + "#" * CONFIGURATION_FILE_BYTES,
}


async def test_f13_no_broken_file_weakens_what_is_in_force(gate):
    async with gate() as world:
        world.add("team/app", OTHER, "2.0", signed=False)
        seen = {""}
        for text in BROKEN.values():
            write(world, text)
            await until(lambda: world.gate.standing.problem not in seen)
            seen.add(world.gate.standing.problem)
            assert (await world.client.pull("team/app", "1.0")).status == 200
            assert (await world.client.pull("team/app", "2.0")).status == 403
        assert len(seen) == len(BROKEN) + 1


async def test_f13_a_file_that_is_a_folder_now_or_leads_nowhere_is_no_policy(gate):
    async with gate() as world:
        path = world.gate.folder / "signed.yaml"
        path.unlink()
        path.symlink_to(path)
        await until(lambda: world.gate.standing.problem)
        path.unlink()
        path.mkdir()
        await until(lambda: "there is no policy" in world.gate.standing.problem)
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_two_roots_with_one_authority_are_refused_whole(gate, caplog):
    """The policies beside them are good, and are not taken either."""
    first, second = PrivateSigstore(now=NOW), PrivateSigstore(now=NOW)
    roots = {"a.json": first.trusted_root_json(), "b.json": second.trusted_root_json()}
    more = {"trusted_roots": {"default": "a.json", "acme": "b.json"}}
    async with gate(trusted_root=None, files=roots, more=more) as world:
        write(world, first.trusted_root_json().decode(), "b.json")
        await until(lambda: "same certificate authority" in world.gate.standing.problem)
        told = len(caplog.records)
        write(world, TIGHT)
        await until(lambda: len(caplog.records) > told)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        write(world, second.trusted_root_json().decode(), "b.json")
        await answers(world, 403)
        assert world.gate.standing == reload.Standing()


# How it changes.


async def test_f13_kubernetes_swaps_a_link_two_folders_up(registry, gate_world, tmp_path, world):
    """A ConfigMap: files are links into `..data`, which is a link to a hidden folder, and is exchanged by rename(2)."""

    def version(name, text):
        (mount / name).mkdir()
        (mount / name / "signed.yaml").write_text(text)
        (mount / name / "release.pub").write_bytes(world.key.public_pem)
        (mount / "..data_tmp").symlink_to(name)
        (mount / "..data_tmp").rename(mount / "..data")

    mount = tmp_path / "policies"
    mount.mkdir()
    version("..2026_01", LOOSE)
    for name in ("signed.yaml", "release.pub"):
        (mount / name).symlink_to(f"..data/{name}")
    async with gate_world(registry, {}, more={"policies": [str(mount)]}) as made:
        made.add("team/app", IMAGE)
        for number in range(2, 6):
            assert (await made.client.pull("team/app", "1.0")).status == 200
            version(f"..2026_0{number}", denying(IMAGE.digest))
            shutil.rmtree(mount / f"..2026_0{number - 1}")
            await answers(made, 403)
            (mount / f"..2026_0{number - 1}").exists()
            version(f"..2026_1{number}", LOOSE)
            shutil.rmtree(mount / f"..2026_0{number}")
            await answers(made, 200)
            (mount / f"..2026_1{number}").rename(mount / f"..2026_0{number}")
            (mount / "..data_tmp").symlink_to(f"..2026_0{number}")
            (mount / "..data_tmp").rename(mount / "..data")
        assert made.gate.standing == reload.Standing()


async def test_many_quick_changes_end_with_the_last_one(gate):
    async with gate() as world:
        for number in range(200):
            write(world, denying(f"sha256:{number:064x}"))
            if number % 10 == 0:
                assert (await world.client.pull("team/app", "1.0")).status == 200
        write(world, denying(IMAGE.digest))
        await answers(world, 403)
        assert world.gate.standing == reload.Standing()


async def test_the_net_catches_what_no_notice_told_of(gate, monkeypatch, caplog):
    def used_up(*_, **__):
        raise OSError(24, "inotify's bounds are used up")

    monkeypatch.setattr(reload, "awatch", used_up)
    monkeypatch.setattr(reload, "RELOAD_LOOK_SECONDS", 0.05)
    async with gate() as world:
        write(world, TIGHT)
        await answers(world, 403)
        write(world, LOOSE)
        await answers(world, 200)
    assert len([record for record in caplog.records if "not noticed" in record.message]) == 1


async def test_the_net_is_cast_while_notices_come_too(gate, monkeypatch):
    monkeypatch.setattr(reload, "RELOAD_LOOK_SECONDS", 0.1)
    looks = []
    stale = reload.Reading.stale
    async with gate() as world:
        path, elsewhere = world.gate.folder / "signed.yaml", world.gate.folder / "elsewhere" / "deeper"
        elsewhere.mkdir(parents=True)  # a folder that nobody watches
        shutil.copy(path, elsewhere)
        path.unlink()
        path.symlink_to(elsewhere / "signed.yaml")
        monkeypatch.setattr(reload.Reading, "stale", lambda self: looks.append(1) or stale(self))
        await until(lambda: len(looks) > 10)  # more than there were notices
        (elsewhere / "signed.yaml").write_text(TIGHT)
        await answers(world, 403)


async def test_being_asked_reads_again_what_looks_as_it_did(gate, caplog):
    async with gate() as world:
        caplog.set_level(logging.INFO, logger=reload.__name__)
        world.gate.reload()
        await until(lambda: any("1 policies" in record.message for record in caplog.records))
        assert "as before" in caplog.text
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_files_that_change_while_they_are_read_are_no_set(gate, monkeypatch):
    """Half of one set and half of another is neither: what is in force stays, and that is a problem after a while."""
    stale = reload.Reading.stale
    torn = []
    async with gate() as world:
        monkeypatch.setattr(reload.Reading, "stale", lambda _: torn.append(1) or True)
        write(world, TIGHT)
        for number in range(reload.RELOAD_TORN):
            await until(lambda number=number: world.gate.reload() or len(torn) > 2 * number)
        await until(lambda: world.gate.reload() or "again and again" in world.gate.standing.problem)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        monkeypatch.setattr(reload.Reading, "stale", stale)
        world.gate.reload()
        await answers(world, 403)
        assert world.gate.standing == reload.Standing()


async def test_an_error_that_nobody_foresaw_keeps_what_is_in_force_and_the_next_look_goes_on(gate, monkeypatch):
    def fails(*_):
        raise RuntimeError

    async with gate() as world:
        with monkeypatch.context() as patched:
            patched.setattr(reload.Reading, "policy_files", fails)
            write(world, TIGHT)
            await until(lambda: "RuntimeError" in world.gate.standing.problem)
            assert (await world.client.pull("team/app", "1.0")).status == 200
        world.gate.reload()
        await answers(world, 403)
        assert world.gate.standing == reload.Standing()


# Requests that have begun.


class Sluice:
    """In front of a registry: whatever asks for a path waits until it is opened, the first time."""

    def __init__(self, url):
        self.address = urlsplit(url)
        self.path = b""
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.opened.set()
        self.server.close()

    async def serve(self, reader, writer):
        try:
            there, back = await asyncio.open_connection(self.address.hostname, self.address.port)
        except OSError:  # the registry is gone: the test is over
            writer.close()
            return
        try:
            await asyncio.gather(self.pump(reader, back, first=True), self.pump(there, writer))
        finally:
            back.close()
            writer.close()

    async def pump(self, reader, writer, *, first=False):
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                if first and self.path and self.path in piece and not self.reached.is_set():
                    self.reached.set()
                    await self.opened.wait()
                writer.write(piece)
                await writer.drain()
            writer.write_eof()


async def test_f13_a_pull_in_flight_ends_with_the_policies_and_keys_that_it_began_with(registry, gate_world):
    async with Sluice(registry.url) as sluice:
        more = {"upstreams": [{"name": "default", "url": sluice.url}]}
        async with gate_world(registry, {"signed.yaml": LOOSE}, more=more) as world:
            world.add("team/app", IMAGE)
            world.add("team/other", OTHER)
            sluice.path = f"sha256-{IMAGE.digest.hex}.sig".encode()
            pulling = asyncio.create_task(world.client.pull("team/app", "1.0"))
            async with asyncio.timeout(SECONDS):
                await sluice.reached.wait()
            write(world, TIGHT)
            await answers(world, 403, "team/other")
            await answers(world, 403)  # computed beside it, and not shared with it
            sluice.opened.set()
            reply = await pulling
            assert (reply.status, reply.body) == (200, IMAGE.raw)
            began, later = world.gate.decisions[-1], world.gate.decisions[-2]
            assert began["policies"] != later["policies"]
            assert (await world.client.pull("team/app", "1.0")).status == 403  # what it was told is nobody else's


async def test_f13_a_pull_in_flight_ends_with_the_trusted_root_that_it_began_with(registry, gate_world):
    first, second = PrivateSigstore(now=NOW), PrivateSigstore(now=NOW)
    text = """\
name: keyless
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: keyless, certificate_identity: a@team.example, certificate_oidc_issuer: "https://i.example"}]
"""
    async with Sluice(registry.url) as sluice:
        more = {"upstreams": [{"name": "default", "url": sluice.url}]}
        root = first.trusted_root_json()
        async with gate_world(registry, {"keyless.yaml": text}, trusted_root=root, more=more) as world:
            world.add("team/app", IMAGE, signed=False)
            described = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type).descriptor
            signer = first.keyless(identity="a@team.example", issuer="https://i.example")
            world.put("team/app", bundle_object(first.bundle(IMAGE.digest, signer), described))
            world.add("team/other", IMAGE, signed=False)
            world.put("team/other", bundle_object(first.bundle(IMAGE.digest, signer), described))
            sluice.path = f"sha256-{IMAGE.digest.hex}.sig".encode()
            pulling = asyncio.create_task(world.client.pull("team/app", "1.0"))
            async with asyncio.timeout(SECONDS):
                await sluice.reached.wait()
            write(world, second.trusted_root_json().decode(), "trusted_root.json")
            world.gate.reload()
            await until(lambda: _says(world, "untrusted", "team/other"))
            await answers(world, 403)
            sluice.opened.set()
            assert (await pulling).status == 200
            assert (await world.client.pull("team/app", "1.0")).status == 403


async def test_f13_a_push_in_flight_ends_with_the_policies_that_it_began_with(gate):
    async with gate(ANYTHING) as world:
        for blob in OTHER.blobs:
            assert (await world.client.push_blob("team/app", blob)).status == 201
        host, _, port = world.gate.host.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"PUT /v2/team/app/manifests/2.0 HTTP/1.1\r\nHost: {world.gate.host}\r\nConnection: close\r\n"
            f"Content-Type: {OTHER.media_type}\r\nContent-Length: {len(OTHER.raw)}\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        async with asyncio.timeout(SECONDS):
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")  # it has begun
            write(world, TIGHT)
            await answers(world, 403)
            writer.write(OTHER.raw)
            assert b" 201 " in (await reader.read()).split(b"\r\n")[0]
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert world.registry.tags("team/app")["2.0"] == OTHER.digest
        assert (await world.client.pull("team/app", "2.0")).status == 403


async def test_a_deletion_under_new_policies_is_seen_by_what_began_under_the_old_ones(registry, gate_world):
    """B21: the policies of this repository are the same before and after, so what is decided is one and the same."""

    class Everything:
        def may(self, *_):
            return True

        def may_delete(self, *_):
            return True

    async with Sluice(registry.url) as sluice:
        more = {"upstreams": [{"name": "default", "url": sluice.url}]}
        async with gate_world(registry, {"signed.yaml": LOOSE}, more=more, rights=Everything()) as world:
            world.add("team/app", IMAGE)
            carrier = world.signature(IMAGE.digest)
            sluice.path = b"/blobs/sha256"  # the signature's: what it is found by has been read
            pulling = asyncio.create_task(world.client.pull("team/app", "1.0"))
            async with asyncio.timeout(SECONDS):
                await sluice.reached.wait()
            before = world.gate.decisions
            write(world, LOOSE.replace('["team/**"]', '["team/**", "more/**"]'))

            async def reloaded():
                await world.client.pull("nobody/app", "1.0")
                world.registry.add_artifact("more/app", OTHER, "1.0")
                reply = await world.client.pull("more/app", "1.0")
                return b"repository-not-covered" not in reply.body

            await until(reloaded)
            reference = f"/v2/team/app/manifests/{world.registry.tags('team/app')[carrier.tag]}"
            assert (await world.client.ask("DELETE", reference)).status == 202
            sluice.opened.set()
            await pulling
            assert len(world.gate.decisions) > len(before)
            reply = await world.client.pull("team/app", "1.0")
            assert reply.status == 403
            assert world.gate.decisions[-1]["cached"] is False


async def test_pulls_go_on_while_policies_change(gate):
    async with gate() as world:
        done = asyncio.Event()
        statuses = []

        async def pull():
            while not done.is_set():
                statuses.append((await world.client.pull("team/app", "1.0")).status)

        pulling = [asyncio.create_task(pull()) for _ in range(4)]
        for number in range(20):
            write(world, denying(f"sha256:{number:064x}"))
            seen = len(statuses)
            await until(lambda seen=seen: len(statuses) > seen + 8)
        done.set()
        await asyncio.gather(*pulling)
        assert set(statuses) == {200}


async def test_a_hold_is_released_by_the_policies_of_now(registry, gate_world, tmp_path):
    held = LOOSE + "on_unsigned_push: hold\n"
    more = {"upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}]}
    async with gate_world(registry, {"signed.yaml": held}, state=tmp_path / "state.db", more=more) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        write(world, TIGHT + "on_unsigned_push: hold\n")
        before = world.gate.decisions[-1]["policies"]

        async def reloaded():
            await world.client.pull("team/app", str(IMAGE.digest))
            return world.gate.decisions[-1]["policies"] != before

        await until(reloaded)
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert "1.0" not in world.registry.tags("team/app")
        signatures = world.signature(IMAGE.digest, world.key, world.other_key)
        assert (await world.client.push_signature("team/app", signatures)).status == 201
        assert world.registry.tags("team/app")["1.0"] == IMAGE.digest


async def _says(world, text, repository="team/app"):
    return text.encode() in (await world.client.pull(repository, str(IMAGE.digest))).body


async def test_a_gate_ends_while_its_files_change(gate):
    async with gate() as world:
        for number in range(50):
            write(world, denying(f"sha256:{number:064x}"))
        world.gate.reload()
        host = world.gate.host.partition(":")
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host[0], int(host[2]))):
        pass


async def test_sighup_reads_again(tmp_path, registry, world):
    """The command itself."""
    (tmp_path / "signed.yaml").write_text(LOOSE)
    (tmp_path / "release.pub").write_bytes(world.key.public_pem)
    (tmp_path / "root.json").write_bytes(world.sigstore.trusted_root_json())
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sealgate.cli.main", "serve", "--upstream", registry.url),
        *("--policies", str(tmp_path / "signed.yaml")),
        *("--listen", "127.0.0.1:0", "--trusted-root", str(tmp_path / "root.json")),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ},
    )  # fmt: skip
    lines = []

    async def line(text):
        async with asyncio.timeout(60):
            while raw := await running.stderr.readline():
                lines.append(raw.decode())
                if text in lines[-1]:
                    return
        raise AssertionError(lines)

    try:
        await line("listening on")
        running.send_signal(signal.SIGHUP)
        await line("read again: 1 policies")
        (tmp_path / "signed.yaml").write_text("name: [")
        await line("stays in force")
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
