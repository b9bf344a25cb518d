"""Transparency logs: Rekor v1 in all its kinds, Rekor v2, several, retired ones; and entries that do not fit."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from attempts import (
    BUNDLES,
    ENVELOPES,
    EVERY,
    IDENTITY,
    ISSUER,
    KEYED,
    KEYLESS,
    KEYLESS_BUNDLES,
    MESSAGES,
    OTHER,
    SIMPLE,
    Attempt,
    Sign,
    another,
    bad,
    flipped,
    good,
    workflow,
)

from sealgate.testing.sigstore import (
    PrivateSigstore,
    RekorV2Log,
    SigningKey,
    TimeRange,
    TransparencyLog,
    Witness,
    as_version,
)
from sealgate.testing.sigstore.encoding import JsonObject, b64, compact_json
from sealgate.testing.sigstore.signed_note import checkpoint_text, key_hash, signature_line, signed_note
from sealgate.testing.sigstore.signing import LOG_ENTRY

DAY = timedelta(days=1)

# --- good: Rekor v1 ---------------------------------------------------------------------------------------------------


@good(*BUNDLES)
def log_that_grew(world: PrivateSigstore, sign: Sign) -> Attempt:
    for _ in range(5):
        sign(world)
    made = sign(world)
    in_tree = int(made.entry["inclusionProof"]["logIndex"])
    sign(world)
    made.entry["inclusionProof"] = world.log.inclusion_proof(in_tree)
    return made


@good(*BUNDLES)
def log_of_one_entry(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(log=TransparencyLog(fresh=True)))


@good(*ENVELOPES)
def intoto_001(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, entry_kind="intoto/0.0.1")


@good(*ENVELOPES)
def intoto_002(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, entry_kind="intoto/0.0.2")


@good(*MESSAGES, *SIMPLE)
def rekord_001(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, entry_kind="rekord/0.0.1")


@good(*BUNDLES)
def promise_alone_in_a_bundle_of_version_01(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    del made.entry["inclusionProof"]
    return replace(made, bundle=as_version(made.document, "0.1"), promise=True)


# --- good: Rekor v2, and several --------------------------------------------------------------------------------------


def in_rekor_v2(world: PrivateSigstore, sign: Sign, log: RekorV2Log | None = None) -> Attempt:
    return sign(world.with_parts(log=log or RekorV2Log()), timestamped=True)


@good(*BUNDLES)
def rekor_v2(world: PrivateSigstore, sign: Sign) -> Attempt:
    return in_rekor_v2(world, sign)


@good(*BUNDLES)
def rekor_v2_with_an_ecdsa_key(world: PrivateSigstore, sign: Sign) -> Attempt:
    return in_rekor_v2(world, sign, RekorV2Log(key=SigningKey.generate("ecdsa-p256")))


@good(*BUNDLES)
def rekor_v2_cosigned(world: PrivateSigstore, sign: Sign) -> Attempt:
    return in_rekor_v2(world, sign, RekorV2Log(witnesses=[Witness(), Witness("witness2.private.test")]))


@good(*BUNDLES)
def rekor_v2_of_one_entry(world: PrivateSigstore, sign: Sign) -> Attempt:
    return in_rekor_v2(world, sign, RekorV2Log(fresh=True))


@good(*(shape for shape in BUNDLES if not shape.keyless))
def rekor_v2_without_a_timestamp(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(log=RekorV2Log()))


@good(*BUNDLES)
def two_logs(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(logs=(world.log, TransparencyLog("rekor-b.private.test"))))


@good(*BUNDLES)
def rekor_v1_and_v2(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(logs=(world.log, RekorV2Log())), timestamped=True)


@bad(*BUNDLES)
def a6_one_entry_twice(world: PrivateSigstore, sign: Sign) -> Attempt:
    """It is the word of one log, however often it is there."""
    made = sign(world)
    made.material["tlogEntries"] *= 2
    return made


@good(*BUNDLES)
def kind_beside_the_entry_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    """It is in the signed body too, and counts only there (attacks A14)."""
    made = sign(world)
    made.entry["kindVersion"] = {"kind": "rekord", "version": "0.0.1"}
    return made


@good(*EVERY)
def log_retired_since(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(log=TransparencyLog(valid_for=TimeRange(start=world.start, end=world.now))))


@good(*KEYLESS_BUNDLES)
def rekor_v2_retired_since(world: PrivateSigstore, sign: Sign) -> Attempt:
    return in_rekor_v2(world, sign, RekorV2Log(valid_for=TimeRange(start=world.start, end=world.now)))


# --- bad: the window of a log's key -----------------------------------------------------------------------------------


@bad(*EVERY)
def log_retired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now - timedelta(seconds=1))
    retired = TransparencyLog(valid_for=ended)
    return sign(world.with_parts(log=retired)).under(world.with_parts(logs=(world.log, retired)))


@bad(*EVERY)
def log_not_yet_trusted(world: PrivateSigstore, sign: Sign) -> Attempt:
    later = TimeRange(start=world.now + timedelta(seconds=1))
    return sign(world.with_parts(log=TransparencyLog(valid_for=later)))


@bad(*KEYLESS_BUNDLES)
def rekor_v2_retired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now - timedelta(seconds=1))
    return in_rekor_v2(world, sign, RekorV2Log(valid_for=ended))


# --- bad: entries of something else -----------------------------------------------------------------------------------


@bad(*EVERY)
def a1_entry_of_another_image(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    return made.with_entries_of(sign(world, subject=OTHER, signer=made.key or workflow(world)))


@bad(*EVERY)
def a1_entry_of_another_signature_by_the_same(world: PrivateSigstore, sign: Sign) -> Attempt:
    signer = workflow(world) if sign.keyless else SigningKey.generate()
    return sign(world, signer=signer).with_entries_of(sign(world, signer=signer))


@bad(*EVERY)
def a1_entry_of_another_signer(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world).with_entries_of(sign(world))


@bad(*BUNDLES)
def a1_rekor_v2_entry_of_another_image(world: PrivateSigstore, sign: Sign) -> Attempt:
    v2 = world.with_parts(log=RekorV2Log())
    made = sign(v2, timestamped=True)
    return made.with_entries_of(sign(v2, subject=OTHER, signer=made.key or workflow(world)))


@bad(*BUNDLES)
def a1_rekor_v2_entry_of_another_signer(world: PrivateSigstore, sign: Sign) -> Attempt:
    v2 = world.with_parts(log=RekorV2Log())
    return sign(v2, timestamped=True).with_entries_of(sign(v2))


@bad(*ENVELOPES)
def a1_intoto_001_entry_of_another_signature(world: PrivateSigstore, sign: Sign) -> Attempt:
    signer = workflow(world) if sign.keyless else SigningKey.generate()
    made = sign(world, signer=signer, entry_kind="intoto/0.0.1")
    return made.with_entries_of(sign(world, signer=signer, entry_kind="intoto/0.0.1"))


@bad(*ENVELOPES)
def a1_intoto_002_entry_of_another_image(world: PrivateSigstore, sign: Sign) -> Attempt:
    signer = workflow(world) if sign.keyless else SigningKey.generate()
    made = sign(world, signer=signer, entry_kind="intoto/0.0.2")
    return made.with_entries_of(sign(world, subject=OTHER, signer=signer, entry_kind="intoto/0.0.2"))


@bad(*BUNDLES)
def a1_second_entry_of_another_image(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    foreign = sign(world, subject=OTHER, signer=made.key or workflow(world))
    made.material["tlogEntries"].append(foreign.entry)
    return made


@bad(*EVERY)
def entry_missing(world: PrivateSigstore, sign: Sign) -> Attempt:
    return replace(sign(world, logged=False), logged=True)


@bad(*EVERY)
def log_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(log=another(world).log)).under(world)


@bad(*BUNDLES)
def second_log_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(logs=(world.log, another(world).log))).under(world)


# --- bad: what the log signed -----------------------------------------------------------------------------------------


def promised(attempt: Attempt, edit: Callable[[JsonObject], None]) -> Attempt:
    """Edit what the annotation keeps of an entry."""
    assert attempt.simple is not None
    entry = json.loads(attempt.simple.annotations[LOG_ENTRY])
    edit(entry)
    annotations = {**attempt.simple.annotations, LOG_ENTRY: compact_json(entry).decode()}
    return replace(attempt, simple=replace(attempt.simple, annotations=annotations))


@bad(*EVERY)
def body_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world).with_body(lambda body: body["spec"].update(more="than was logged"))


@bad(*EVERY)
def promise_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    if made.simple is not None:
        return promised(made, lambda entry: entry.update(SignedEntryTimestamp=flipped(entry["SignedEntryTimestamp"])))
    made.entry["inclusionPromise"]["signedEntryTimestamp"] = flipped(
        made.entry["inclusionPromise"]["signedEntryTimestamp"]
    )
    return made


@bad(*EVERY)
def a2_promise_over_another_index(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    if made.simple is not None:
        return promised(made, lambda entry: entry["Payload"].update(logIndex=entry["Payload"]["logIndex"] + 1))
    made.entry["logIndex"] = str(int(made.entry["logIndex"]) + 1)
    return made


@bad(*EVERY)
def a3_promise_over_another_time(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    if made.simple is not None:
        moved = int(world.now.timestamp()) + 1
        return promised(made, lambda entry: entry["Payload"].update(integratedTime=moved))
    made.entry["integratedTime"] = str(int(made.entry["integratedTime"]) + 1)
    return made


@bad(*KEYLESS_BUNDLES)
def a3_time_without_a_promise(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    del made.entry["inclusionPromise"]
    return made


@bad(*KEYLESS_BUNDLES)
def rekor_v2_without_a_time(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(log=RekorV2Log()))


@bad(*KEYLESS_BUNDLES)
def a3_rekor_v2_with_a_time_that_nobody_signed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world.with_parts(log=RekorV2Log()))
    made.entry["integratedTime"] = str(int(world.now.timestamp()))
    return made


@bad(*BUNDLES)
def a14_promise_alone_where_a_proof_is_demanded(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    del made.entry["inclusionProof"]
    return replace(made, bundle=as_version(made.document, "0.1"))


@bad(*BUNDLES)
def neither_promise_nor_proof(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    del made.entry["inclusionProof"]
    del made.entry["inclusionPromise"]
    return replace(made, bundle=as_version(made.document, "0.1"))


@bad(*BUNDLES)
def proof_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    hashes = made.entry["inclusionProof"]["hashes"]
    hashes[0] = flipped(hashes[0])
    return made


@bad(*BUNDLES)
def proof_of_another_place(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    made.entry["inclusionProof"]["logIndex"] = "1"
    return made


@bad(*BUNDLES)
def a15_root_hash_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    proof = made.entry["inclusionProof"]
    proof["rootHash"] = flipped(proof["rootHash"])
    return made


def with_checkpoint(attempt: Attempt, envelope: str) -> Attempt:
    attempt.entry["inclusionProof"]["checkpoint"]["envelope"] = envelope
    return attempt


def tree(attempt: Attempt) -> tuple[bytes, int]:
    proof = attempt.entry["inclusionProof"]
    return base64.b64decode(proof["rootHash"]), int(proof["treeSize"])


@bad(*BUNDLES)
def a15_no_checkpoint(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    del made.entry["inclusionProof"]["checkpoint"]
    return made


@bad(*BUNDLES)
def a15_checkpoint_of_another_tree(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    return with_checkpoint(made, world.log.checkpoint(bytes(32), tree(made)[1]))


@bad(*BUNDLES)
def a15_checkpoint_of_another_size(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    root, size = tree(made)
    return with_checkpoint(made, world.log.checkpoint(root, size + 1))


@bad(*BUNDLES)
def a15_checkpoint_signed_by_another_log(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    return with_checkpoint(made, another(world).log.checkpoint(*tree(made)))


@bad(*BUNDLES)
def a15_checkpoint_with_another_hint(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    text, _, _ = made.entry["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")
    text += "\n"
    line = signature_line(world.log.host, bytes(4), world.log.key.sign(text.encode()))
    return with_checkpoint(made, signed_note(text, line))


@bad(*BUNDLES)
def a15_rekor_v2_checkpoint_of_another_tree(world: PrivateSigstore, sign: Sign) -> Attempt:
    log = RekorV2Log()
    made = in_rekor_v2(world, sign, log)
    return with_checkpoint(made, log.checkpoint(bytes(32), tree(made)[1], world.now))


@bad(*BUNDLES)
def a15_rekor_v2_checkpoint_signed_by_a_witness_alone(world: PrivateSigstore, sign: Sign) -> Attempt:
    log = RekorV2Log(witnesses=[Witness()])
    made = in_rekor_v2(world, sign, log)
    text, _, lines = made.entry["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")
    return with_checkpoint(made, signed_note(f"{text}\n", lines.splitlines()[1]))


@bad(*BUNDLES)
def a15_rekor_v2_checkpoint_by_another_key_of_the_name(world: PrivateSigstore, sign: Sign) -> Attempt:
    log = RekorV2Log()
    made = in_rekor_v2(world, sign, log)
    return with_checkpoint(made, RekorV2Log(log.host).checkpoint(*tree(made), world.now))


@bad(*BUNDLES)
def a15_rekor_v2_checkpoint_of_another_origin(world: PrivateSigstore, sign: Sign) -> Attempt:
    """Signed with the log's own key, for a tree of another name: whose tree it is, stands in its first line alone."""
    log = RekorV2Log()
    made = in_rekor_v2(world, sign, log)
    root, size = tree(made)
    text = checkpoint_text("elsewhere.private.test", size, root)
    line = signature_line(log.host, key_hash(log.host, log.key), log.key.sign(text.encode()))
    return with_checkpoint(made, signed_note(text, line))


@bad(*BUNDLES)
def rekor_v2_body_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    return in_rekor_v2(world, sign).with_body(lambda body: body.update(more="than was logged"))


@bad(*BUNDLES)
def rekor_v2_proof_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = in_rekor_v2(world, sign)
    hashes = made.entry["inclusionProof"]["hashes"]
    hashes[0] = flipped(hashes[0])
    return made


@bad(*BUNDLES)
def entry_of_an_unknown_kind(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    made.material["tlogEntries"] = [world.log.append({"kind": "jar", "apiVersion": "0.0.1", "spec": {}}, world.now)]
    return made


@bad(*BUNDLES)
def log_id_of_another_trusted_log(world: PrivateSigstore, sign: Sign) -> Attempt:
    second = TransparencyLog("rekor-b.private.test")
    made = sign(world).under(world.with_parts(logs=(world.log, second)))
    made.entry["logId"]["keyId"] = b64(second.log_id)
    return made


@bad(*KEYLESS)
def a5_logged_in_the_future(world: PrivateSigstore, sign: Sign) -> Attempt:
    future = world.now + 3000 * DAY
    signer = world.keyless(identity=IDENTITY, issuer=ISSUER, at=future)
    return sign(world, signer=signer, at=future)


@bad(*KEYED)
def a5_logged_in_the_future_with_a_key(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, at=world.now + 3000 * DAY)
