"""Who is told of what, as the settings say."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from sealgate.adapters import files
from sealgate.adapters.alerts.forms import FORMS
from sealgate.adapters.alerts.outbox import Counted, Outbox
from sealgate.adapters.alerts.webhook import Webhook
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import ALERTS_LEAVE_SECONDS
from sealgate.policy.alert import Alert
from sealgate.ports import Clock
from sealgate.settings import AlertSettings, Settings, webhook_of

_log: Final = logging.getLogger(__name__)


@asynccontextmanager
async def alerting(settings: Settings, clock: Clock, counted: Counted) -> AsyncIterator["Alerts"]:
    """Tells the webhooks of the settings, in the background.

    Args:
        settings: which webhooks, and what the gate is called.
        clock: how old an alert is.
        counted: what came of each alert.

    Raises:
        ConfigurationInvalid: a file with a URL cannot be used.
    """
    outboxes = [Outbox(said.on, clock, counted) for said in settings.alerts]
    webhooks = [
        Webhook(_url(said), partial(FORMS[said.form], settings.called), outbox, clock)
        for said, outbox in zip(settings.alerts, outboxes, strict=True)
    ]
    running = [asyncio.create_task(webhook.run()) for webhook in webhooks]

    try:
        yield Alerts(outboxes)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(ALERTS_LEAVE_SECONDS):
                await asyncio.gather(*(outbox.empty() for outbox in outboxes))
        if lost := sum(map(len, outboxes)):
            _log.warning("%d alerts could not be told before the gate stopped", lost)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


class Alerts:
    """Takes alerts for every webhook that wants them."""

    def __init__(self, outboxes: Sequence[Outbox]) -> None:
        self._outboxes = outboxes

    def offer(self, alert: Alert) -> None:
        """Take one. Never waits, never raises."""
        for outbox in self._outboxes:
            outbox.offer(alert)

    def waiting(self) -> int:
        """How many are yet to be told."""
        return sum(map(len, self._outboxes))


def _url(said: AlertSettings) -> str:
    if said.url_file is None:
        return said.url
    try:
        url = webhook_of(files.read(said.url_file).decode("ascii").strip())
    except UnicodeDecodeError:
        url = ""
    if not url:
        raise ConfigurationInvalid(f"alerts: {said.url_file} holds no URL of a webhook")
    return url
