"""From a certificate to an authority of the trusted root (RFC 5280 section 6), at one moment.

`cryptography.x509.verification` builds the path: signatures, dates, basic constraints, path length, key usage, name
constraints (those that it cannot judge refuse) and critical extensions that nobody knows are its business; its public
API takes any purpose. Ours are the purpose, which authority it is, and the reason that people read.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from sealgate.adapters.keys import read_spki
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import Authority
from sealgate.errors import KeyRejected
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.limits import AUTHORITIES_IN_MEMORY, CHAIN_CERTIFICATES

CODE_SIGNING: Final = ExtendedKeyUsageOID.CODE_SIGNING
TIME_STAMPING: Final = ExtendedKeyUsageOID.TIME_STAMPING

_REFUSALS: Final = (VerificationError, x509.UnsupportedGeneralNameType)

_Certificates = Sequence[x509.Certificate]


def key_of(certificate: x509.Certificate) -> PublicKey:
    """The key that a certificate is for.

    Raises:
        Rejected: it is of a kind or size that is not accepted (attacks A32).
    """
    try:
        return read_spki(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except KeyRejected as bad:
        raise Rejected(Reason.CERTIFICATE_INVALID, f"its certificate's key cannot be used: {bad}") from bad


def issued(leaf: x509.Certificate, authority: Authority) -> bool:
    """Whether one of an authority's certificates issued this one, whenever that was.

    Names alone say nothing: an authority's new key keeps the old name.
    """
    return any(_signed(leaf, one) for one in authority.certificates)


def path(
    leaf: x509.Certificate,
    authority: Authority,
    at: datetime,
    purpose: x509.ObjectIdentifier = CODE_SIGNING,
) -> tuple[x509.Certificate, ...]:
    """The certificates from a leaf to an authority's anchor, all of them valid at a time and for a purpose.

    They are the trusted root's: an intermediate that only a signature brings along is nobody's, even where the anchor
    signed it, since an organisation's own root signs many that are not to vouch for artifacts.

    Raises:
        Rejected: there is no such path: one of its certificates is out of date (attacks A10), is no authority's, is not
            for this purpose, or must not vouch for this name.
    """
    try:
        return _verified(leaf, authority, at, purpose)
    except _REFUSALS as bad:
        between, anchor = authority.certificates[:-1], authority.certificates[-1]
        then = [one for one in (leaf, anchor, *between) if _valid(one, at)]
        if _leads(leaf, between, anchor) and not ({leaf, anchor} <= {*then} and _leads(leaf, then, anchor)):
            text = f"a certificate in its chain was not valid at {at:%Y-%m-%d %H:%M:%S} UTC"
            raise Rejected(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, text) from bad
        text = f"its certificate's chain does not hold up to the trusted root: {bad}"
        raise Rejected(Reason.CERTIFICATE_CHAIN_UNTRUSTED, text) from bad


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a certificate leads to an authority.

    Of all that makes a path good, only the dates of its certificates depend on the time. So one path is judged, and at
    each time its dates; only where those do not hold another path is looked for.

    Args:
        leaf: the certificate.
        authority: the authority.
        purpose: what for.
        usual: the path that held when the last of all these certificates became valid; empty where there was none.
    """

    leaf: x509.Certificate
    authority: Authority
    purpose: x509.ObjectIdentifier
    usual: tuple[x509.Certificate, ...]

    def at(self, moment: datetime) -> tuple[x509.Certificate, ...]:
        """The same as `path`, which see."""
        if self.usual and all(_valid(one, moment) for one in self.usual):
            return self.usual
        return path(self.leaf, self.authority, moment, self.purpose)


def route(leaf: x509.Certificate, authority: Authority, purpose: x509.ObjectIdentifier = CODE_SIGNING) -> Route:
    """How a certificate leads to an authority; that it has no usual path says nothing yet."""
    at = max(one.not_valid_before_utc for one in (leaf, *authority.certificates))
    try:
        usual = _verified(leaf, authority, at, purpose)
    except _REFUSALS:
        usual = ()
    return Route(leaf=leaf, authority=authority, purpose=purpose, usual=usual)


def _verified(
    leaf: x509.Certificate, authority: Authority, at: datetime, purpose: x509.ObjectIdentifier
) -> tuple[x509.Certificate, ...]:
    """A path, or one of `_REFUSALS`.

    What is above a leaf is the same for all leaves of one issuer, and all of it but the dates is the same for ever. So
    a way up that held is remembered, and only its dates and the leaf are judged: that is half of the work. Name
    constraints are about leaves: a way up that has any is judged whole each time.
    """
    known = _ways_up(authority, purpose)
    for up in tuple(known):
        if all(_valid(one, at) for one in up):
            with suppress(*_REFUSALS):
                return (*_path(leaf, (), up[0], at, purpose), *up[1:])
    found = _path(leaf, authority.certificates[:-1], authority.certificates[-1], at, purpose)
    up = found[1:]
    if up and not any(_constrains_names(one) for one in up):
        known.add(up)
    return found


@lru_cache(AUTHORITIES_IN_MEMORY)
def _ways_up(authority: Authority, purpose: x509.ObjectIdentifier) -> set[tuple[x509.Certificate, ...]]:
    """The paths that have held, without their leaves: of the authority's certificates, so there are few."""
    del authority, purpose  # it is theirs
    return set()


def _constrains_names(certificate: x509.Certificate) -> bool:
    return any(isinstance(one.value, x509.NameConstraints) for one in certificate.extensions)


def _path(
    leaf: x509.Certificate,
    between: _Certificates,
    anchor: x509.Certificate,
    at: datetime,
    purpose: x509.ObjectIdentifier,
) -> tuple[x509.Certificate, ...]:
    ca_policy, leaf_policy = _policies(purpose)
    # What it counts are the authorities between the two.
    builder = PolicyBuilder().store(Store([anchor])).time(at).max_chain_depth(CHAIN_CERTIFICATES - 2)
    verifier = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy).build_client_verifier()
    return tuple(verifier.verify(leaf, list(between)).chain)


@lru_cache(maxsize=2)
def _policies(purpose: x509.ObjectIdentifier) -> tuple[ExtensionPolicy, ExtensionPolicy]:
    """For authorities, whose usage may be left open, and for leaves.

    A timestamp authority's leaf is for that and nothing else (RFC 3161 section 2.3), and has no alternative name. What
    leaves of the other purpose say is `certificate`'s to judge.
    """

    def check_authority(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
        if usage is not None and purpose not in usage:
            raise ValueError("an authority is for another purpose")

    def check_stamping(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage) -> None:
        if list(usage) != [purpose]:
            raise ValueError("it is not for timestamps alone")

    ca_policy = ExtensionPolicy.webpki_defaults_ca().may_be_present(
        x509.ExtendedKeyUsage, Criticality.AGNOSTIC, check_authority
    )
    leaf_policy = ExtensionPolicy.webpki_defaults_ee()
    if purpose == TIME_STAMPING:
        leaf_policy = leaf_policy.require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, check_stamping)
        return ca_policy, leaf_policy.may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    return ca_policy, leaf_policy.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)


def _leads(leaf: x509.Certificate, between: _Certificates, anchor: x509.Certificate) -> bool:
    """Whether signatures lead from the leaf to the anchor; every certificate is looked at once."""
    reached, waiting = [leaf], list(between)
    for certificate in reached:  # which grows
        if _signed(certificate, anchor):
            return True
        issuers = [one for one in waiting if _signed(certificate, one)]
        reached += issuers
        waiting = [one for one in waiting if one not in issuers]
    return False


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
