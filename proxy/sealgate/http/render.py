"""The one table from decisions and accidents to the wire (design section 7; clients.md section 3).

A refusal is 403 `DENIED` with the whole story in `message`: the one form that no client retries and that docker,
podman, skopeo, helm, oras and cosign show. "Could not check" is 503 with `Retry-After`, which the kubelet tries
again. The upstream's own 4xx stay what they are.
"""

from collections.abc import Iterable
from http import HTTPStatus
from http.client import responses
from itertools import islice
from typing import Final, TypeAlias

from sealgate.errors import (
    ContentMismatch,
    Malformed,
    RightMissing,
    SealgateError,
    StateUnavailable,
    TooLarge,
    UpstreamRefused,
    UpstreamUnavailable,
)
from sealgate.evidence.reason import UNDETERMINED, Reason
from sealgate.http.problem import Problem, RequestRejected
from sealgate.limits import MESSAGE_CHARACTERS, REASON_PHRASE_CHARACTERS, RETRY_AFTER_SECONDS, WARNINGS
from sealgate.oci.wire import ErrorCode, printable
from sealgate.policy import explain
from sealgate.policy.decision import Decision, Outcome
from sealgate.policy.model import Operation
from sealgate.policy.record import DecisionRecord

_Wire: TypeAlias = tuple[int, ErrorCode]

_DENIED: Final[_Wire] = (403, ErrorCode.DENIED)
_UNAVAILABLE: Final[_Wire] = (503, ErrorCode.UNAVAILABLE)

# A policy's denial is never MANIFEST_INVALID: containers/image would push again in three other formats. A manifest
# that is no manifest is, on push; on pull it is the registry's content, and denied.
_WIRE: Final[dict[Operation, dict[Reason, _Wire]]] = {
    Operation.PULL: {
        Reason.CONTENT_MISMATCH: (502, ErrorCode.UNAVAILABLE),
        **dict.fromkeys(UNDETERMINED, _UNAVAILABLE),
    },
    Operation.PUSH: {
        Reason.MANIFEST_TOO_LARGE: (413, ErrorCode.SIZE_INVALID),
        Reason.MANIFEST_MALFORMED: (400, ErrorCode.MANIFEST_INVALID),
        Reason.CONTENT_MISMATCH: (502, ErrorCode.UNAVAILABLE),
        **dict.fromkeys(UNDETERMINED, _UNAVAILABLE),
    },
}

_REASONS: Final[tuple[tuple[type[SealgateError], Reason], ...]] = (
    (TooLarge, Reason.MANIFEST_TOO_LARGE),
    (Malformed, Reason.MANIFEST_MALFORMED),
    (ContentMismatch, Reason.CONTENT_MISMATCH),
    (UpstreamUnavailable, Reason.UPSTREAM_UNAVAILABLE),
    (StateUnavailable, Reason.STATE_UNAVAILABLE),
)

# For an upstream's error whose code is none, or none of the specification's: podman tries unknown ones again.
_CODES: Final = {
    401: ErrorCode.UNAUTHORIZED,
    403: ErrorCode.DENIED,
    404: ErrorCode.NAME_UNKNOWN,
    413: ErrorCode.SIZE_INVALID,
    416: ErrorCode.BLOB_UPLOAD_INVALID,
    429: ErrorCode.TOOMANYREQUESTS,
}

_UNQUOTED: Final = str.maketrans({'"': "'", "\\": "/"})  # the two that a quoted-string would escape


def refused(record: DecisionRecord, image: str) -> Problem:
    """A decision that is no admission, as an answer.

    Args:
        record: the decision.
        image: what people write for the repository, for the command in the message.
    """
    decision = record.decision
    status, code = _UNAVAILABLE
    if decision.outcome is Outcome.DENY and decision.finding is not None:
        status, code = _WIRE[record.operation].get(decision.finding.reason, _DENIED)
    return Problem(
        status=status,
        code=code,
        message=explain.message(record, image),
        detail=explain.detail(record),
        phrase=explain.phrase(record),
        headers=_retry_after(status) + warnings(decision),
    )


def failed(error: SealgateError, operation: Operation) -> Problem:
    """An accident, as an answer.

    Args:
        error: what happened.
        operation: what the client was doing.
    """
    if isinstance(error, RequestRejected):
        return error.problem
    if isinstance(error, RightMissing):
        status, code = _DENIED
        return Problem(status=status, code=code, message=str(error), phrase=str(error))
    if isinstance(error, UpstreamRefused) and 400 <= error.status < 500:
        return _passed_on(error)
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), None)
    status, code = _WIRE[operation].get(reason, _DENIED) if reason else _UNAVAILABLE
    told = f"{reason}: {error}" if reason else "the gate could not answer"
    return Problem(
        status=status,
        code=code,
        message=printable(told, MESSAGE_CHARACTERS),
        detail={"reason": reason.value} if reason else {},
        phrase=told,
        headers=_retry_after(status),
    )


def unexpected() -> Problem:
    """What is said about an error that nobody foresaw: nothing."""
    status, code = _UNAVAILABLE
    return Problem(status=status, code=code, message="the gate could not answer", headers=_retry_after(status))


def warnings(decision: Decision) -> tuple[tuple[str, str], ...]:
    """What a policy that only warns would have refused, as `Warning` headers.

    Distribution-spec 1.1, "Warnings": `299 - "<text>"`, and no other form; shown by podman, skopeo and oras.
    """
    return passed_on(decision.warnings)


def passed_on(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Warnings as headers, each once."""
    told = (ascii_only(text, MESSAGE_CHARACTERS).translate(_UNQUOTED) for text in dict.fromkeys(texts))
    return tuple(("Warning", f'299 - "{text}"') for text in islice(told, WARNINGS))


def reason_phrase(problem: Problem) -> str:
    """The reason phrase of an answer: all of it that containerd, BuildKit and the kubelet show of a refusal."""
    return ascii_only(problem.phrase, REASON_PHRASE_CHARACTERS) or responses.get(problem.status, "")


def ascii_only(text: str, characters: int) -> str:
    """What may stand in a header: printable ASCII, at most so many characters."""
    return "".join(char if char.isascii() and char.isprintable() else " " for char in text)[:characters].strip()


def _retry_after(status: int) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(RETRY_AFTER_SECONDS)),) if status == HTTPStatus.SERVICE_UNAVAILABLE else ()


def _passed_on(error: UpstreamRefused) -> Problem:
    """The upstream's own 4xx with its first error: docker shows no other."""
    told = error.problems[0] if error.problems else None
    code = _CODES.get(error.status, ErrorCode.UNSUPPORTED)
    if told is not None and told.code in ErrorCode.__members__:
        code = ErrorCode(told.code)
    challenges = tuple(("WWW-Authenticate", challenge) for challenge in error.challenges)
    waiting = () if error.retry_after is None else (("Retry-After", str(error.retry_after)),)
    return Problem(
        status=error.status,
        code=code,
        message=(told.message if told else "") or str(error),
        headers=challenges + waiting,
    )
