"""What a transparency log vouches for, over trees of many sizes and entries of every shape."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.adapters.keys import read_spki
from sealgate.adapters.signatures import transparency_log
from sealgate.adapters.signatures.log_entry import LogEntry, parse_annotation, parse_entry
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import LogKey, TrustedRootFile, Window
from sealgate.errors import Malformed, PayloadMalformed
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import LoggedEntry, LogProof
from sealgate.limits import PROOF_HASHES
from sealgate.testing.sigstore import SigningKey, merkle
from sealgate.testing.sigstore.encoding import JsonObject, b64, without_defaults
from sealgate.testing.sigstore.fixtures import SIGNING_TIME
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.signing import promise_of
from sealgate.testing.sigstore.transparency_log import TransparencyLog

LOG = TransparencyLog()
V2 = RekorV2Log()
NOW = SIGNING_TIME + timedelta(days=1)
WINDOW = Window(start=SIGNING_TIME - timedelta(days=1), end=None)


def keys(log: TransparencyLog | RekorV2Log = LOG, window: Window = WINDOW) -> Mapping[bytes, LogKey]:
    known = LogKey(log_id=log.log_id, key=read_spki(log.key.spki), window=window, base_url=log.url)
    return {log.log_id: known}


def entry(log: TransparencyLog = LOG) -> JsonObject:
    return log.append({"kind": "dsse", "apiVersion": "0.0.1", "spec": {}}, SIGNING_TIME)


def v2_entry() -> JsonObject:
    return V2.append({"kind": "hashedrekord", "apiVersion": "0.0.2", "spec": {}}, SIGNING_TIME)


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


def test_a15_a_checkpoint_is_that_of_the_very_tree() -> None:
    """A genuine one of another root, or of another size, or none, is not enough."""
    document = entry()
    proof = document["inclusionProof"]
    root, size = base64.b64decode(proof["rootHash"]), int(proof["treeSize"])
    for checkpoint in (LOG.checkpoint(bytes(32), size), LOG.checkpoint(root, size + 1), LOG.checkpoint(root, 0), ""):
        proof["checkpoint"]["envelope"] = checkpoint
        refused(document, Reason.LOG_CHECKPOINT_INVALID)
    del proof["checkpoint"]
    refused(document, Reason.LOG_CHECKPOINT_INVALID)


def test_a15_a_root_hash_counts_for_nothing_unsigned() -> None:
    document, mine = entry(), TransparencyLog()
    body = base64.b64decode(document["canonicalizedBody"])
    mine.bodies = [body]
    document["inclusionProof"] = mine.inclusion_proof(0)
    refused(document, Reason.LOG_CHECKPOINT_INVALID)


def test_an_entry_of_rekor_v2_has_a_place_and_no_time() -> None:
    document = v2_entry()
    document["integratedTime"] = str(int(SIGNING_TIME.timestamp()))  # nobody's word
    logged = verify(document, keys(V2))
    assert (logged.proof, logged.at, logged.promised) == (LogProof.INCLUSION, None, None)
    assert logged.index == int(document["logIndex"])
    assert logged.log == keys(V2)[V2.log_id]


@pytest.mark.parametrize("place", ["logIndex", "inclusionProof"])
def test_a5_the_place_of_an_entry_is_that_of_its_proof(place: str) -> None:
    """Where a log is one tree: the index that people look an entry up by is proven with it."""
    document = v2_entry()
    v2_entry()
    if place == "logIndex":
        document["logIndex"] = str(int(document["logIndex"]) + 1)
    else:
        document["inclusionProof"] = V2.inclusion_proof(len(V2.bodies) - 1, SIGNING_TIME)
    refused(document, Reason.LOG_PROOF_INVALID, keys(V2))


def test_a_place_in_one_of_several_trees_is_none_in_the_log() -> None:
    """Rekor v1 has trees before this one: only its promise says which place in the log an entry has."""
    document = entry()
    assert verify(document).index == int(document["logIndex"])
    del document["inclusionPromise"]
    document["logIndex"] = "1"
    assert verify(document).index is None


def test_the_first_entry_of_a_log_is_proven_without_a_hash() -> None:
    """protojson leaves index 0, tree place 0 and the empty list out."""
    for log in (TransparencyLog(fresh=True), RekorV2Log(fresh=True)):
        body = {"kind": "dsse", "apiVersion": "0.0.1", "spec": {}}
        document = without_defaults(log.append(body, SIGNING_TIME))
        assert "logIndex" not in document
        assert verify(document, keys(log)).index == 0


@pytest.mark.parametrize("field", ["logIndex", "integratedTime"])
@pytest.mark.parametrize("proven", [True, False])
def test_a3_index_and_time_are_the_promises(field: str, proven: bool) -> None:
    """Both are refused, not ignored, where they were changed; also beside a proof that holds."""
    document = entry()
    if not proven:
        del document["inclusionProof"]
    document[field] = str(int(document[field]) - 1)
    refused(document, Reason.LOG_PROMISE_INVALID)


def test_a2_a_promise_of_somebody_else_is_none() -> None:
    document, foreign = entry(), TransparencyLog()
    body, index = base64.b64decode(document["canonicalizedBody"]), int(document["logIndex"])
    seconds = int(document["integratedTime"])
    # One by another log's key, under this log's name; one over another entry; one over nothing that there is.
    forged = TransparencyLog(key=foreign.key)
    for promise in (
        forged.promise(body, index, seconds),
        LOG.promise(body + b" ", index, seconds),
        LOG.promise(body, index + 1, seconds),
        LOG.promise(body, index, seconds + 1),
        b"x",
    ):
        document["inclusionPromise"]["signedEntryTimestamp"] = b64(promise)
        refused(document, Reason.LOG_PROMISE_INVALID)
        without = {key: value for key, value in document.items() if key != "inclusionProof"}
        refused(without, Reason.LOG_PROMISE_INVALID)


@pytest.mark.parametrize(("ahead", "fine"), [(-1, True), (0, True), (1, False), (5, False), (3600, False)])
def test_a5_a_log_does_not_take_things_in_the_future(ahead: int, fine: bool) -> None:
    document = LOG.append({"kind": "dsse", "apiVersion": "0.0.1"}, NOW + timedelta(seconds=ahead))
    if fine:
        assert verify(document).at == NOW + timedelta(seconds=ahead)
    else:
        refused(document, Reason.SIGNED_IN_THE_FUTURE)


def test_a6_a_log_is_its_key() -> None:
    """Under whatever id the root names it: two entries of one key are of one log."""
    document = entry()
    log = keys()[LOG.log_id]
    assert verify(document).log.key.fingerprint == LOG.key.fingerprint
    again = replace(log, log_id=b"another id")
    renamed = {**document, "logId": {"keyId": b64(b"another id")}}
    del renamed["inclusionPromise"]
    with pytest.raises(Rejected):  # its checkpoints have not that id
        verify(renamed, {b"another id": again})
    logged = verify(renamed, {b"another id": replace(again, checkpoint_id=LOG.log_id)})
    assert logged.log.key.fingerprint == LOG.key.fingerprint


def test_a16_keys_come_from_the_root_alone() -> None:
    for log in (TransparencyLog(), RekorV2Log()):
        refused(log.append({"kind": "dsse", "apiVersion": "0.0.1"}, SIGNING_TIME), Reason.LOG_CHECKPOINT_INVALID)


def test_a20_the_window_of_a_log_is_for_the_engine_to_ask() -> None:
    """What comes back names the log with its window, so that it can be asked for at every verified time."""
    window = Window(start=NOW, end=NOW)
    assert verify(entry(), keys(window=window)).log.window == window


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
    logged = transparency_log.verify(annotation, keys(), NOW)
    assert logged.proof is LogProof.PROMISE
    leaf = merkle.leaf_hash(annotation.body)
    assert logged.promised == LoggedEntry(log=LOG.key.fingerprint, index=annotation.index, leaf=leaf)


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


def test_the_recorded_entry_of_the_public_log_verifies(corpus: Path) -> None:
    """With the origin that the public good instance really writes."""
    document = json.loads((corpus / "signature.bundle.json").read_bytes())["verificationMaterial"]["tlogEntries"][0]
    root = TrustedRootFile.public_good()
    logged = transparency_log.verify(parse_entry(document), root.logs, NOW)
    assert (logged.proof, logged.index) == (LogProof.INCLUSION, int(document["logIndex"]))
    assert logged.log.base_url == "https://rekor.sigstore.dev"
    checkpoint = document["inclusionProof"]["checkpoint"]
    checkpoint["envelope"] = checkpoint["envelope"].replace(" - 1193050959916656506", " - 1193050959916656507")
    refused(document, Reason.LOG_CHECKPOINT_INVALID, root.logs)
