"""Who is told of what, as the settings say."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
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
async def alerting(settings: Settings, clock: Clock, counted: Counted) -> AsyncIterator[Callable[[Alert], None]]:
    """Tells the webhooks of the settings, in the background.

    Args:
        settings: which webhooks, and what the gate is called.
        clock: how old an alert is.
        counted: what came of each alert.

    Yields:
        What takes an alert: never waits, never raises.

    Raises:
        ConfigurationInvalid: a file with a URL cannot be used.
    """
    outboxes = [Outbox(said.on, clock, counted) for said in settings.alerts]
    webhooks = [
        Webhook(_url(said), partial(FORMS[said.form], settings.called), outbox, clock)
        for said, outbox in zip(settings.alerts, outboxes, strict=True)
    ]
    running = [asyncio.create_task(webhook.run()) for webhook in webhooks]

    def offer(alert: Alert) -> None:
        for outbox in outboxes:
            outbox.offer(alert)

    try:
        yield offer
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
