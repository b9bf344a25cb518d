"""The steps by which a signature of any format becomes a fact: who signed the subject, and what is proven about it.

How strong a signature must be is the policy's to say, from these facts (attacks A14).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from cryptography import x509

from sealgate.adapters.signatures import certificate, certificate_chain, proofs, signing_key, subject
from sealgate.adapters.signatures.certificate_chain import Route
from sealgate.adapters.signatures.certificate_log import check_scts
from sealgate.adapters.signatures.opened import Opened
from sealgate.adapters.signatures.proofs import Proofs
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.subject import Subject
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import KeySigner, LogProof, LogRecord, Signer, Source, Stated, VerifiedSignature

DEFAULT_ROOT: Final = "default"  # the root that judges what is signed with a key

_STRENGTH: Final = {LogProof.NONE: 0, LogProof.PROMISE: 1, LogProof.INCLUSION: 2}


class SecondOpinion(Protocol):
    """Another engine's word on a signature with a certificate."""

    def check(self, opened: Opened, leaf: x509.Certificate) -> None:
        """Raises `Rejected` where it refuses what it can judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A trusted root, and the other engine's reading of it; None where that has nothing to judge with it."""

    root: TrustedRootFile
    opinion: SecondOpinion | None


def verify(
    opened: Opened,
    asked: Subject,
    source: Source,
    keys: Sequence[PublicKey],
    trusted: Mapping[str, Trusted],
    now: datetime,
) -> VerifiedSignature:
    """Verify a signature.

    Args:
        opened: the signature.
        asked: what it must be over.
        source: where it was found.
        keys: the policies' keys; each is tried.
        trusted: the trusted roots, by name.
        now: the time of the decision.

    Raises:
        Rejected: a step does not hold.
        Malformed: a part of it cannot be read.
    """
    # (1) What is signed is about the digest in question.
    said = subject.check(opened.content, asked)
    if not opened.certificates:
        # (2) One of the keys signed it.
        key = signing_key.signer_of(opened.content, opened.signature, keys)
        # (3) What came with it holds.
        vouching = trusted.get(DEFAULT_ROOT)
        proven = proofs.verified(opened, key.spki, vouching.root if vouching else None, now)
        return _fact(source, KeySigner(key.fingerprint), proven, said)
    # (2) The certificate's key signed it.
    leaf, *_presented = [certificate.load(der) for der in opened.certificates]
    signing_key.check(certificate_chain.key_of(leaf), opened.content, opened.signature)
    # (3) An authority of a trusted root issued it: that root is the one whose word counts.
    name, routes = _vouching(leaf, trusted)
    root, opinion = trusted[name].root, trusted[name].opinion
    # (4) It is for signing code, and names one signer.
    certificate.check_purpose(leaf)
    signer = certificate.signer_of(leaf, name)
    # (5) What came with it holds, and somebody vouches for when it was signed.
    proven = proofs.verified(opened, opened.certificates[0], root, now)
    if not proven.times:
        if not opened.entries:
            raise Rejected(Reason.LOG_ENTRY_MISSING, "a signature with a certificate counts only with a log entry")
        raise Rejected(Reason.TIMESTAMP_MISSING, "nobody vouches for the time of signing")
    # (6) At each of these times the certificate was valid, and so was its chain, up to an authority that was trusted.
    for at in proven.times:
        if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
            text = f"the certificate was not valid at {at:%Y-%m-%d %H:%M:%S} UTC, when it was signed"
            raise Rejected(Reason.CERTIFICATE_NOT_VALID_AT_SIGNING, text)
    issuers = [_issuer_at(at, routes) for at in proven.times]
    # (7) CT logs have the certificate. Whoever issued it did so with one key.
    check_scts(leaf, issuers[0], root.ct_logs)
    # (8) sigstore-python has nothing against it, where it can judge it.
    if opinion is not None:
        opinion.check(opened, leaf)
    return _fact(source, signer, proven, said)


def _vouching(leaf: x509.Certificate, trusted: Mapping[str, Trusted]) -> tuple[str, list[Route]]:
    """The root, by name, and how a certificate leads to those of its authorities that issued it.

    No two roots share an authority.
    """
    for name, vouching in trusted.items():
        routes = [certificate_chain.route(leaf, one) for one in vouching.root.authorities]
        issuing = [one for one in routes if one.usual or certificate_chain.issued(leaf, one.authority)]
        if issuing:
            return name, issuing
    raise Rejected(Reason.CERTIFICATE_CHAIN_UNTRUSTED, "its certificate was issued by no authority of a trusted root")


def _issuer_at(at: datetime, routes: Iterable[Route]) -> x509.Certificate:
    """Who issued the leaf, by a path that held at the time, to an authority that was to be trusted then."""
    refused = Rejected(
        Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY,
        f"the certificate authority was outside its validity at {at:%Y-%m-%d %H:%M:%S} UTC, when it was signed",
    )
    for route in routes:
        if route.authority.window.holds(at):
            try:
                return route.at(at)[1]
            except Rejected as bad:
                refused = bad
    raise refused


def _fact(source: Source, signer: Signer, proven: Proofs, said: tuple[str, Stated | None]) -> VerifiedSignature:
    reference, stated = said
    records = tuple(
        LogRecord(log_id=one.log.log_id.hex(), proof=one.proof, index=one.index, at=one.at) for one in proven.logged
    )
    return VerifiedSignature(
        source=source,
        signer=signer,
        log=max((record.proof for record in records), key=_STRENGTH.__getitem__, default=LogProof.NONE),
        entries=records,
        entry=next((one.promised for one in proven.logged if one.promised is not None), None),
        timestamps=proven.timestamps,
        signed_at=proven.times,
        expires=proven.expires,
        reference=reference,
        stated=stated,
    )
