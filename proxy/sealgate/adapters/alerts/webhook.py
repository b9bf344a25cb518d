"""A webhook that is told of alerts, one after the other; what it cannot hear is tried again, until it is too late."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from sealgate import __version__
from sealgate.adapters.alerts.forms import Said
from sealgate.adapters.alerts.outbox import Outbox, Waiting
from sealgate.adapters.proxies import proxy_for
from sealgate.limits import (
    ALERT_AGE_SECONDS,
    ALERT_ANSWER_SECONDS,
    ALERT_RETRY_MOST_SECONDS,
    ALERT_RETRY_SECONDS,
    ALERT_TRIES,
)
from sealgate.ports import Clock

_log: Final = logging.getLogger(__name__)
_OLD: Final = timedelta(seconds=ALERT_AGE_SECONDS)
_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Webhook:
    """Tells one place.

    Its URL is a secret (whoever has Slack's may write there), so no message holds more of it than the host.
    Redirects are not followed. The proxy variables of the environment are heeded.

    Args:
        url: where to.
        said: how an alert is said.
        outbox: what is to be told.
        clock: how old an alert is.
        pause: how it waits, in seconds.
    """

    def __init__(
        self,
        url: str,
        said: Callable[[Waiting], Said],
        outbox: Outbox,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = URL(url, encoded=True)
        self._host = urlsplit(url).netloc
        self._said = said
        self._outbox = outbox
        self._clock = clock
        self._pause = pause
        self._complained = False

    async def run(self) -> None:
        """Tell whatever the outbox has, until cancelled."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, resolver=aiohttp.ThreadedResolver()),
            timeout=aiohttp.ClientTimeout(total=ALERT_ANSWER_SECONDS),
            headers={"User-Agent": f"sealgate/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # it would send what ~/.netrc holds
        ) as session:
            retry = ALERT_RETRY_SECONDS
            while True:
                waiting = await self._outbox.take()
                kind, body = self._said(waiting)
                problem, final, wait = await self._once(session, kind, body)
                if not problem:
                    self._outbox.done(waiting, "sent")
                    retry, self._complained = ALERT_RETRY_SECONDS, False
                    continue
                if final or waiting.tries + 1 >= ALERT_TRIES or self._clock.now() >= waiting.alert.at + _OLD:
                    _log.error(
                        "an alert could not be told to %s: %s: %s", self._host, problem, waiting.alert.identifier
                    )
                    self._outbox.done(waiting, "failed")
                    if final:
                        continue
                else:
                    self._outbox.again(waiting)
                if not self._complained:
                    _log.warning("alerts cannot be told to %s, and are tried again: %s", self._host, problem)
                    self._complained = True
                spread = retry * random.uniform(0.5, 1)  # noqa: S311 - so that not all gates come back at once
                await self._pause(min(max(wait, spread), ALERT_RETRY_MOST_SECONDS))
                retry = min(retry * 2, ALERT_RETRY_MOST_SECONDS)

    async def _once(self, session: aiohttp.ClientSession, kind: str, body: bytes) -> tuple[str, bool, float]:
        """What went wrong, "" for nothing; whether it will again; and how many seconds it wants to be left alone."""
        try:
            async with session.post(
                self._url,
                data=body,
                headers={"Content-Type": kind},
                allow_redirects=False,
                proxy=proxy_for(str(self._url)),
            ) as answer:  # its body is nothing to us
                status = answer.status
                wait = answer.headers.get("Retry-After", "")
        # Whatever goes wrong with one alert, the next one is told. The error's text may hold the URL.
        except Exception as error:  # noqa: BLE001
            return type(error).__name__, False, 0
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return "", False, 0
        later = status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return f"it answered {status}", not later, float(wait) if wait.isascii() and wait.isdecimal() else 0
