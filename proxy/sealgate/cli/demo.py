"""`sealgate demo`: a registry, a private Sigstore, images, and the gate in front, to try; gone when it ends."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from io import BytesIO
from typing import Annotated

import typer

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.decision_log import JsonLinesLog
from sealgate.adapters.reading import Reading
from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.options import Json, with_port
from sealgate.cli.tables import console, table
from sealgate.http.server import Running, serve
from sealgate.settings import Settings, TrustedRootSettings, UpstreamSettings
from sealgate.testing.demo import World, try_everything, world
from sealgate.wiring import gate, load_policies

_STOP_SECONDS = 2.0


def demo(
    check: Annotated[bool, typer.Option("--check", help="Try every step once, say what came of it, and end.")] = False,
    as_json: Json = False,
    port: Annotated[int, typer.Option(help="Where the gate listens on 127.0.0.1; 0 takes a free port.")] = 0,
) -> None:
    """Show the gate at work, with nothing to set up.

    Starts a throw-away registry in memory and a private Sigstore, puts signed and unsigned images there, serves the
    gate and says what to try. With --check it tries everything itself and exits 0 only if all came out as it should.
    """
    with readable_errors():
        good = asyncio.run(_check(as_json=as_json) if check else _show(port))
    raise typer.Exit(Exit.ADMIT if good else Exit.DENY)


@asynccontextmanager
async def _running(port: int) -> AsyncIterator[tuple[World, Running]]:
    async with world(SystemClock()) as made:
        settings = with_port(
            Settings(
                port=port,
                upstreams=(UpstreamSettings(name="default", url=made.registry.url),),
                policies=(made.policies,),
                trusted_roots={"default": TrustedRootSettings(file=made.policies / "trusted_root.json")},
            )
        )
        reading = Reading()
        policies = load_policies(settings.policies, {}, reading=reading).policy_set(settings.unmatched)
        async with gate(settings, policies, JsonLinesLog(BytesIO()), reading=reading) as built:
            running = await serve(built.edge, settings.host, settings.port)
            try:
                yield made, running
            finally:
                await running.stop(_STOP_SECONDS)


async def _check(*, as_json: bool) -> bool:
    async with _running(0) as (made, running):
        steps = await try_everything(made, f"http://127.0.0.1:{running.port}")
    good = all(step.ok for step in steps)
    if as_json:
        print(json.dumps({"ok": good, "steps": [{**asdict(step), "ok": step.ok} for step in steps]}, indent=2))
        return good
    out = console()
    rows = [("ok" if step.ok else "WRONG", step.what, step.expected, step.got) for step in steps]
    out.print(table("", ("", "TRIED", "EXPECTED", "ANSWER"), rows))
    story = next((step.story for step in steps if step.story), "")
    out.print(f"\nWhat a person reads:\n{story}\n", markup=False)
    wrong = sum(not step.ok for step in steps)
    out.print(f"{len(steps) - wrong} passed, {wrong} failed", markup=False)
    return good


async def _show(port: int) -> bool:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with _running(port) as (made, running):
        host = f"127.0.0.1:{running.port}"
        console().print(_GUIDE.format(host=host, registry=made.registry.host, policies=made.policies), markup=False)
        await stop.wait()
    return True


_GUIDE = """\
The gate is at {host}, in front of a registry at {registry}.
Its policies are in {policies}: demo/** is signed with a key, keyless/** by an identity.

Signed, so it comes out:
  curl -sI http://{host}/v2/demo/signed/manifests/1.0.0
  skopeo inspect --raw --tls-verify=false docker://{host}/demo/signed:1.0.0

Not signed, so it does not, and it says why:
  curl -s http://{host}/v2/demo/unsigned/manifests/1.0.0
  docker pull {host}/demo/unsigned:1.0.0

Signed without a key, by the right identity and by another:
  curl -sI http://{host}/v2/keyless/app/manifests/1.0.0
  curl -s http://{host}/v2/keyless/other/manifests/1.0.0

The registry itself would have served them all:
  curl -sI http://{registry}/v2/demo/unsigned/manifests/1.0.0

Stop it with Ctrl-C; `sealgate demo --check` tries all this and more by itself."""
