"""The trusted roots in use now, by name, and the verifier that is made of them.

A root that has changed means another verifier, made new and put in the place of the old one whole: nothing of it is
ever edited while a thread verifies with it. Decisions are kept under `trusted_roots_digest`, so those that rest on the
old roots are no longer found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from sealgate.adapters.signatures.trusted_roots import LogKey, TrustedRootFile
from sealgate.evidence.keys import PublicKey
from sealgate.evidence.reason import Reason
from sealgate.evidence.signature import Candidate, KeylessSigner, LogProof, RejectedCandidate, VerifiedSignature
from sealgate.ports import SignatureVerifier

DEFAULT: Final = "default"
"""The name of the root that vouches where a policy names none, and for the log entries of signatures by key."""

MakeVerifier: TypeAlias = Callable[[Mapping[str, TrustedRootFile]], SignatureVerifier]
"""Makes a verifier of the roots there are; raises `ConfigurationInvalid`."""

# What is refused because of what a root says, or does not say yet: with another root the answer may be another.
_MAY_BE_THE_ROOT: Final = frozenset(
    {
        Reason.CERTIFICATE_CHAIN_UNTRUSTED,
        Reason.SCT_INVALID,
        Reason.TRUSTED_ROOT_KEY_OUTSIDE_VALIDITY,
        Reason.LOG_PROMISE_INVALID,
        Reason.LOG_CHECKPOINT_INVALID,
        Reason.TIMESTAMP_INVALID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootState:
    """How one trusted root stands.

    Args:
        root: the root; None while its repository has never been reached.
        confirmed: when its repository last said that it is the current one; None for a file, and for the copy that is
            shipped.
        expires: until when the repository's word for it holds; None where there is none that could run out.
        problem: why the last attempt to refresh it failed; "" when it did not.
    """

    root: TrustedRootFile | None
    confirmed: datetime | None = None
    expires: datetime | None = None
    problem: str = ""

    def age(self, now: datetime) -> timedelta | None:
        """How long ago it was confirmed; None where nobody ever did."""
        return None if self.confirmed is None else now - self.confirmed

    def holds(self, now: datetime) -> bool:
        """Whether it may be rested on."""
        return self.root is not None and (self.expires is None or now <= self.expires)


class TrustedRoots:
    """`ports.SignatureVerifier` on the roots that are in use now.

    A root whose repository could not be reached until its word ran out admits nothing, nor does one that was never
    there: what would rest on it is in doubt (`trusted-root-unusable`), not refused.

    Args:
        states: every root of the settings, by name.
        make: makes the verifier.

    Raises:
        ConfigurationInvalid: a root cannot be used.
    """

    def __init__(self, states: Mapping[str, RootState], make: MakeVerifier) -> None:
        self._make = make
        self._current = self._made(states)

    @property
    def states(self) -> Mapping[str, RootState]:
        """How each root stands: for health, metrics and logs."""
        return self._current.states

    @property
    def version(self) -> str:
        """That of the verifier."""
        return self._current.verifier.version

    @property
    def trusted_roots_digest(self) -> str:
        """That of the roots in use now."""
        return self._current.verifier.trusted_roots_digest

    def logs(self) -> tuple[LogKey, ...]:
        """The transparency logs of the roots in use now, those of `default` first."""
        names = sorted(self.states, key=lambda name: (name != DEFAULT, name))
        roots = [root for name in names if (root := self.states[name].root) is not None]
        return tuple(log for root in roots for log in root.logs.values())

    @property
    def now(self) -> "RootsInUse":
        """The roots in use now: a verifier that stays with them, whatever comes later."""
        return self._current

    def put(self, name: str, state: RootState) -> None:
        """Use this state of a root from now on. What is being verified ends with what it began with.

        Raises:
            ConfigurationInvalid: the root cannot be used; what was in use stays.
        """
        self.use({name: state})

    def use(self, changed: Mapping[str, RootState]) -> None:
        """Use these states from now on, all of them at once. Raises as `put`."""
        states = {**self.states, **changed}
        if any(_digest(states[name]) != _digest(self.states[name]) for name in changed):
            self._current = self._made(states)
        elif states != self.states:
            self._current = RootsInUse(states, self._current.verifier)

    def verify(
        self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime
    ) -> VerifiedSignature | RejectedCandidate:
        """As the verifier does, as far as the roots still hold. Total, as that is."""
        return self._current.verify(candidate, keys, now)

    def _made(self, states: Mapping[str, RootState]) -> "RootsInUse":
        usable = {name: state.root for name, state in states.items() if state.root is not None}
        return RootsInUse(states, self._make(usable))


_UNUSABLE: Final = Reason.TRUSTED_ROOT_UNUSABLE


@dataclass(frozen=True, slots=True)
class RootsInUse:
    """`ports.SignatureVerifier` on roots that never change.

    Args:
        states: they, by name.
        verifier: what is made of them.
    """

    states: Mapping[str, RootState]
    verifier: SignatureVerifier

    @property
    def version(self) -> str:
        """That of the verifier."""
        return self.verifier.version

    @property
    def trusted_roots_digest(self) -> str:
        """That of the roots."""
        return self.verifier.trusted_roots_digest

    def verify(
        self, candidate: Candidate, keys: Sequence[PublicKey], now: datetime
    ) -> VerifiedSignature | RejectedCandidate:
        """See `TrustedRoots.verify`."""
        found = self.verifier.verify(candidate, keys, now)
        if isinstance(found, VerifiedSignature):
            return _resting_on(found, self.states, now)
        out = sorted(name for name, state in self.states.items() if not state.holds(now))
        if out and found.reason in _MAY_BE_THE_ROOT:
            return replace(found, reason=_UNUSABLE, detail=f"{_told(out[0], self.states)}; {found.detail}")
        return found


def _resting_on(
    found: VerifiedSignature, states: Mapping[str, RootState], now: datetime
) -> VerifiedSignature | RejectedCandidate:
    """The fact with the end of the root it rests on; none, when that is over.

    A key rests on none but for what came with it: a log entry, or a timestamp, on whose word its window and how fresh
    it is are judged (attacks A3).

    `decide` keeps no admission past `expires`.
    """
    if isinstance(found.signer, KeylessSigner):
        name = found.signer.trusted_root
    elif found.log is not LogProof.NONE or found.timestamps:
        name = DEFAULT
    else:
        return found
    state = states[name]
    if not state.holds(now):
        return RejectedCandidate(source=found.source, reason=_UNUSABLE, detail=_told(name, states))
    if state.expires is None:
        return found
    return replace(found, expires=min(state.expires, found.expires or state.expires))


def _digest(state: RootState) -> str:
    return "" if state.root is None else state.root.digest


def _told(name: str, states: Mapping[str, RootState]) -> str:
    state = states[name]
    if state.expires is None:
        return f"the trusted root {name} has not been fetched yet"
    return f"the trusted root {name} could not be refreshed since it ran out at {state.expires:%Y-%m-%d %H:%M} UTC"
