"""Why a candidate is no signature: how the steps of a verification end early."""

from sealgate.evidence.reason import Reason
from sealgate.oci.wire import printable

_DETAIL_CHARACTERS = 400


class Rejected(Exception):  # it never leaves this package: the verifier turns it into a finding
    """A step that does not hold.

    Args:
        reason: its stable code.
        detail: a sentence for people; foreign text in it is made printable.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = printable(detail, _DETAIL_CHARACTERS)
