"""The way from a leaf to an authority: by signatures, all of it valid at the time and for the purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.adapters.signatures import certificate_chain
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import Authority, Window
from sealgate.evidence.reason import Reason
from sealgate.limits import CHAIN_CERTIFICATES
from sealgate.testing.sigstore import CertificateAuthority, CertifiedKey, PrivateSigstore, SigningKey, TimeRange
from sealgate.testing.sigstore.certificates import issued_by, key_usage, name

Certify = Callable[..., CertifiedKey]


@pytest.fixture
def at(private_sigstore: PrivateSigstore) -> datetime:
    return private_sigstore.now + timedelta(minutes=1)


def trusted(*certificates: x509.Certificate) -> Authority:
    return Authority(certificates=certificates, window=Window(start=certificates[0].not_valid_before_utc, end=None))


def refused(reason: Reason, told: str = ".") -> Any:
    return pytest.raises(Rejected, match=told, check=lambda bad: bad.reason is reason)


NOTHING_BELOW = x509.BasicConstraints(ca=True, path_length=0)


def below(
    world: PrivateSigstore,
    issuer: x509.Certificate,
    issuing_key: SigningKey,
    *,
    called: str = "below",
    constraints: x509.BasicConstraints | None = NOTHING_BELOW,
    usage: x509.KeyUsage | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    valid: TimeRange | None = None,
    key: SigningKey | None = None,
) -> CertificateAuthority:
    """An authority below another one, of which only that one knows."""
    key = key or SigningKey.generate("ecdsa-p384")
    public = key.private.public_key()
    valid = valid or TimeRange(start=world.start, end=world.end)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(called))
        .issuer_name(issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid.start)
        .not_valid_after(valid.end or world.end)
        .add_extension(usage or key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(issued_by(issuer), critical=False)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    made = builder.sign(issuing_key.private, hashes.SHA384())
    return CertificateAuthority(chain=(made, issuer), issuing_key=key)


@pytest.fixture
def anchor(private_sigstore: PrivateSigstore) -> CertificateAuthority:
    """A root that has no authority below it yet, but may have two."""
    key = SigningKey.generate("ecdsa-p384")
    public = key.private.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name("anchor"))
        .issuer_name(name("anchor"))
        .public_key(public)
        .serial_number(1)
        .not_valid_before(private_sigstore.start)
        .not_valid_after(private_sigstore.end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=2), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key.private, hashes.SHA384())
    )
    return CertificateAuthority(chain=(made,), issuing_key=key)


@pytest.fixture
def make(private_sigstore: PrivateSigstore, anchor: CertificateAuthority) -> Callable[..., CertificateAuthority]:
    """Makes an authority below the anchor."""

    def make(**options: Any) -> CertificateAuthority:
        return below(private_sigstore, anchor.chain[0], anchor.issuing_key, **options)

    return make


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_path_leads_from_the_leaf_to_the_anchor(private_sigstore: PrivateSigstore, at: datetime, depth: int) -> None:
    start, end = private_sigstore.start, private_sigstore.end
    authority = CertificateAuthority.create(start=start, end=end, intermediates=[TimeRange(start=start)] * depth)
    world = private_sigstore.with_parts(authority=authority)
    leaf = world.keyless(identity="dev@example.com", issuer="https://i.example").certificate
    assert certificate_chain.path(leaf, trusted(*authority.chain), at) == (leaf, *authority.chain)
    assert certificate_chain.issued(leaf, trusted(*authority.chain))
    # What the root does not name is not there.
    assert certificate_chain.issued(leaf, trusted(authority.chain[-1])) is (depth == 0)


def test_a_certificate_that_the_root_names_by_itself_has_nothing_above_it(
    private_sigstore: PrivateSigstore, at: datetime
) -> None:
    """As a timestamp authority's may be."""
    leaf = private_sigstore.timestamp_authority.leaf
    for _ in range(2):
        assert certificate_chain.path(leaf, trusted(leaf), at, certificate_chain.TIME_STAMPING) == (leaf,)


def test_a_path_has_a_length(private_sigstore: PrivateSigstore, at: datetime) -> None:
    start, end = private_sigstore.start, private_sigstore.end
    for depth, good in ((CHAIN_CERTIFICATES - 2, True), (CHAIN_CERTIFICATES - 1, False)):
        authority = CertificateAuthority.create(start=start, end=end, intermediates=[TimeRange(start=start)] * depth)
        world = private_sigstore.with_parts(authority=authority)
        leaf = world.keyless(identity="dev@example.com", issuer="https://i.example").certificate
        if good:
            assert len(certificate_chain.path(leaf, trusted(*authority.chain), at)) == CHAIN_CERTIFICATES
        else:
            with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
                certificate_chain.path(leaf, trusted(*authority.chain), at)


def test_names_lead_nowhere(private_sigstore: PrivateSigstore, certify: Certify, at: datetime) -> None:
    """Another's certificates by the same names."""
    namesake = trusted(*PrivateSigstore(now=private_sigstore.now).authority.chain)
    leaf = certify().certificate
    assert not certificate_chain.issued(leaf, namesake)
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(leaf, namesake, at)


def test_certificates_of_a_root_that_do_not_belong_together_lead_nowhere(
    private_sigstore: PrivateSigstore, certify: Certify, at: datetime
) -> None:
    foreign = PrivateSigstore(now=private_sigstore.now).authority.chain[-1]
    mixed = trusted(private_sigstore.authority.intermediate, foreign)
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(certify().certificate, mixed, at)


def test_certificates_that_issued_each_other_end_nowhere(
    private_sigstore: PrivateSigstore, certify: Certify, make: Callable[..., CertificateAuthority], at: datetime
) -> None:
    """Any number of certificates for one key, each by the other: every one is looked at once."""
    authority = make()
    ring = [
        below(private_sigstore, authority.chain[0], authority.issuing_key, called="below", key=authority.issuing_key)
        for _ in range(4)
    ]
    leaf = certify(authority=authority).certificate
    mixed = trusted(*(one.chain[0] for one in ring), *private_sigstore.authority.chain)
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(leaf, mixed, at)


def test_what_the_path_goes_through_must_be_an_authority(
    make: Callable[..., CertificateAuthority], certify: Certify, anchor: CertificateAuthority, at: datetime
) -> None:
    """Attacks A10's neighbours: a leaf that issues leaves, one that may not sign certificates, one too deep."""
    good = make()
    leaf = certify(authority=good).certificate
    assert len(certificate_chain.path(leaf, trusted(good.chain[0], *anchor.chain), at)) == 3
    for options in (
        {"constraints": None},
        {"constraints": x509.BasicConstraints(ca=False, path_length=None)},
        {"usage": key_usage(signs_certificates=False)},
        {"more": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]},
        {"more": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)]},
        {"more": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)]},
    ):
        evil = make(**options)
        leaf = certify(authority=evil).certificate
        assert certificate_chain.issued(leaf, trusted(evil.chain[0], *anchor.chain))
        with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
            certificate_chain.path(leaf, trusted(evil.chain[0], *anchor.chain), at)


def test_an_authority_may_not_have_others_below_it(
    private_sigstore: PrivateSigstore,
    make: Callable[..., CertificateAuthority],
    certify: Certify,
    anchor: CertificateAuthority,
    at: datetime,
) -> None:
    upper = make(called="upper")  # path length 0
    lower = below(private_sigstore, upper.chain[0], upper.issuing_key, called="lower")
    leaf = certify(authority=lower).certificate
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(leaf, trusted(lower.chain[0], upper.chain[0], *anchor.chain), at)


MAIL, OTHERS_MAIL = x509.RFC822Name("example.com"), x509.RFC822Name("elsewhere.example")
HOST = x509.UniformResourceIdentifier("example.com")
FOLDER = x509.DirectoryName(x509.Name([]))


@pytest.mark.parametrize(
    ("constraints", "good"),
    [
        (x509.NameConstraints([MAIL], None), True),
        (x509.NameConstraints(None, [OTHERS_MAIL]), True),
        (x509.NameConstraints([OTHERS_MAIL], None), False),
        (x509.NameConstraints(None, [MAIL]), False),
        (x509.NameConstraints(None, [FOLDER]), False),  # a kind that is not judged
    ],
)
def test_an_authority_vouches_for_the_names_it_may(
    make: Callable[..., CertificateAuthority],
    certify: Certify,
    anchor: CertificateAuthority,
    at: datetime,
    constraints: x509.NameConstraints,
    good: bool,
) -> None:
    authority = make(more=[(constraints, True)])
    leaf = certify(authority=authority).certificate
    if good:
        assert len(certificate_chain.path(leaf, trusted(authority.chain[0], *anchor.chain), at)) == 3
    else:
        with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
            certificate_chain.path(leaf, trusted(authority.chain[0], *anchor.chain), at)


def test_a_constraint_of_addresses_is_not_judged_and_so_refuses(
    make: Callable[..., CertificateAuthority], certify: Certify, anchor: CertificateAuthority, at: datetime
) -> None:
    authority = make(more=[(x509.NameConstraints([HOST], None), True)])
    workflow = x509.UniformResourceIdentifier("https://example.com/acme")
    leaf = certify(authority=authority, names=[workflow]).certificate
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(leaf, trusted(authority.chain[0], *anchor.chain), at)


@pytest.mark.parametrize("part", ["leaf", "upper", "lower", "anchor"])
@pytest.mark.parametrize("early", [True, False])
def test_a10_every_certificate_of_the_path_is_valid_at_the_time(
    private_sigstore: PrivateSigstore, at: datetime, part: str, early: bool
) -> None:
    start, end = private_sigstore.start, private_sigstore.end
    other = (
        TimeRange(start=at + timedelta(days=1), end=end)
        if early
        else TimeRange(start=start, end=at - timedelta(days=1))
    )
    whole = TimeRange(start=start, end=end)
    below_root = [whole, whole]
    anchored = whole
    match part:
        case "upper":
            below_root = [whole, other]
        case "lower":
            below_root = [other, whole]
        case "anchor":
            anchored = other
    assert anchored.end is not None
    authority = CertificateAuthority.create(start=anchored.start, end=anchored.end, intermediates=below_root)
    world = private_sigstore.with_parts(authority=authority)
    issued_at = private_sigstore.now if part != "leaf" else other.start
    leaf = world.issue(identity="a@example.com", issuer="https://i", public_key=SigningKey.generate(), at=issued_at)
    with refused(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, "a certificate in its chain"):
        certificate_chain.path(leaf, trusted(*authority.chain), at)
    assert certificate_chain.issued(leaf, trusted(*authority.chain))


def test_a_leaf_is_no_authority(
    make: Callable[..., CertificateAuthority], anchor: CertificateAuthority, at: datetime
) -> None:
    authority = make()
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(authority.chain[0], trusted(*anchor.chain), at)


# --- what was judged once is not judged again -------------------------------------------------------------------------


@pytest.fixture
def remembered(
    private_sigstore: PrivateSigstore, anchor: CertificateAuthority, at: datetime, certify: Certify
) -> Callable[..., tuple[CertificateAuthority, Authority]]:
    """Makes an authority in two steps below the anchor, by which a good leaf was judged already."""

    def make(**options: Any) -> tuple[CertificateAuthority, Authority]:
        one_below = x509.BasicConstraints(ca=True, path_length=1)
        upper = below(
            private_sigstore,
            anchor.chain[0],
            anchor.issuing_key,
            **{"called": "upper", "constraints": one_below, **options},
        )
        lower = below(private_sigstore, upper.chain[0], upper.issuing_key, called="lower")
        root = trusted(lower.chain[0], upper.chain[0], anchor.chain[0])
        leaf = certify(authority=lower).certificate
        assert certificate_chain.path(leaf, root, at) == (leaf, *root.certificates)
        return lower, root

    return make


def test_another_leaf_of_the_same_authority_is_judged_alike(
    remembered: Callable[..., tuple[CertificateAuthority, Authority]], certify: Certify, at: datetime
) -> None:
    lower, root = remembered()
    leaf = certify(authority=lower).certificate
    assert certificate_chain.path(leaf, root, at) == (leaf, *root.certificates)


def test_a_leaf_is_judged_whatever_its_authority_has_issued_before(
    remembered: Callable[..., tuple[CertificateAuthority, Authority]],
    private_sigstore: PrivateSigstore,
    certify: Certify,
    at: datetime,
) -> None:
    """Forged, out of date, with something critical in it that nobody knows, or an authority itself."""
    lower, root = remembered()
    forged = certify(authority=replace(lower, issuing_key=SigningKey.generate("ecdsa-p384"))).certificate
    may_issue = certify(authority=lower, more=[x509.BasicConstraints(ca=True, path_length=None)]).certificate
    for leaf in (forged, may_issue, *lower.chain):
        for purpose in (certificate_chain.CODE_SIGNING, certificate_chain.TIME_STAMPING):
            with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
                certificate_chain.path(leaf, root, at, purpose)
    good = certify(authority=lower).certificate
    with refused(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING):
        certificate_chain.path(good, root, good.not_valid_after_utc + timedelta(seconds=1))


def test_a10_what_is_above_a_leaf_is_valid_at_each_time(
    remembered: Callable[..., tuple[CertificateAuthority, Authority]],
    private_sigstore: PrivateSigstore,
    certify: Certify,
    at: datetime,
) -> None:
    """Also where it held for another leaf, and for this one at another time."""
    ended = at + timedelta(minutes=1)
    lower, root = remembered(valid=TimeRange(start=private_sigstore.start, end=ended))
    leaf = certify(authority=lower).certificate
    route = certificate_chain.route(leaf, root)
    for moment in (at, ended):
        assert route.at(moment) == certificate_chain.path(leaf, root, moment) == (leaf, *root.certificates)
    for judge in (route.at, lambda moment: certificate_chain.path(leaf, root, moment)):
        with refused(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING):
            judge(ended + timedelta(seconds=1))


@pytest.mark.parametrize("placed", ["above", "issuing"])
def test_name_constraints_are_judged_for_each_leaf(
    remembered: Callable[..., tuple[CertificateAuthority, Authority]],
    make: Callable[..., CertificateAuthority],
    anchor: CertificateAuthority,
    certify: Certify,
    at: datetime,
    placed: str,
) -> None:
    """A good name does not open the way for another one."""
    only = [(x509.NameConstraints([MAIL], None), True)]
    if placed == "above":
        authority, root = remembered(more=only)
    else:
        authority = make(more=only)
        root = trusted(authority.chain[0], *anchor.chain)
        certificate_chain.path(certify(authority=authority).certificate, root, at)
    other = certify(authority=authority, names=[x509.RFC822Name("dev@elsewhere.example")]).certificate
    with refused(Reason.CERTIFICATE_CHAIN_UNTRUSTED):
        certificate_chain.path(other, root, at)
    assert not certificate_chain.route(other, root).usual


def test_a_route_is_known_where_its_usual_path_never_was(
    private_sigstore: PrivateSigstore, certify: Certify, at: datetime
) -> None:
    """A certificate of the authority begins after the leaf's end; the path that needs it not is found at each time."""
    start, end = private_sigstore.start, private_sigstore.end
    authority = private_sigstore.authority
    late = CertificateAuthority.create(start=at + timedelta(days=1), end=end).chain[0]
    leaf = certify().certificate
    route = certificate_chain.route(leaf, trusted(authority.chain[0], late, authority.chain[1]))
    assert start < at
    assert not route.usual
    assert route.at(at) == (leaf, *authority.chain)
