"""Timestamps: whose word they are, over what, and when it counted."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.adapters.signatures import certificate_chain, timestamp
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import Authority, Window
from sealgate.evidence.reason import Reason
from sealgate.limits import CHAIN_CERTIFICATES
from sealgate.testing.sigstore import (
    CertificateAuthority,
    PrivateSigstore,
    SigningKey,
    TimeRange,
    TimestampAuthority,
    der,
)
from sealgate.testing.sigstore.certificates import issued_by, key_usage

SIGNATURE = b"a signature"


@pytest.fixture
def at(private_sigstore: PrivateSigstore) -> datetime:
    return private_sigstore.now


@pytest.fixture
def tsa(private_sigstore: PrivateSigstore) -> TimestampAuthority:
    return private_sigstore.timestamp_authority


def trusted(tsa: TimestampAuthority, *, start: datetime | None = None, end: datetime | None = None) -> Authority:
    return Authority(certificates=tsa.chain, window=Window(start=start or tsa.leaf.not_valid_before_utc, end=end))


def refused(reason: Reason, told: str = ".") -> Any:
    return pytest.raises(Rejected, match=told, check=lambda bad: bad.reason is reason)


@pytest.mark.parametrize("embedded", [0, 1, 2])
@pytest.mark.parametrize("intermediates", [0, 1])
def test_a_timestamp_says_when(
    private_sigstore: PrivateSigstore, at: datetime, embedded: int, intermediates: int
) -> None:
    window = TimeRange(start=private_sigstore.start)
    tsa = TimestampAuthority.create(
        start=private_sigstore.start, end=private_sigstore.end, intermediates=[window] * intermediates
    )
    token = tsa.stamp(SIGNATURE, at, certificates=tsa.chain[:embedded])
    assert timestamp.verify(token, SIGNATURE, [trusted(tsa)]) == at


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_it_may_be_over_any_hash_of_the_signature(tsa: TimestampAuthority, at: datetime, hash_name: Any) -> None:
    token = tsa.stamp_digest(hashlib.new(hash_name, SIGNATURE).digest(), at, hash_name=hash_name)
    assert timestamp.verify(token, SIGNATURE, [trusted(tsa)]) == at


def test_it_is_over_this_signature(tsa: TimestampAuthority, at: datetime) -> None:
    with refused(Reason.TIMESTAMP_INVALID, "over something else"):
        timestamp.verify(tsa.stamp(b"another", at), SIGNATURE, [trusted(tsa)])
    token = tsa.stamp_digest(hashlib.sha256(SIGNATURE).digest(), at, hash_name="sha384")
    with refused(Reason.TIMESTAMP_INVALID, "over something else"):
        timestamp.verify(token, SIGNATURE, [trusted(tsa)])


@pytest.mark.parametrize("token", [b"", b"junk", der.sequence(der.sequence(der.integer(0))), der.sequence(b"")])
def test_a_token_that_cannot_be_read_is_none(tsa: TimestampAuthority, token: bytes) -> None:
    with refused(Reason.TIMESTAMP_INVALID):
        timestamp.verify(token, SIGNATURE, [trusted(tsa)])


def test_a_certificate_in_the_token_that_cannot_be_read_makes_it_none(tsa: TimestampAuthority, at: datetime) -> None:
    token = bytearray(tsa.stamp(SIGNATURE, at, certificates=[tsa.leaf]))
    place = bytes(token).index(tsa.leaf.tbs_certificate_bytes) + 4
    token[place] ^= 0xFF  # the version's tag
    with refused(Reason.TIMESTAMP_INVALID, "cannot be read"):
        timestamp.verify(bytes(token), SIGNATURE, [trusted(tsa)])


def test_a17_more_certificates_than_a_chain_has_are_refused_unread(
    private_sigstore: PrivateSigstore, tsa: TimestampAuthority, at: datetime
) -> None:
    others = [
        TimestampAuthority.create(start=private_sigstore.start, end=private_sigstore.end).leaf
        for _ in range(CHAIN_CERTIFICATES)
    ]
    token = tsa.stamp(SIGNATURE, at, certificates=[tsa.leaf, *others[1:]])
    assert timestamp.verify(token, SIGNATURE, [trusted(tsa)]) == at
    with refused(Reason.TIMESTAMP_INVALID, "more than"):
        timestamp.verify(tsa.stamp(SIGNATURE, at, certificates=[tsa.leaf, *others]), SIGNATURE, [trusted(tsa)])


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5])
def test_only_what_was_granted_counts(tsa: TimestampAuthority, at: datetime, status: int) -> None:
    token = tsa.stamp(SIGNATURE, at).replace(der.sequence(der.integer(0)), der.sequence(der.integer(status)), 1)
    with refused(Reason.TIMESTAMP_INVALID):
        timestamp.verify(token, SIGNATURE, [trusted(tsa)])


def test_nobody_elses_word_counts(private_sigstore: PrivateSigstore, tsa: TimestampAuthority, at: datetime) -> None:
    foreign = TimestampAuthority.create(start=private_sigstore.start, end=private_sigstore.end)
    for authorities in ([trusted(foreign)], []):
        with refused(Reason.TIMESTAMP_INVALID, "does not name"):
            timestamp.verify(tsa.stamp(SIGNATURE, at, certificates=tsa.chain), SIGNATURE, authorities)
    assert timestamp.verify(tsa.stamp(SIGNATURE, at), SIGNATURE, [trusted(foreign), trusted(tsa)]) == at


def test_a_key_of_somebody_else_signs_nothing_in_its_name(tsa: TimestampAuthority, at: datetime) -> None:
    impostor = replace(tsa, key=SigningKey.generate())
    with refused(Reason.TIMESTAMP_INVALID):
        timestamp.verify(impostor.stamp(SIGNATURE, at), SIGNATURE, [trusted(tsa)])


def leaf_like(
    tsa: TimestampAuthority,
    key: SigningKey,
    issuing_key: SigningKey,
    *,
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    critical: bool = True,
) -> x509.Certificate:
    """A certificate by the name and number of the authority's own."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(tsa.leaf.subject)
        .issuer_name(tsa.leaf.issuer)
        .public_key(key.private.public_key())
        .serial_number(tsa.leaf.serial_number)
        .not_valid_before(tsa.leaf.not_valid_before_utc)
        .not_valid_after(tsa.leaf.not_valid_after_utc)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(issued_by(tsa.root), critical=False)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
    return builder.sign(issuing_key.private, hashes.SHA384())


@pytest.mark.parametrize("first", [True, False])
def test_a8_a_forged_certificate_in_the_token_is_not_the_one_that_is_looked_at(
    tsa: TimestampAuthority, at: datetime, first: bool
) -> None:
    """It goes by the name and number of the genuine one, whose constraints would then be asked of it."""
    key = SigningKey.generate()
    forged = leaf_like(tsa, key, key)
    brought = (forged, tsa.leaf) if first else (tsa.leaf, forged)
    for by in (tsa, replace(tsa, key=key)):
        with refused(Reason.TIMESTAMP_INVALID, "does not name"):
            timestamp.verify(by.stamp(SIGNATURE, at, certificates=brought), SIGNATURE, [trusted(tsa)])
    # One by another name is of no account, whatever it is for.
    other = CertificateAuthority.create(start=tsa.leaf.not_valid_before_utc, end=tsa.leaf.not_valid_after_utc)
    token = tsa.stamp(SIGNATURE, at, certificates=(other.chain[0], tsa.leaf))
    assert timestamp.verify(token, SIGNATURE, [trusted(tsa)]) == at


def test_a8_a_certificate_that_only_the_token_brings_is_nobodys(
    private_sigstore: PrivateSigstore, at: datetime
) -> None:
    """The authority issued both; the root names one. The other may be for anything, and not for timestamps."""
    root_key = SigningKey.generate("ecdsa-p384")
    named = authority_with(root_key, private_sigstore)
    other = authority_with(root_key, private_sigstore, root=named.root)
    token = other.stamp(SIGNATURE, at, certificates=[other.leaf])
    with refused(Reason.TIMESTAMP_INVALID, "does not name"):
        timestamp.verify(token, SIGNATURE, [trusted(named)])
    assert timestamp.verify(token, SIGNATURE, [trusted(named), trusted(other)]) == at


@pytest.mark.parametrize(
    ("usages", "critical", "good"),
    [
        ((ExtendedKeyUsageOID.TIME_STAMPING,), True, True),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False, False),
        ((ExtendedKeyUsageOID.CODE_SIGNING,), True, False),
        ((ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True, False),
        ((), True, False),
    ],
)
def test_a8_the_certificate_is_for_timestamps_and_nothing_else(
    private_sigstore: PrivateSigstore, at: datetime, usages: Any, critical: bool, good: bool
) -> None:
    root_key = SigningKey.generate("ecdsa-p384")
    tsa = authority_with(root_key, private_sigstore, usages=usages, critical=critical)
    token = tsa.stamp(SIGNATURE, at)
    if good:
        assert timestamp.verify(token, SIGNATURE, [trusted(tsa)]) == at
    else:
        with refused(Reason.TIMESTAMP_INVALID):
            timestamp.verify(token, SIGNATURE, [trusted(tsa)])


@pytest.mark.parametrize(
    ("usages", "critical"),
    [
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False),
        ((ExtendedKeyUsageOID.CODE_SIGNING,), True),
        ((ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True),
        ((), True),
    ],
)
def test_a8_the_path_to_the_authority_says_so_by_itself(
    private_sigstore: PrivateSigstore, at: datetime, usages: Any, critical: bool
) -> None:
    """Whatever OpenSSL below `rfc3161-client` looks at."""
    root_key = SigningKey.generate("ecdsa-p384")
    for asked, good in (((ExtendedKeyUsageOID.TIME_STAMPING,), True), (usages, False)):
        tsa = authority_with(root_key, private_sigstore, usages=asked, critical=critical or good)
        arguments = (tsa.leaf, trusted(tsa), at, certificate_chain.TIME_STAMPING)
        if good:
            assert certificate_chain.path(*arguments) == tsa.chain
        else:
            with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
                certificate_chain.path(*arguments)


def test_a8_an_authority_for_something_else_is_none_for_timestamps(
    private_sigstore: PrivateSigstore, at: datetime
) -> None:
    """An authority that may issue for code signing only, above a leaf that says it is for timestamps."""
    fulcio = private_sigstore.authority
    draft = TimestampAuthority.create(start=private_sigstore.start, end=private_sigstore.end)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(draft.leaf.subject)
        .issuer_name(fulcio.intermediate.subject)
        .public_key(draft.key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(private_sigstore.start)
        .not_valid_after(private_sigstore.end)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(issued_by(fulcio.intermediate), critical=False)
        .sign(fulcio.issuing_key.private, hashes.SHA384())
    )
    tsa = replace(draft, chain=(leaf, *fulcio.chain))
    with refused(Reason.TIMESTAMP_INVALID):
        timestamp.verify(tsa.stamp(SIGNATURE, at), SIGNATURE, [trusted(tsa)])


def authority_with(
    root_key: SigningKey, world: PrivateSigstore, *, root: x509.Certificate | None = None, **leaf: Any
) -> TimestampAuthority:
    """An authority whose root has this key, and whose leaf is as asked for."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tsa-root")])
    public = root_key.private.public_key()
    root = root or (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(world.start)
        .not_valid_after(world.end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(root_key.private, hashes.SHA384())
    )
    draft = TimestampAuthority.create(start=world.start, end=world.end)
    key = draft.key
    model = TimestampAuthority(chain=(draft.leaf, root), key=key)
    signed = (
        x509.CertificateBuilder()
        .subject_name(draft.leaf.subject)
        .issuer_name(name)
        .public_key(key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(world.start)
        .not_valid_after(world.end)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(issued_by(root), critical=False)
    )
    usages = leaf.get("usages", (ExtendedKeyUsageOID.TIME_STAMPING,))
    if usages:
        signed = signed.add_extension(x509.ExtendedKeyUsage(usages), critical=leaf.get("critical", True))
    return replace(model, chain=(signed.sign(root_key.private, hashes.SHA384()), root))


def test_a9_the_window_is_that_of_the_authority_that_signed(
    private_sigstore: PrivateSigstore, tsa: TimestampAuthority, at: datetime
) -> None:
    second = timedelta(seconds=1)
    present = trusted(TimestampAuthority.create(start=private_sigstore.start, end=private_sigstore.end))
    for window in ({"end": at - second}, {"start": at + second}):
        retired = trusted(tsa, **window)
        for authorities in ([retired, present], [present, retired]):
            with refused(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY):
                timestamp.verify(tsa.stamp(SIGNATURE, at), SIGNATURE, authorities)
    for window in ({"end": at}, {"start": at}):  # both ends are in it
        assert timestamp.verify(tsa.stamp(SIGNATURE, at), SIGNATURE, [trusted(tsa, **window), present]) == at


@pytest.mark.parametrize("expired", ["all", "intermediate"])
def test_a10_its_whole_chain_was_valid_then(private_sigstore: PrivateSigstore, at: datetime, expired: str) -> None:
    start, before = private_sigstore.start, at - timedelta(seconds=1)
    end = before if expired == "all" else private_sigstore.end
    tsa = TimestampAuthority.create(start=start, end=end, intermediates=[TimeRange(start=start, end=before)])
    with refused(Reason.TIMESTAMP_INVALID):
        timestamp.verify(tsa.stamp(SIGNATURE, at), SIGNATURE, [trusted(tsa)])
    early = before - timedelta(seconds=1)
    assert timestamp.verify(tsa.stamp(SIGNATURE, early), SIGNATURE, [trusted(tsa)]) == early


def test_an_authority_of_the_root_is_one_by_its_signatures(private_sigstore: PrivateSigstore, at: datetime) -> None:
    """A root whose certificates do not belong together is a mistake that must not become a trust anchor."""
    mine, theirs = (TimestampAuthority.create(start=private_sigstore.start, end=private_sigstore.end) for _ in range(2))
    mixed = replace(mine, chain=(mine.leaf, theirs.root))
    for chain in (mixed.chain, (mine.leaf,)):
        with refused(Reason.TIMESTAMP_INVALID):
            timestamp.verify(mine.stamp(SIGNATURE, at), SIGNATURE, [trusted(replace(mine, chain=chain))])


def test_a32_a_hash_that_is_not_accepted_is_none(tsa: TimestampAuthority, at: datetime) -> None:
    """Which hashes are left to OpenSSL's liking by `rfc3161-client`."""
    sha256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
    token = tsa.stamp(SIGNATURE, at)
    other = der.sequence(der.oid("2.16.840.1.101.3.4.2.8"))  # SHA3-256, of the same length
    changed = token.replace(der.set_of(sha256), der.set_of(other), 1)
    assert changed != token
    with refused(Reason.TIMESTAMP_INVALID, "hash"):
        timestamp.verify(changed, SIGNATURE, [trusted(tsa)])
