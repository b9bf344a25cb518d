"""An answer that is not what was asked for: one OCI error, its status and its headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sealgate.errors import SealgateError
from sealgate.oci.wire import ErrorCode

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One OCI error, before it is bytes.

    Args:
        phrase: the HTTP reason phrase; "" is the standard one of the status.
        headers: what else the answer carries; a name may stand in it more than once.
    """

    status: int
    code: ErrorCode
    message: str
    detail: Mapping[str, str] = field(default_factory=lambda: _NONE)
    phrase: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class RequestRejected(SealgateError):
    """A request that the edge itself answers, because of its form: nothing was asked of anybody."""

    def __init__(self, status: int, code: ErrorCode, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.problem = Problem(status=status, code=code, message=message, phrase=message, headers=headers)
