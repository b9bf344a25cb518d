"""Trusted roots from TUF repositories: fresh when they can be, the last good one when not (attacks A28, A29)."""

import asyncio
import gzip
import logging
import threading
from datetime import timedelta

import pytest

from sealgate.adapters.trusted_roots import repository as repository_module
from sealgate.adapters.trusted_roots.download import BoundedFetcher
from sealgate.limits import (
    CONFIGURATION_FILE_BYTES,
    TRUSTED_ROOT_REFRESH_SECONDS,
    TRUSTED_ROOT_RETRY_SECONDS,
    TUF_METADATA_BYTES,
)


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def test_a_root_is_fetched_kept_and_still_there_after_a_restart(client):
    assert (client.uses, client.state.confirmed) == (None, None)
    assert await client.refresh()
    assert (client.uses, client.state.confirmed, client.state.problem) == ("first", client.clock.now(), "")
    state = client.state
    client.mirror.asked.clear()
    assert client.again().state == state
    assert client.mirror.asked == []  # it begins with what is kept, and asks nobody for it


async def test_another_root_takes_the_place_of_the_one_in_use_whole(client, second):
    await client.refresh()
    before, digest = client.roots.states, client.roots.trusted_roots_digest
    client.mirror.publish(second)
    assert await client.refresh()
    assert client.uses == "second"
    assert client.roots.trusted_roots_digest != digest
    assert before["acme"].root.digest in digest  # what somebody still holds did not change under him


async def test_the_same_root_is_confirmed_and_nothing_else_changes(client):
    await client.refresh()
    verifier, digest = client.roots.version, client.roots.trusted_roots_digest
    client.clock.moved = timedelta(hours=5)
    assert client.state.age(client.clock.now()) == timedelta(hours=5)
    assert await client.refresh()
    assert client.state.age(client.clock.now()) == timedelta()
    assert (client.roots.version, client.roots.trusted_roots_digest) == (verifier, digest)


async def test_f8_dead_at_the_start(client, caplog):
    client.mirror.answers["*"] = lambda request: request.connection.close()
    assert not await client.refresh()
    assert client.uses is None
    assert client.state.problem
    assert "there is none yet" in caplog.text


async def test_a29_nobody_listens_there(client):
    client.mirror.url = "http://127.0.0.1:1"
    assert not await client.again().refresh()
    assert "127.0.0.1:1" in client.state.problem


async def test_f8_dead_later(client, caplog):
    await client.refresh()
    client.mirror.answers["*"] = lambda request: request.send_error(500)
    client.clock.moved = timedelta(days=2)
    assert not await client.refresh()
    assert (client.uses, client.state.age(client.clock.now())) == ("first", timedelta(days=2))
    assert "confirmed 2 days ago" in caplog.text
    assert client.again().uses == "first"
    client.mirror.answers.clear()
    assert await client.refresh()
    assert client.state.problem == ""


async def test_a29_an_expired_timestamp_says_nothing_new_and_takes_nothing_away(client, second):
    await client.refresh()
    client.mirror.publish(second, timestamp_lifetime=timedelta(seconds=-1))
    assert not await client.refresh()
    assert client.uses == "first"
    assert client.state.holds(client.clock.now())


async def test_f8_the_last_good_one_holds_until_its_repositorys_word_for_it_ends(client, caplog):
    await client.refresh()
    client.mirror.answers["*"] = lambda request: request.send_error(500)
    assert client.state.expires == client.mirror.now + timedelta(days=90)
    client.clock.moved = timedelta(days=91)
    assert not await client.refresh()
    assert not client.state.holds(client.clock.now())
    assert "ran out" in caplog.text
    assert not client.again().state.holds(client.clock.now())  # a restart does not bring it back


async def test_a28_rollback_to_an_older_version(client, second):
    older = dict(client.mirror.files)
    client.mirror.publish(second)
    await client.refresh()
    client.mirror.files = older
    assert not await client.refresh()
    assert client.uses == "second"
    assert not await client.again().refresh()  # what was seen is known after a restart, too
    assert client.uses == "second"


async def test_a28_freeze_with_expired_metadata(client, second):
    await client.refresh()
    client.mirror.publish(second, lifetime=timedelta(seconds=-1))
    assert not await client.refresh()
    assert client.uses == "first"


async def test_a28_metadata_of_another_key(client, second):
    stranger = type(client.mirror)(now=client.mirror.now, trusted_root=second)
    client.mirror.files = stranger.files
    assert not await client.refresh()
    assert client.uses is None


async def test_a28_a_target_that_is_not_the_one_that_was_signed(client, second):
    for path in client.mirror.files:
        if path.startswith("/targets/"):
            client.mirror.files[path] = second
    assert not await client.refresh()
    assert client.uses is None
    assert "first" not in files_in(client.folder)


@pytest.mark.parametrize("path", ["/timestamp.json", "/2.root.json", "/1.snapshot.json", "/1.targets.json"])
async def test_a28_endless_data(client, path):
    sent = []

    def endless(request):
        request.send_response(200)
        request.end_headers()
        while True:
            sent.append(request.wfile.write(b" " * 65536))

    client.mirror.answers[path] = endless
    assert not await client.refresh()
    assert sum(sent) < TUF_METADATA_BYTES + 16 * 2**20  # what sockets hold, beside what was read


async def test_a28_a_mirror_that_drips(client, monkeypatch):
    stop = threading.Event()

    def drip(request):
        request.send_response(200)
        request.send_header("Content-Length", "10000")
        request.end_headers()
        while not stop.wait(0.01):
            request.wfile.write(b" ")

    client.mirror.answers["/timestamp.json"] = drip
    monkeypatch.setattr(repository_module, "BoundedFetcher", lambda: BoundedFetcher(seconds=0.5))
    assert not await client.refresh()
    stop.set()
    assert "does not come to an end" in client.state.problem


async def test_a28_a_mirror_that_sends_the_gate_elsewhere(client, mirror):
    with type(mirror)(now=mirror.now, trusted_root=b"x").serving() as elsewhere:

        def redirect(request):
            request.send_response(302)
            request.send_header("Location", f"{elsewhere.url}/timestamp.json")
            request.end_headers()

        mirror.answers["/timestamp.json"] = redirect
        assert not await client.refresh()
        assert elsewhere.asked == []


async def test_a28_a_compressed_answer_is_not_unpacked(client):
    def bomb(request):
        content = gzip.compress(client.mirror.files["/timestamp.json"])
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    client.mirror.answers["/timestamp.json"] = bomb
    assert not await client.refresh()


@pytest.mark.parametrize(
    "target", ["../../../trusted_root.json", "/etc/trusted_root.json", "a/../../trusted_root.json"]
)
async def test_a28_path_traversal_in_a_targets_name(client, tmp_path, target, second):
    client.mirror.publish(second, target=target)
    assert not await client.refresh()
    assert all(name.startswith("roots/acme-") for name in files_in(tmp_path))
    assert "publishes no trusted_root.json" in client.state.problem


async def test_a_repository_that_publishes_no_trusted_root(client):
    client.mirror.publish(b"")
    assert not await client.refresh()
    assert "publishes no trusted_root.json" in client.state.problem


async def test_a18_a_signed_target_that_is_too_large_is_not_fetched(client, second):
    await client.refresh()
    client.mirror.publish(second + b" " * CONFIGURATION_FILE_BYTES)
    client.mirror.asked.clear()
    assert not await client.refresh()
    assert (client.uses, [path for path in client.mirror.asked if "targets/" in path]) == ("first", [])


@pytest.mark.parametrize("content", [b"junk", b"{}", b"\xff"])
async def test_a_signed_target_that_is_no_trusted_root_is_not_used(client, content):
    await client.refresh()
    client.mirror.publish(content)
    assert not await client.refresh()
    assert client.uses == "first"
    assert client.again().uses == "first"


async def test_another_root_of_trust_begins_anew(client, mirror, second):
    await client.refresh()
    other = type(mirror)(now=mirror.now, trusted_root=second)
    client.root = other.root
    assert client.again().uses is None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"confirmed": "x", "expires": "x", "trusted_root": ""}', b"\xff"])
async def test_what_is_kept_and_cannot_be_read_is_as_if_it_were_not_there(client, content):
    await client.refresh()
    (kept,) = client.folder.rglob("last-good.json")
    kept.write_bytes(content)
    assert client.again().uses is None
    assert await client.refresh()


async def test_a_disk_that_is_full_keeps_nobody_from_using_the_root(client, caplog):
    await client.refresh()
    (kept,) = client.folder.rglob("last-good.json")
    kept.unlink()
    kept.mkdir()
    assert await client.refresh()
    assert (client.uses, "cannot be kept on disk" in caplog.text) == ("first", True)


async def test_it_is_refreshed_again_and_again_and_sooner_after_a_failure(client, enough, caplog):
    caplog.set_level(logging.CRITICAL)
    client.mirror.answers["*"] = lambda request: (
        request.send_error(500) if len(client.pauses) < 6 else client.mirror.answers.clear() or request.send_error(500)
    )
    with pytest.RaisesGroup(enough):
        await client.refresher.run()
    retries = [TRUSTED_ROOT_RETRY_SECONDS * 2**n for n in range(7)]
    for pause, expected in zip(client.pauses, [*retries, TRUSTED_ROOT_REFRESH_SECONDS], strict=True):
        assert expected * 0.9 <= pause <= expected * 1.1
    assert client.uses == "first"


async def test_roots_that_were_never_fetched_are_fetched_once_for_commands(client):
    await client.refresher.fill()
    assert client.uses == "first"
    client.mirror.asked.clear()
    await client.refresher.fill()
    assert client.mirror.asked == []


async def test_nothing_waits_for_a_repository_that_does_not_answer(client):
    asked, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang(request):
        loop.call_soon_threadsafe(asked.set)
        release.wait(30)

    client.mirror.answers["*"] = hang
    running = asyncio.create_task(client.refresher.run())
    async with asyncio.timeout(20):
        await asked.wait()
        assert (client.uses, client.roots.version) == (None, "1")  # the loop goes on
        running.cancel()
        await asyncio.wait((running,))
    release.set()
