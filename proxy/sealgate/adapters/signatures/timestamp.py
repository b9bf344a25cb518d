"""Timestamps of an authority (RFC 3161) over a signature's bytes.

`rfc3161-client` reads the token and verifies its signature; who signed it, whether they might, and when, is ours.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier
from rfc3161_client import TimeStampResponse, VerificationError, Verifier, VerifierBuilder, decode_timestamp_response

from sealgate.adapters.signatures import certificate_chain
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.trusted_roots import Authority
from sealgate.evidence.reason import Reason
from sealgate.limits import AUTHORITIES_IN_MEMORY, CHAIN_CERTIFICATES

# SHA-256, SHA-384 and SHA-512 (RFC 5754 section 2); `rfc3161-client` leaves it to OpenSSL, which knows older ones.
_DIGESTS: Final = frozenset(ObjectIdentifier(f"2.16.840.1.101.3.4.2.{number}") for number in (1, 2, 3))


def verify(token: bytes, signature: bytes, authorities: Sequence[Authority]) -> datetime:
    """When a signature existed, on the word of a timestamp authority.

    Args:
        token: a `TimeStampResp`, DER.
        signature: what it must be over.
        authorities: whose word counts. The root names the very certificate that signs: one that only the token brings
            along is nobody's (attacks A8).

    Raises:
        Rejected: it cannot be read, is of another authority or over something else; or was made when its authority was
            not to be trusted, or when a certificate of that authority was out of date.
    """
    # (1) It says which certificate signed it; that is one that the root names, and no other goes by that name.
    try:
        response = _read(token)
        named = [authority for authority in authorities if _names(response, authority.certificates[0])]
    except ValueError as bad:
        raise Rejected(Reason.TIMESTAMP_INVALID, "its timestamp cannot be read") from bad
    if not named:
        raise Rejected(Reason.TIMESTAMP_INVALID, "its timestamp is of an authority that the trusted root does not name")
    # (2) That certificate's key signed it, and it is over this signature. (OpenSSL looks at the dates as well.)
    authority = next((one for one in named if _verifies(response, signature, one)), None)
    if authority is None:
        text = "its timestamp does not hold: it is over something else, or its certificates were not good then"
        raise Rejected(Reason.TIMESTAMP_INVALID, text)
    # (3) The authority that signed, and no other, was to be trusted then (attacks A9).
    at = response.tst_info.gen_time.astimezone(UTC)
    if not authority.window.holds(at):
        text = "the timestamp authority was outside its validity when it made the timestamp"
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, text)
    # (4) Its certificates were valid then, and the first is for timestamps and for nothing else (attacks A8).
    try:
        _route(authority).at(at)
    except Rejected as bad:
        raise Rejected(Reason.TIMESTAMP_INVALID, f"its timestamp's authority: {bad.detail}") from bad
    return at


def _read(token: bytes) -> TimeStampResponse:
    response = decode_timestamp_response(token)
    if len(response.signed_data.certificates) > CHAIN_CERTIFICATES:
        raise Rejected(Reason.TIMESTAMP_INVALID, f"its timestamp has more than {CHAIN_CERTIFICATES} certificates")
    if response.signed_data.digest_algorithms - _DIGESTS:
        raise Rejected(Reason.TIMESTAMP_INVALID, "its timestamp is made with a hash that is not accepted")
    return response


def _names(response: TimeStampResponse, leaf: x509.Certificate) -> bool:
    """Whether the token says that this certificate's key signed it, and brings no other that it could mean."""
    called = (leaf.issuer, leaf.serial_number)
    if [(one.issuer, one.serial_number) for one in response.signed_data.signer_infos] != [called]:
        return False
    brought = [x509.load_der_x509_certificate(one) for one in response.signed_data.certificates]
    return all(one == leaf or (one.issuer, one.serial_number) != called for one in brought)


def _verifies(response: TimeStampResponse, signature: bytes, authority: Authority) -> bool:
    try:
        return _verifier(authority).verify_message(response, signature)
    except (VerificationError, ValueError):
        return False


@lru_cache(AUTHORITIES_IN_MEMORY)
def _verifier(authority: Authority) -> Verifier:
    leaf, *others = authority.certificates
    return VerifierBuilder(tsa_certificate=leaf, intermediates=others[:-1], roots=others[-1:] or [leaf]).build()


@lru_cache(AUTHORITIES_IN_MEMORY)
def _route(authority: Authority) -> certificate_chain.Route:
    return certificate_chain.route(authority.certificates[0], authority, certificate_chain.TIME_STAMPING)
