"""`alerts`: the webhooks that are told of what happens."""

import re
from collections.abc import Mapping
from typing import Any, Final

from sealgate.limits import ALERT_URL_CHARACTERS
from sealgate.policy.alert import AlertKind
from sealgate.settings.given import Given
from sealgate.settings.model import AlertSettings
from sealgate.settings.network import origin_of

# What may follow an origin (RFC 3986, sections 3.3 and 3.4); a fragment is for nobody but browsers.
_REST: Final = re.compile(r"(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?", re.ASCII)
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.ASCII | re.IGNORECASE)


def read_alerts(given: Given) -> tuple[AlertSettings, ...]:
    """Every webhook."""
    return tuple(_one(given, position, said) for position, said in enumerate(given.value("alerts", ())))


def webhook_of(text: str) -> str:
    """The URL of a webhook, put together again; "" when it is none."""
    found = _ORIGIN.match(text)
    if found is None or len(text) > ALERT_URL_CHARACTERS:
        return ""
    origin, rest = origin_of(found[0]), text[found.end() :]
    return origin + (rest or "/") if origin and _REST.fullmatch(rest) else ""


def _one(given: Given, position: int, said: Mapping[str, Any]) -> AlertSettings:
    url = webhook_of(said.get("url", ""))
    if "url" in said and not url:
        given.refuse_unseen("alerts", f"alerts[{position}].url is no URL", "as in https://hooks.example/sealgate")
    return AlertSettings(
        url=url,
        url_file=given.path("alerts", said["url_file"]) if "url_file" in said else None,
        form=said.get("format", "cloudevents"),
        on=frozenset(map(AlertKind, said.get("on", AlertKind))),
    )
