"""Points and lengths of time, as people write them in policies."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sealgate.errors import ConfigurationInvalid

_MOMENT: Final = re.compile(  # RFC 3339 section 5.6
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([mhdw])", re.ASCII)  # at most 99,999 weeks: time has no end by then
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """A date and time with its time zone, in UTC.

    Raises:
        ConfigurationInvalid: it is none. A date alone is none either: its day begins at another moment in each zone.
    """
    try:
        return datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "").astimezone(UTC)
    except (ValueError, OverflowError) as bad:
        told = f"{text} is not a date and time with its time zone"
        raise ConfigurationInvalid(told) from bad


def span(text: str) -> timedelta:
    """A length of time: a number and `m`, `h`, `d` or `w`.

    Raises:
        ConfigurationInvalid: it is none.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ConfigurationInvalid(f"{text} is not a length of time")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def told(when: datetime) -> str:
    """A point of time, for people."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
