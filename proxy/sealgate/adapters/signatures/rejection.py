"""Why a candidate is no signature: how the steps of a verification end early."""

from sealgate.evidence.reason import Reason


class Rejected(Exception):  # it never leaves this package: the verifier turns it into a finding
    """A step that does not hold.

    Args:
        reason: its stable code.
        detail: a sentence for people. Foreign text in it need not be clean yet: the verifier makes it printable.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
