"""Certificates, their authorities and CT logs, timestamps: each at its time."""

from dataclasses import replace
from datetime import timedelta

from attempts import (
    BUNDLES,
    EVERY,
    KEYLESS,
    KEYLESS_BUNDLES,
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
    CertificateAuthority,
    CtLog,
    PrivateSigstore,
    RekorV2Log,
    TimeRange,
    TimestampAuthority,
    as_version,
)
from sealgate.testing.sigstore.authority import LEAF_LIFETIME
from sealgate.testing.sigstore.encoding import b64, compact_json
from sealgate.testing.sigstore.signing import TIMESTAMP

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def authority(world: PrivateSigstore, *intermediates: TimeRange, valid_for: TimeRange | None = None) -> PrivateSigstore:
    """The same Sigstore with an authority whose intermediates are valid then."""
    made = CertificateAuthority.create(
        start=world.start, end=world.end, intermediates=intermediates, valid_for=valid_for
    )
    return world.with_parts(authority=made)


def timestamps(
    world: PrivateSigstore, *intermediates: TimeRange, valid_for: TimeRange | None = None
) -> PrivateSigstore:
    """The same with a timestamp authority, and with a log that says no time, so that the timestamp is what dates."""
    made = TimestampAuthority.create(start=world.start, end=world.end, intermediates=intermediates, valid_for=valid_for)
    return world.with_parts(timestamp_authority=made, log=RekorV2Log())


# --- good -------------------------------------------------------------------------------------------------------------


@good(*EVERY)
def timestamp_too(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, timestamped=True)


@good(*BUNDLES)
def timestamp_and_no_promise(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, timestamped=True)
    del made.entry["inclusionPromise"]
    return made


@good(*BUNDLES)
def two_timestamp_authorities(world: PrivateSigstore, sign: Sign) -> Attempt:
    second = TimestampAuthority.create(start=world.start, end=world.end)
    return sign(world.with_parts(timestamp_authorities=(world.timestamp_authority, second)), timestamped=True)


@good(*BUNDLES)
def timestamp_authority_below_another(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(timestamps(world, TimeRange(start=world.start)), timestamped=True)


@good(*BUNDLES)
def timestamp_authority_retired_since(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now + SECOND)
    return sign(timestamps(world, valid_for=ended), timestamped=True)


@good(*BUNDLES)
def timestamp_in_the_last_moment_of_its_authority(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now)
    return sign(timestamps(world, valid_for=ended), timestamped=True)


@good(*BUNDLES)
def timestamp_with_its_certificate(world: PrivateSigstore, sign: Sign) -> Attempt:
    made, tsa = sign(world, timestamped=True), world.timestamp_authority
    made.timestamps[0]["signedTimestamp"] = b64(tsa.stamp(made.signature, world.now, certificates=tsa.chain[:1]))
    return made


@good(*KEYLESS)
def root_issues(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(authority(world))


@good(*KEYLESS)
def two_intermediates(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(authority(world, TimeRange(start=world.start), TimeRange(start=world.start)))


@good(*KEYLESS)
def intermediate_expired_since(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(authority(world, TimeRange(start=world.start, end=world.now + DAY)))


@good(*KEYLESS)
def authority_retired_since(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now + SECOND)
    return sign(authority(world, TimeRange(start=world.start), valid_for=ended))


@bad(*SIMPLE[:1], *KEYLESS_BUNDLES)
def root_with_the_authoritys_root_alone(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world)
    if made.simple is None:
        made = replace(made, bundle=as_version(made.document, "0.3", chain=world.authority.chain[:1]))
    chain = made.trusted_root["certificateAuthorities"][0]["certChain"]
    chain["certificates"] = chain["certificates"][-1:]
    return made


@good(*KEYLESS)
def two_ct_logs(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(ct_logs=(*world.ct_logs, CtLog("ctfe-b.private.test"))))


@good(*KEYLESS)
def ct_log_retired_since(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now + SECOND)
    return sign(world.with_parts(ct_logs=(CtLog(valid_for=ended),)))


# --- bad: the certificate and its authority ---------------------------------------------------------------------------


@bad(*KEYLESS)
def authority_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(authority=another(world).authority)).under(world)


@bad(*KEYLESS)
def certificate_expired_when_logged(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, signer=workflow(world), at=world.now + LEAF_LIFETIME + SECOND)


@bad(*KEYLESS)
def certificate_not_yet_valid_when_logged(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world, signer=workflow(world), at=world.now - SECOND)


@bad(*KEYLESS)
def a10_intermediate_expired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(authority(world, TimeRange(start=world.start, end=world.now - SECOND)))


@bad(*KEYLESS)
def a10_upper_intermediate_expired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now - SECOND)
    return sign(authority(world, ended, TimeRange(start=world.start)))


@bad(*KEYLESS)
def authority_retired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now - SECOND)
    return sign(authority(world, TimeRange(start=world.start), valid_for=ended))


# --- bad: CT logs -----------------------------------------------------------------------------------------------------


@bad(*KEYLESS)
def no_sct(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(ct_logs=())).under(world)


@bad(*KEYLESS)
def sct_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(ct_logs=another(world).ct_logs)).under(world)


@bad(*KEYLESS)
def ct_log_retired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    retired = CtLog(valid_for=TimeRange(start=world.start, end=world.now - SECOND))
    return sign(world.with_parts(ct_logs=(retired,))).under(world.with_parts(ct_logs=(*world.ct_logs, retired)))


@bad(*KEYLESS)
def one_sct_of_two_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    return sign(world.with_parts(ct_logs=(*world.ct_logs, *another(world).ct_logs))).under(world)


# --- bad: timestamps --------------------------------------------------------------------------------------------------


@bad(*BUNDLES)
def timestamp_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    foreign = world.with_parts(timestamp_authority=another(world).timestamp_authority)
    return sign(foreign, timestamped=True).under(world)


@bad(*KEYLESS_BUNDLES)
def rekor_v2_and_a_timestamp_of_another_sigstore(world: PrivateSigstore, sign: Sign) -> Attempt:
    v2 = world.with_parts(log=RekorV2Log())
    return sign(v2.with_parts(timestamp_authority=another(world).timestamp_authority), timestamped=True).under(v2)


@bad(*BUNDLES)
def timestamp_over_something_else(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, timestamped=True)
    made.timestamps[0]["signedTimestamp"] = b64(world.timestamp_authority.stamp(b"something else", world.now))
    return made


@bad(*BUNDLES)
def timestamp_changed(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, timestamped=True)
    made.timestamps[0]["signedTimestamp"] = flipped(made.timestamps[0]["signedTimestamp"])
    return made


@bad(*KEYLESS_BUNDLES)
def a9_timestamp_authority_retired_before(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now - SECOND)
    return sign(timestamps(world, valid_for=ended), timestamped=True)


@bad(*KEYLESS_BUNDLES)
def a9_another_timestamp_authority_has_the_window(world: PrivateSigstore, sign: Sign) -> Attempt:
    ended = TimeRange(start=world.start, end=world.now - SECOND)
    retired = timestamps(world, valid_for=ended)
    both = (retired.timestamp_authority, world.timestamp_authority)
    return sign(retired, timestamped=True).under(retired.with_parts(timestamp_authorities=both))


@bad(*KEYLESS)
def a4_timestamp_outside_the_certificate(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, timestamped=True)
    late = world.timestamp_authority.stamp(made.signature, world.now + LEAF_LIFETIME + SECOND)
    if made.simple is None:
        made.timestamps[0]["signedTimestamp"] = b64(late)
        return made
    annotations = {**made.simple.annotations, TIMESTAMP: compact_json({"SignedRFC3161Timestamp": b64(late)}).decode()}
    return replace(made, simple=replace(made.simple, annotations=annotations))


@bad(*KEYLESS_BUNDLES)
def a4_good_timestamp_and_one_outside_the_certificate(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world.with_parts(log=RekorV2Log()), timestamped=True)
    late = world.timestamp_authority.stamp(made.signature, world.now + LEAF_LIFETIME + SECOND)
    made.timestamps.append({"signedTimestamp": b64(late)})
    return made


@bad(*KEYLESS_BUNDLES)
def a8_certificate_of_another_in_front(world: PrivateSigstore, sign: Sign) -> Attempt:
    """Stamped by an authority nobody trusts, with the trusted one's certificate beside its own."""
    v2, foreign = world.with_parts(log=RekorV2Log()), another(world).timestamp_authority
    made = sign(v2, timestamped=True)
    listed = (world.timestamp_authority.leaf, *foreign.chain)
    made.timestamps[0]["signedTimestamp"] = b64(foreign.stamp(made.signature, world.now, certificates=listed))
    return made


@bad(*BUNDLES)
def timestamp_of_garbage(world: PrivateSigstore, sign: Sign) -> Attempt:
    made = sign(world, timestamped=True)
    made.timestamps[0]["signedTimestamp"] = b64(b"no timestamp")
    return made
