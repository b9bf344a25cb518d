"""What transparency logs and timestamp authorities prove about a signature, and the times that this gives.

What is there must hold, also where no policy asks for it: an entry or a timestamp that does not verify refuses the
signature, and never counts as one that is not there (attacks A1, A3, A4).
"""

from dataclasses import dataclass
from datetime import datetime

from sealgate.adapters.signatures import log_body, timestamp, transparency_log
from sealgate.adapters.signatures.opened import Opened
from sealgate.adapters.signatures.rejection import Rejected
from sealgate.adapters.signatures.transparency_log import Logged
from sealgate.adapters.signatures.trusted_roots import LogKey, TrustedRootFile
from sealgate.evidence.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What verified.

    Args:
        logged: what each log entry proves.
        timestamps: when each timestamp was made.
        expires: when it counts no more; None is never. What is dated is judged at its date and does not expire.
    """

    logged: tuple[Logged, ...]
    timestamps: tuple[datetime, ...]
    expires: datetime | None = None

    @property
    def times(self) -> tuple[datetime, ...]:
        """Every time that somebody vouched for, in order."""
        return tuple(sorted({*self.timestamps, *(one.at for one in self.logged if one.at is not None)}))


def verified(opened: Opened, verifier: bytes, root: TrustedRootFile | None, now: datetime) -> Proofs:
    """Verify all that came with a signature.

    Args:
        opened: the signature.
        verifier: what it was verified with, DER: the SubjectPublicKeyInfo of a key, or a certificate.
        root: whose word counts; None is nobody's.
        now: the time of the decision.

    Raises:
        Rejected: something of it does not hold.
        Malformed: something of it cannot be read.
    """
    logged = []
    # (1) Each log entry is genuine and not to come, and is that of this content, signature and key (attacks A1, A2).
    for entry in opened.entries:
        logged.append(transparency_log.verify(entry, root.logs if root else {}, now))
        log_body.check(entry.body, opened.content, opened.signature, verifier)
    # One entry is one log's word, however often it is there (attacks A6).
    if len({(one.log.log_id, entry.body) for one, entry in zip(logged, opened.entries, strict=True)}) < len(logged):
        raise Rejected(Reason.LOG_ENTRY_MISMATCH, "one log entry comes with it twice")
    # (2) Each timestamp is genuine, and over this signature (attacks A8, A9).
    authorities = root.timestamp_authorities if root else ()
    timestamps = tuple(timestamp.verify(token, opened.signature, authorities) for token in opened.timestamps)
    proofs = Proofs(logged=tuple(logged), timestamps=timestamps)
    # (3) None of them is yet to come: there is no tolerance, and so no time in which nobody looks (attacks A5).
    for at in timestamps:
        if at > now:
            text = f"it was timestamped at {at:%Y-%m-%d %H:%M:%S} UTC, which is to come"
            raise Rejected(Reason.SIGNED_IN_THE_FUTURE, text)
    # (4) Each log's key was to be trusted whenever it was signed; where nothing says when, it is to be trusted today.
    for one in proofs.logged:
        _check_window(one.log, proofs.times, now)
    ends = [one.log.window.end for one in proofs.logged if one.log.window.end is not None]
    return proofs if proofs.times else Proofs(logged=proofs.logged, timestamps=(), expires=min(ends, default=None))


def _check_window(log: LogKey, times: tuple[datetime, ...], now: datetime) -> None:
    if not times and not log.window.holds(now):
        text = "nothing dates its log entry, and the log's key is outside its validity now"
        raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, text)
    for at in times:
        if not log.window.holds(at):
            text = f"the log's key was outside its validity at {at:%Y-%m-%d %H:%M:%S} UTC, when it was signed"
            raise Rejected(Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY, text)
