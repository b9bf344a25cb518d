"""From a certificate to an authority of the trusted root (RFC 5280 section 6), at one moment.

`cryptography.x509.verification` builds the path: signatures, dates, basic constraints, path length, key usage, name
constraints (those that it cannot judge refuse) and critical extensions that nobody knows are its business; its public
API takes any purpose. Ours are the purpose, which authority it is, and the reason that people read.
"""

from collections.abc import Sequence
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
from sealgate.limits import CHAIN_CERTIFICATES

CODE_SIGNING: Final = ExtendedKeyUsageOID.CODE_SIGNING
TIME_STAMPING: Final = ExtendedKeyUsageOID.TIME_STAMPING

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
) -> list[x509.Certificate]:
    """The certificates from a leaf to an authority's anchor, all of them valid at a time and for a purpose.

    They are the trusted root's: an intermediate that only a signature brings along is nobody's, even where the anchor
    signed it, since an organisation's own root signs many that are not to vouch for artifacts.

    Raises:
        Rejected: there is no such path: one of its certificates is out of date (attacks A10), is no authority's, is not
            for this purpose, or must not vouch for this name.
    """
    between, anchor = list(authority.certificates[:-1]), authority.certificates[-1]
    ca_policy, leaf_policy = _policies(purpose)
    # What it counts are the authorities between the two.
    builder = PolicyBuilder().store(Store([anchor])).time(at).max_chain_depth(CHAIN_CERTIFICATES - 2)
    verifier = builder.extension_policies(ca_policy=ca_policy, ee_policy=leaf_policy).build_client_verifier()
    try:
        return verifier.verify(leaf, between).chain
    except (VerificationError, x509.UnsupportedGeneralNameType) as bad:
        then = [one for one in (leaf, anchor, *between) if _valid(one, at)]
        if _leads(leaf, between, anchor) and not ({leaf, anchor} <= {*then} and _leads(leaf, then, anchor)):
            text = f"a certificate in its chain was not valid at {at:%Y-%m-%d %H:%M:%S} UTC"
            raise Rejected(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, text) from bad
        text = f"its certificate's chain does not hold up to the trusted root: {bad}"
        raise Rejected(Reason.CERTIFICATE_CHAIN_UNTRUSTED, text) from bad


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
