"""How alerts are said: CloudEvents, or what Slack and Teams show.

Text that others choose (signers, clients, registries) is plain text in each: it makes no link and calls nobody.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from sealgate.adapters.alerts.outbox import Waiting
from sealgate.limits import ALERT_CHARACTERS
from sealgate.oci.strict_json import Json
from sealgate.oci.wire import printable
from sealgate.policy.alert import Alert

Said: TypeAlias = tuple[str, bytes]
"""A content type, and a body."""


def cloud_event(source: str, waiting: Waiting) -> Said:
    """An event of CloudEvents 1.0 in structured mode (JSON Event Format, section 3).

    Args:
        source: what the gate is called.
        waiting: the alert.
    """
    alert = waiting.alert
    data: dict[str, Json] = {"text": _text(waiting), **_facts(alert)}
    data |= {"repeated": waiting.repeated, "dropped": waiting.dropped}
    event: dict[str, Json] = {
        "specversion": "1.0",
        "id": alert.identifier,
        "source": source,
        "type": f"sealgate.{alert.kind.value}.v1",
        "subject": alert.subject,
        "time": _moment(alert.at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return "application/cloudevents+json; charset=utf-8", _json(event)


def slack(source: str, waiting: Waiting) -> Said:
    """A message for an incoming webhook of Slack (docs.slack.dev, "Block Kit": `plain_text` is not parsed)."""
    blocks: list[Json] = [
        {"type": "section", "text": _plain(_title(waiting))},
        {"type": "context", "elements": [_plain(_rest(waiting, source))]},
    ]
    if text := _text(waiting):
        blocks.insert(1, {"type": "section", "text": _plain(text)})
    # What notifications show. It is parsed, so it holds nothing but a kind and a reference, escaped.
    short = _title(waiting).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "application/json", _json({"text": short, "blocks": blocks})


def teams(source: str, waiting: Waiting) -> Said:
    """An Adaptive Card for a workflow of Teams (adaptivecards.io: a `TextRun` is no Markdown, a `TextBlock` is)."""
    lines = [_line(_title(waiting), weight="bolder"), _line(_rest(waiting, source), isSubtle=True)]
    if text := _text(waiting):
        lines.insert(1, _line(text))
    card: Json = {"type": "AdaptiveCard", "version": "1.4", "body": [*lines]}
    kind = "application/vnd.microsoft.card.adaptive"
    return "application/json", _json({"type": "message", "attachments": [{"contentType": kind, "content": card}]})


FORMS: Final[Mapping[str, Callable[[str, Waiting], Said]]] = MappingProxyType(
    {"cloudevents": cloud_event, "slack": slack, "teams": teams}
)
"""By the name that the settings give them."""


def _title(waiting: Waiting) -> str:
    return f"sealgate: {waiting.alert.kind.value}: {waiting.alert.subject}"


def _text(waiting: Waiting) -> str:
    return "\n".join(printable(line, ALERT_CHARACTERS) for line in waiting.alert.text[:ALERT_CHARACTERS].splitlines())


def _facts(alert: Alert) -> dict[str, str]:
    return {name: printable(value, ALERT_CHARACTERS) for name, value in alert.facts.items()}


def _rest(waiting: Waiting, source: str) -> str:
    told = [f"{name}: {value}" for name, value in _facts(waiting.alert).items()]
    if waiting.repeated:
        told.append(f"and {waiting.repeated} times more since this was told")
    if waiting.dropped:
        told.append(f"{waiting.dropped} others before it were too many to be told")
    told += [waiting.alert.identifier, _moment(waiting.alert.at), source]
    return " · ".join(told)[:ALERT_CHARACTERS]


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def _line(text: str, **how: Json) -> Json:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **how}]}


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
