"""How the gate's own log is written: one event is one entry, whatever is in it (attacks B40).

Everything goes through here, what libraries say too. In lines for people control characters are escaped, and what is of
more than one line is set off, so that nothing in an event looks like another event.
"""

import json
import logging
import re
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_stamp: Final = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
_ITS_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_BARE: Final = re.compile(r"[!#-<>-~]+")  # printable ASCII but quotation marks and `=`
_FIRST: Final = ("time", "level", "logger", "event", "exception")


def set_up(form: str, stream: TextIO) -> None:
    """Write the log of this process from now on.

    Args:
        form: `human`, or `json` for an object a line.
        stream: where to.
    """
    render: Processor = structlog.processors.JSONRenderer(ensure_ascii=True) if form == "json" else _human
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(render))
    root = logging.getLogger()
    root.handlers = [handler]
    # Of libraries only what is wrong: watchfiles has a line for each change, and the log may lie in a watched folder.
    root.setLevel(logging.WARNING)
    logging.getLogger("sealgate").setLevel(logging.INFO)


class _Formatter(logging.Formatter):
    """structlog's processors for what comes through `logging`, as all of it does.

    structlog's own formatter makes two more records of each, which takes as long as all the rest of a line.
    """

    def __init__(self, render: Processor) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        event = {name: value for name, value in vars(record).items() if name not in _ITS_OWN}
        event |= {"event": record.getMessage(), "level": record.levelname.lower(), "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        told = structlog.processors.format_exc_info(None, "", _stamp(None, "", event))
        return str(self._render(None, "", told))


def _human(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    said = {name: value for name, value in event.items() if name not in _FIRST and value is not None}
    told = " ".join(f"{name}={_value(value)}" for name, value in said.items())
    text = f"{event['event']} {told}".strip()
    if "exception" in event:
        text += f"\n{event['exception']}"
    first, *more = (_plain(line) for line in text.split("\n"))
    head = f"{event['time'][:19]}Z {event['level'].upper()} {event['logger']}: {first}"
    return "\n".join((head, *(f"    | {line}" for line in more)))


def _value(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)


def _plain(text: str) -> str:
    if text.isprintable():  # as nearly all are
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
