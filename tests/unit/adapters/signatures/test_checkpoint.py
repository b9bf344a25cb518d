"""Checkpoints of Rekor v1 and v2: whose they are, of what origin, and with whose signatures beside (attacks A15)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sealgate.adapters.keys import read_spki
from sealgate.adapters.signatures import checkpoint
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey, Window
from sealgate.evidence.reason import Reason
from sealgate.limits import CHECKPOINT_CHARACTERS, CHECKPOINT_SIGNATURES
from sealgate.testing.sigstore import SigningKey
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.signed_note import Witness, checkpoint_text, signature_line, signed_note
from sealgate.testing.sigstore.transparency_log import TransparencyLog

V1, V2 = TransparencyLog(), RekorV2Log()
WITNESSED = RekorV2Log(key=V2.key, witnesses=[Witness(), Witness(name="other.witness.test")])
ROOT = hashlib.sha256(b"root").digest()
WINDOW = Window(start=SIGNING_TIME, end=None)


def known(log: TransparencyLog | RekorV2Log, base_url: str | None = None) -> LogKey:
    return LogKey(
        log_id=log.log_id,
        key=read_spki(log.key.spki),
        window=WINDOW,
        base_url=log.url if base_url is None else base_url,
    )


def refused(envelope: str, log: LogKey, told: str) -> None:
    with pytest.raises(Rejected, match=told) as bad:
        checkpoint.verify(envelope, log)
    assert bad.value.reason is Reason.LOG_CHECKPOINT_INVALID


def signed(origin: str, name: str, log: TransparencyLog | RekorV2Log = V1, size: str = "7", more: str = "") -> str:
    text = checkpoint_text(origin, 7, ROOT).replace("\n7\n", f"\n{size}\n") + more
    return signed_note(text, signature_line(name, log.log_id, log.key.sign(text.encode())))


def test_a_log_of_rekor_v1_has_several_trees() -> None:
    found = checkpoint.verify(V1.checkpoint(ROOT, 7), known(V1))
    assert found == checkpoint.Checkpoint(size=7, root=ROOT, one_of_several=True)


@pytest.mark.parametrize(
    "log", [V2, WITNESSED, RekorV2Log(key=SigningKey.generate())], ids=["own", "cosigned", "ecdsa"]
)
def test_a_log_of_rekor_v2_is_one_tree(log: RekorV2Log) -> None:
    found = checkpoint.verify(log.checkpoint(ROOT, 7, SIGNING_TIME), known(log))
    assert found == checkpoint.Checkpoint(size=7, root=ROOT, one_of_several=False)


def test_a_checkpoint_may_have_lines_of_its_own() -> None:
    assert checkpoint.verify(
        signed("rekor.private.test - 1", V1.host, more="Timestamp: 1689177396617352539\n"), known(V1)
    )


def test_a15_a_witness_is_not_the_log() -> None:
    envelope = WITNESSED.checkpoint(ROOT, 7, SIGNING_TIME)
    text, lines = envelope.split("\n\n")
    own, *others = lines.splitlines()
    assert checkpoint.verify("\n".join((text, "", *others, own, "")), known(V2)).size == 7
    refused("\n".join((text, "", *others, "")), known(V2), "not signed by the log")
    forged = signature_line(V2.host, V2.log_id, SigningKey.generate("ed25519").sign((text + "\n").encode()))
    refused("\n".join((text, "", forged, *others, "")), known(V2), "not signed by the log")
    assert checkpoint.verify("\n".join((text, "", forged, own, "")), known(V2)).size == 7


def test_one_name_of_several_under_which_the_log_signed_is_that_of_the_origin() -> None:
    envelope = V1.checkpoint(ROOT, 7)
    other = signed("rekor.private.test - 1", "rekor.another.test").splitlines()[-1]
    assert checkpoint.verify(f"{envelope}{other}\n", known(V1)).size == 7


def test_what_follows_the_end_of_a_signatures_base64_is_no_part_of_it() -> None:
    envelope = V2.checkpoint(ROOT, 7, SIGNING_TIME)
    assert envelope.endswith("=\n")
    refused(envelope.removesuffix("\n") + "QQ==\n", known(V2), "not signed by the log")


@pytest.mark.parametrize("log", [V1, V2], ids=["v1", "v2"])
def test_a15_a_line_has_the_hint_of_the_logs_key(log: Any) -> None:
    envelope = V1.checkpoint(ROOT, 7) if log is V1 else V2.checkpoint(ROOT, 7, SIGNING_TIME)
    head, encoded = envelope.removesuffix("\n").rsplit(" ", 1)
    raw = base64.b64decode(encoded)
    for other in (b"\0\0\0\0" + raw[4:], raw[4:], raw[:4], b"", SigningKey.generate().key_id[:4] + raw[4:]):
        refused(f"{head} {base64.b64encode(other).decode() or 'A=A'}\n", known(log), "not signed by the log")


def test_a15_a_log_is_known_by_the_id_of_the_root() -> None:
    """A key that the root gives another id says nothing: neither hash of it is that id."""
    foreign = replace(known(V1), log_id=bytes(32))
    refused(V1.checkpoint(ROOT, 7), foreign, "not signed by the log")
    refused(V2.checkpoint(ROOT, 7, SIGNING_TIME), replace(known(V2), log_id=bytes(32)), "not signed by the log")


def test_a_root_may_give_checkpoints_an_id_of_their_own() -> None:
    """sigstore_trustroot.proto, checkpoint_key_id: whole, or the four bytes of signed-note.md."""
    envelope = V2.checkpoint(ROOT, 7, SIGNING_TIME)
    by_key = replace(known(V2), log_id=V2.key.key_id)
    for stated in (V2.log_id, V2.log_id[:4]):
        assert checkpoint.verify(envelope, replace(by_key, checkpoint_id=stated)).size == 7
    refused(envelope, by_key, "not signed by the log")


@pytest.mark.parametrize(
    ("origin", "name", "base_url"),
    [
        ("rekor.private.test - 1", "rekor.private.test", "https://rekor.private.test"),
        ("rekor.private.test - 1", "rekor.private.test", "https://Rekor.Private.Test:8443/prefix"),
        ("Rekor.Private.Test - 1", "Rekor.Private.Test", "https://rekor.private.test"),
        ("rekor.private.test:3000 - 1", "rekor.private.test:3000", "https://rekor.private.test:3000"),
        ("rekor.private.test", "rekor.private.test", "https://rekor.private.test"),
        ("rekor.private.test - 1", "rekor.private.test", ""),  # the root does not say where it is
        ("rekor-server-5d9c7b - 1", "rekor-server-5d9c7b", "https://rekor.private.test"),  # a container's name
        ("0a1b2c3d4e5f - 1", "0a1b2c3d4e5f", "https://rekor.private.test"),
        ("rekor.private.test - 1", "rekor.private.test", "http://127.0.0.1:3000"),  # addresses are not names
        ("rekor.private.test - 1", "rekor.private.test", "http://[::1]:3000"),
        ("rekor.private.test - 1", "rekor.private.test", "http://rekor:3000"),
    ],
)
def test_the_origin_of_rekor_v1_is_the_logs_name_and_a_tree(origin: str, name: str, base_url: str) -> None:
    assert checkpoint.verify(signed(origin, name), known(V1, base_url)).size == 7


@pytest.mark.parametrize(
    ("origin", "name", "base_url"),
    [
        ("rekor.private.test - 1", "other.private.test", "https://rekor.private.test"),  # signed under another name
        ("rekor.private.test - 1", "other.private.test", "https://other.private.test"),
        ("other.private.test - 1", "other.private.test", "https://rekor.private.test"),  # of another log with this key
        ("other.private.test", "other.private.test", "https://rekor.private.test"),
        ("rekor.private.test.evil.test - 1", "rekor.private.test.evil.test", "https://rekor.private.test"),
        ("rekor.private.test - x", "rekor.private.test", "https://rekor.private.test"),
        ("rekor.private.test - ", "rekor.private.test", "https://rekor.private.test"),
        ("rekor.private.test - 1 - 2", "rekor.private.test", "https://rekor.private.test"),
        ("rekor.private.test - \u0661", "rekor.private.test", "https://rekor.private.test"),
        ("x rekor.private.test - 1", "rekor.private.test", "https://rekor.private.test"),
    ],
)
def test_a15_a_checkpoint_of_another_origin_is_refused(origin: str, name: str, base_url: str) -> None:
    refused(signed(origin, name), known(V1, base_url), "is that of")


@pytest.mark.parametrize("origin", ["other.private.test", f"{V2.host} - 1", f"{V2.host}x"])
def test_a15_the_origin_of_rekor_v2_is_in_the_id_of_the_log(origin: str) -> None:
    """Whatever the root's `baseUrl` is: the name that signs must be of the id, and the origin that name."""
    refused(signed(origin, V2.host, V2), known(V2, ""), "is that of")
    refused(signed(origin, origin.partition(" ")[0], V2), known(V2, ""), "is that of|not signed by the log")
    assert checkpoint.verify(signed(V2.host, V2.host, V2), known(V2, "https://elsewhere.test")).size == 7


@pytest.mark.parametrize(
    "edit",
    [
        lambda note: "",
        lambda note: "\n\n",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\n\n", "\n\n\n"),
        lambda note: note.replace("\N{EM DASH}", "-"),
        lambda note: note.rstrip("\n"),
        lambda note: note + "\n",
        lambda note: note + " \n",
        lambda note: "\n" + note,
        lambda note: note.split("\n\n")[0] + "\n\n",
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("\n7\n", "\n-7\n"),
        lambda note: note.replace("\n7\n", "\n\u0667\n"),
        lambda note: note.replace("\n7\n", f"\n{'9' * 19}\n"),
        lambda note: note.replace("\n7\n", "\n"),
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note.replace(" - 1", " - 1\x00"),
        lambda note: note.replace(" - 1", " - 1\x1b[2J"),
        lambda note: "x" * 100_000,
        lambda note: "x\n" * 100_000,
    ],
)
def test_a_checkpoint_that_is_no_signed_note_is_none(edit: Callable[[str], str]) -> None:
    refused(edit(V1.checkpoint(ROOT, 7)), known(V1), "can be read")


def test_a17_a_checkpoint_has_bounds() -> None:
    envelope = V1.checkpoint(ROOT, 7)
    line = signature_line("w", b"abcd", b"x")
    most = envelope + f"{line}\n" * (CHECKPOINT_SIGNATURES - 1)
    assert checkpoint.verify(most, known(V1)).size == 7
    refused(most + f"{line}\n", known(V1), "can be read")
    long = signed("rekor.private.test - 1", V1.host, more="x" * 1000 + "\n")
    assert checkpoint.verify(long, known(V1)).size == 7
    # The signature of a key with a fixed length, so that the note has one too.
    log = TransparencyLog(key=SigningKey.generate("ed25519"))
    room = CHECKPOINT_CHARACTERS - len(signed("rekor.private.test - 1", log.host, log, more="\n"))
    longest = signed("rekor.private.test - 1", log.host, log, more="x" * room + "\n")
    assert len(longest) == CHECKPOINT_CHARACTERS
    assert checkpoint.verify(longest, known(log)).size == 7
    longer = signed("rekor.private.test - 1", log.host, log, more="x" * (room + 1) + "\n")
    refused(longer, known(log), "can be read")


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"])
def test_a_log_of_rekor_v1_may_sign_with_any_accepted_key(algorithm: Any) -> None:
    log = TransparencyLog(key=SigningKey.generate(algorithm))
    assert checkpoint.verify(log.checkpoint(ROOT, 7), known(log)).size == 7
