"""What a transparency log vouches for, over trees of many sizes and entries of every shape."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.adapters.keys import read_spki
from sealgate.adapters.signatures import transparency_log
from sealgate.adapters.signatures.log_entry import LogEntry, parse_annotation, parse_entry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey, Window
from sealgate.errors import Malformed, PayloadMalformed
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import LogProof
from sealgate.limits import PROOF_HASHES
from sealgate.testing.sigstore import SigningKey, merkle
from sealgate.testing.sigstore.encoding import JsonObject, b64
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.signing import promise_of
from sealgate.testing.sigstore.transparency_log import TransparencyLog

LOG = TransparencyLog()
NOW = SIGNING_TIME + timedelta(days=1)
WINDOW = Window(start=SIGNING_TIME - timedelta(days=1), end=None)


def keys(log: TransparencyLog = LOG, window: Window = WINDOW) -> Mapping[bytes, LogKey]:
    return {log.key.key_id: LogKey(log_id=log.key.key_id, key=read_spki(log.key.spki), window=window)}


def entry(log: TransparencyLog = LOG) -> JsonObject:
    return log.append({"kind": "dsse", "apiVersion": "0.0.1", "spec": {}}, SIGNING_TIME)


def verify(document: JsonObject, logs: Mapping[bytes, LogKey] | None = None) -> transparency_log.Logged:
    return transparency_log.verify(parse_entry(document), logs or keys(), NOW)


def refused(document: JsonObject, reason: Reason, logs: Mapping[bytes, LogKey] | None = None) -> None:
    with pytest.raises(Rejected) as bad:
        verify(document, logs)
    assert bad.value.reason is reason, bad.value.detail


def proven_by(proof: JsonObject, body: bytes) -> JsonObject:
    return {"logId": {"keyId": b64(LOG.key.key_id)}, "inclusionProof": proof, "canonicalizedBody": b64(body)}


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33])
def test_every_leaf_of_every_tree_is_proven_and_no_other(size: int) -> None:
    log = TransparencyLog(key=LOG.key)
    log.bodies = [b"leaf %d" % number for number in range(size)]
    for index in range(size):
        proof = log.inclusion_proof(index)
        for place, body in enumerate(log.bodies):
            if place == index:
                assert verify(proven_by(proof, body)).proof is LogProof.INCLUSION
            else:
                refused(proven_by(proof, body), Reason.LOG_PROOF_INVALID)


@given(size=st.integers(1, 40), index=st.integers(0, 45), stated=st.integers(0, 45), extra=st.integers(-2, 2))
def test_a_proof_fits_its_tree(size: int, index: int, stated: int, extra: int) -> None:
    """Too many hashes, too few, or those of another place lead nowhere."""
    log = TransparencyLog(key=LOG.key)
    log.bodies = [b"leaf %d" % number for number in range(size)]
    leaf = index % size
    path = merkle.inclusion_path(leaf, log.bodies)
    hashes = path[:extra] if extra < 0 else path + [bytes(32)] * extra
    root = merkle.root_hash(log.bodies)
    proof = {
        "logIndex": index,
        "treeSize": stated,
        "rootHash": b64(root),
        "hashes": [b64(node) for node in hashes],
        "checkpoint": {"envelope": log.checkpoint(root, stated)},
    }
    document = proven_by(proof, log.bodies[leaf])
    if (index, stated, hashes) == (leaf, size, path):
        assert verify(document).proof is LogProof.INCLUSION
    elif stated == size:
        refused(document, Reason.LOG_PROOF_INVALID)
    else:  # in a tree of another size the same path can lead to the same root; it must not with other hashes
        try:
            verify(document)
        except Rejected:
            return
        assert hashes == path


@pytest.mark.parametrize(
    ("place", "size", "stated_place", "stated_size"),
    [
        (0, 1, 0, 5),  # a path that ends below the root of a tree of that size
        (1, 2, 0, 1),  # one that goes on above it
    ],
)
def test_a_path_has_the_length_that_its_tree_asks_for(
    place: int, size: int, stated_place: int, stated_size: int
) -> None:
    """Even where the log signs a root of that size."""
    log = TransparencyLog(key=LOG.key)
    log.bodies = [b"leaf %d" % number for number in range(size)]
    root = merkle.root_hash(log.bodies)
    proof = {
        "logIndex": stated_place,
        "treeSize": stated_size,
        "rootHash": b64(root),
        "hashes": [b64(node) for node in merkle.inclusion_path(place, log.bodies)],
        "checkpoint": {"envelope": log.checkpoint(root, stated_size)},
    }
    refused(proven_by(proof, log.bodies[place]), Reason.LOG_PROOF_INVALID)


@pytest.mark.parametrize("number", [-1, "-1", "01", "+1", " 1", "\u0661", "", 1.0, True, "9" * 19, [], {}])
def test_a_number_is_a_number(number: object) -> None:
    with pytest.raises(PayloadMalformed, match="logIndex is not a number"):
        parse_entry({**entry(), "logIndex": number})


def test_a_proof_has_a_bound() -> None:
    document = entry()
    document["inclusionProof"]["hashes"] = [b64(bytes(32))] * (PROOF_HASHES + 1)
    with pytest.raises(PayloadMalformed, match="at most"):
        parse_entry(document)


@pytest.mark.parametrize(
    "edit",
    [
        lambda note: "",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\N{EM DASH}", "-"),
        lambda note: note.rstrip("\n"),
        lambda note: note + "\n",
        lambda note: note.replace("rekor", "other"),
        lambda note: note.split("\n\n")[0] + "\n\n",
        lambda note: note.split("\n\n")[0] + "\n\n\N{EM DASH} rekor.private.test AAAA\n",
        lambda note: note.split("\n\n")[0] + "\n\n\N{EM DASH} rekor.private.test A=A\n",
        lambda note: "x" * 100_000,
        lambda note: "x\n" * 100_000,
    ],
)
def test_a_checkpoint_of_another_form_or_content_is_none(edit: Any) -> None:
    document = entry()
    checkpoint = document["inclusionProof"]["checkpoint"]
    checkpoint["envelope"] = edit(checkpoint["envelope"])
    refused(document, Reason.LOG_CHECKPOINT_INVALID)


def test_a_checkpoint_may_have_witnesses_and_lines_of_its_own() -> None:
    document = entry()
    proof = document["inclusionProof"]
    note = f"some host - 77\n{proof['treeSize']}\n{proof['rootHash']}\nTimestamp: 1689177396617352539\n"
    signature = b64(LOG.key.key_id[:4] + LOG.key.sign(note.encode()))
    witness = b64(b"abcd" + SigningKey.generate().sign(note.encode()))
    proof["checkpoint"]["envelope"] = (
        f"{note}\n\N{EM DASH} witness.example {witness}\n\N{EM DASH} some.host {signature}\n"
    )
    assert verify(document).proof is LogProof.INCLUSION
    proof["checkpoint"]["envelope"] = f"{note}\n\N{EM DASH} witness.example {witness}\n"
    refused(document, Reason.LOG_CHECKPOINT_INVALID)


@pytest.mark.parametrize("algorithm", ["ecdsa-p384", "rsa-2048", "ed25519"])
def test_a_log_may_sign_with_any_accepted_key(algorithm: Any) -> None:
    log = TransparencyLog(key=SigningKey.generate(algorithm))
    assert verify(entry(log), keys(log)).at == SIGNING_TIME


def test_a_time_past_all_calendars_is_to_come() -> None:
    document = entry()
    body = base64.b64decode(document["canonicalizedBody"])
    seconds = 10**17
    document["integratedTime"] = str(seconds)
    document["inclusionPromise"]["signedEntryTimestamp"] = b64(LOG.promise(body, int(document["logIndex"]), seconds))
    refused(document, Reason.SIGNED_IN_THE_FUTURE)


def test_a_log_is_known_by_its_id() -> None:
    """Also where its key did sign: what a log is called is part of what is claimed."""
    document = entry()
    document["logId"]["keyId"] = b64(bytes(32))
    del document["inclusionPromise"]
    refused(document, Reason.LOG_CHECKPOINT_INVALID)


def test_an_entry_that_nothing_proves_is_none() -> None:
    document = entry()
    del document["inclusionPromise"], document["inclusionProof"]
    refused(document, Reason.LOG_PROMISE_INVALID)


def test_both_forms_of_an_entry_say_the_same() -> None:
    document = entry()
    annotation = parse_annotation(json.dumps(promise_of(document)))
    assert annotation == replace(parse_entry(document), proof=None)
    assert transparency_log.verify(annotation, keys(), NOW).proof is LogProof.PROMISE


JUNK = [None, 7, -1, "x", "-1", "01", "9" * 19, 1.5, True, [], {}, [1], {"a": 1}]
PLACES = [
    ("logIndex",),
    ("logId",),
    ("logId", "keyId"),
    ("integratedTime",),
    ("inclusionPromise",),
    ("inclusionPromise", "signedEntryTimestamp"),
    ("inclusionProof",),
    ("inclusionProof", "logIndex"),
    ("inclusionProof", "treeSize"),
    ("inclusionProof", "rootHash"),
    ("inclusionProof", "hashes"),
    ("inclusionProof", "hashes", 0),
    ("inclusionProof", "checkpoint"),
    ("inclusionProof", "checkpoint", "envelope"),
    ("canonicalizedBody",),
]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_in_an_entry_proves_nothing(place: tuple[Any, ...], junk: object) -> None:
    document: Any = entry(TransparencyLog(key=LOG.key))
    good = verify(document)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    try:
        found: LogEntry = parse_entry(document)
        logged = transparency_log.verify(found, keys(), NOW)
    except (Rejected, Malformed):
        return
    # Absent is allowed: what is left still proves what it proves.
    assert junk is None or (place == ("inclusionPromise",) and isinstance(junk, dict))
    assert place in {("inclusionPromise",), ("inclusionPromise", "signedEntryTimestamp"), ("inclusionProof",)} or (
        logged == good
    )
    assert logged.at in (None, good.at)
    assert logged.index in (None, good.index)
