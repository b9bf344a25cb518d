"""`sealgate serve`: the gate, until it is told to stop."""

import asyncio
import contextlib
import logging
import resource
import signal
import sys
from functools import partial
from typing import Annotated, Final

import typer

from sealgate.adapters import log
from sealgate.adapters.reading import Reading
from sealgate.cli.exits import readable_errors
from sealgate.cli.options import Policies, SettingsFile, TrustedRoot, Upstream, policies_from, settings_from, with_port
from sealgate.errors import UpstreamRefused, UpstreamUnavailable
from sealgate.http.server import Running
from sealgate.http.server import serve as listen_on
from sealgate.limits import DRAIN_SECONDS
from sealgate.policy.model import PolicySet
from sealgate.ports import Access, Registry
from sealgate.settings import Overrides, Settings, UpstreamSettings
from sealgate.wiring import decision_log, gate, listener_tls
from sealgate.wiring_admin import admin, warnings

_log: Final = logging.getLogger("sealgate")


def serve(
    settings: SettingsFile = None,
    upstream: Upstream = None,
    policies: Policies = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
    ] = None,
    public_url: Annotated[str | None, typer.Option(metavar="URL", help="What clients call the gate.")] = None,
    trusted_root: TrustedRoot = None,
    unmatched: Annotated[
        str | None, typer.Option(metavar="deny|warn|admit", help="What happens where no policy covers.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="memory|sqlite:///PATH|postgresql://…", help="Where to remember what was seen."),
    ] = None,
    decisions: Annotated[
        str | None, typer.Option("--decision-log", metavar="FILE", help="Where to write decisions; - is stdout.")
    ] = None,
) -> None:
    """Serve the gate in front of a registry.

    Flags win over SEALGATE_… variables, and those over the settings file. Policies, keys and trusted roots are read
    again when their files change, and on SIGHUP. It stops on SIGTERM or SIGINT, once requests in flight are through.
    """
    log.set_up("human", sys.stderr)
    flags = Overrides(
        listen=listen,
        public_url=public_url,
        upstream=upstream,
        policies=policies or (),
        unmatched=unmatched,
        trusted_root=trusted_root,
        state=state,
        decision_log=decisions,
    )
    _raise_limit_of_open_files()
    with readable_errors():
        made = with_port(settings_from(settings, flags))
        log.set_up(made.log_format, sys.stderr)
        reading = Reading()
        asyncio.run(_serve(made, policies_from(made, reading), reading))


async def _serve(settings: Settings, policies: PolicySet, reading: Reading) -> None:
    told = _Told()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, told)
    decisions = decision_log(settings)
    async with (
        gate(settings, policies, decisions, reading=reading) as made,
        listener_tls(settings) as tls,
        contextlib.AsyncExitStack() as watching,
    ):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, partial(made.reloader.ask, afresh=True))
        running = await listen_on(made.edge, settings.host, settings.port, tls=tls)
        watched = await watching.enter_async_context(admin(made.known, lambda: running.leaving))
        _log.info(
            "listening on %s://%s:%d for %s, %d policies (set %s)",
            "https" if tls else "http", running.host, running.port, ", ".join(each.url for each in settings.upstreams),
            len(policies.policies), policies.digest[:12],
        )  # fmt: skip
        if watched is not None:
            _log.info("health and metrics on http://%s:%d", watched.host, watched.port)
        for warning in warnings(settings):
            _log.warning("%s", warning)
        await asyncio.gather(*(_look_at(made.core.registries[each.name], each) for each in settings.upstreams))
        await told.stop.wait()
        await _stop(running, settings.drain, told.hurry)
    _log.info("stopped")


class _Told:
    """What signals say: the first one to stop, a further one to hurry."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def __call__(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


async def _stop(running: Running, drain: float, hurry: asyncio.Event) -> None:
    """Leave so that no client notices, or at once when told to hurry (attacks F12)."""
    running.leave()
    if drain:
        _log.info("leaving: connections are accepted for %d s more", drain)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), drain)
    if not hurry.is_set():
        _log.info("stopping: requests in flight have %d s to finish", DRAIN_SECONDS)
    stopping = asyncio.create_task(running.stop(0 if hurry.is_set() else DRAIN_SECONDS))
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait((stopping, hurrying), return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        _log.info("told again: requests in flight are broken off")
        stopping.cancel()
        await asyncio.wait((stopping,))
        await running.stop(0)
    hurrying.cancel()


def _raise_limit_of_open_files() -> None:
    """To what the system lets this process have, as Go programs do: 1024, a usual default, is for `select`."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _look_at(registry: Registry, said: UpstreamSettings) -> None:
    """Say so at once when a registry cannot be reached. The gate serves all the same: it may come up later."""
    try:
        await registry.ping(Access())
    except UpstreamRefused:
        return  # it wants credentials, which clients bring
    except UpstreamUnavailable as error:
        _log.warning("upstream %s (%s) cannot be reached yet: %s", said.name, said.url, error)
