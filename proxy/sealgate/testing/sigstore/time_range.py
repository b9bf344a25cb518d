"""When a trusted root trusts one of its parts (`TimeRange` of sigstore_common.proto)."""

from dataclasses import dataclass
from datetime import datetime

from sealgate.testing.sigstore.encoding import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """From when until when, both ends included.

    Args:
        start: the first moment.
        end: the last one; None: it is trusted still.
    """

    start: datetime
    end: datetime | None = None

    @property
    def json(self) -> dict[str, str]:
        """As a trusted root writes it: without an end where there is none."""
        return {"start": rfc3339(self.start)} | ({} if self.end is None else {"end": rfc3339(self.end)})
