"""`sealgate holds`: pushes that wait for their signature, in the state of a gate."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from sealgate.cli.exits import Exit, readable_errors
from sealgate.cli.options import Json, SettingsFile, settings_from
from sealgate.cli.tables import console, table
from sealgate.errors import ConfigurationInvalid
from sealgate.limits import HOLD_SWEEP_SECONDS
from sealgate.oci.reference import named
from sealgate.oci.strict_json import Json as JsonValue
from sealgate.policy.hold import Hold
from sealgate.policy.moments import told
from sealgate.ports import Holds
from sealgate.settings import Overrides
from sealgate.wiring_state import open_holds

app = typer.Typer(no_args_is_help=True)

_PAGE: Final = 500
_WAIT_SECONDS: Final = 6 * HOLD_SWEEP_SECONDS  # a running gate looks every `HOLD_SWEEP_SECONDS`
_LOOK_SECONDS: Final = 0.2

State = Annotated[
    str | None,
    typer.Option(metavar="sqlite:///PATH|postgresql://…", help="The gate's state, where no settings file names it."),
]
Name = Annotated[str, typer.Argument(metavar="HOLD", help="Its name, as `holds list` has it.")]


@app.callback()
def _group() -> None:
    """Pushes that wait for their signature."""


@app.command("list")
def list_(settings: SettingsFile = None, state: State = None, as_json: Json = False) -> None:
    """List what waits, oldest first."""
    with readable_errors():
        found = asyncio.run(_every(settings, state))
    if as_json:
        print(json.dumps([_json(hold) for hold in found], indent=2))
        return
    if not found:
        print("nothing waits for a signature")
        return
    rows = [
        (
            hold.identifier,
            named(hold.repository, hold.tag),
            hold.pusher or "-",
            told(hold.held_at),
            told(hold.deadline),
            "moves by itself" if hold.releases else "was rejected",
            f"{hold.reason}: {hold.text}",
        )
        for hold in found
    ]
    console().print(table("", ("HOLD", "TAG", "PUSHED BY", "SINCE", "UNTIL", "WHEN SIGNED", "WAITS FOR"), rows))


@app.command()
def show(name: Name, settings: SettingsFile = None, state: State = None, as_json: Json = False) -> None:
    """Show one: what the tag was to point to, and why it does not."""
    with readable_errors():
        hold = asyncio.run(_one(settings, state, name))
    if as_json:
        print(json.dumps(_json(hold), indent=2))
        return
    for key, value in _json(hold).items():
        if value not in (None, ""):
            console().print(f"{key.replace('_', ' '):>10}  {value}", markup=False, soft_wrap=True)


@app.command()
def release(
    name: Name,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is written into the decision log.")],
    settings: SettingsFile = None,
    state: State = None,
) -> None:
    """Have the running gate judge it again, and move its tag if the policies are satisfied.

    No policy is overruled: for what is not signed, write an exception into the policy first. Exit status: 0 the tag
    has moved, 1 it has not, 3 no running gate has looked at it.
    """
    with readable_errors():
        if not reason.strip() or not reason.isprintable():
            raise ConfigurationInvalid("--reason is a line of text")
        raise typer.Exit(asyncio.run(_release(settings, state, name, reason.strip())))


@app.command()
def drop(name: Name, settings: SettingsFile = None, state: State = None) -> None:
    """End it: the tag stays where it is. What was pushed is left to the registry's garbage collection."""
    with readable_errors():
        hold = asyncio.run(_drop(settings, state, name))
    print(f"{named(hold.repository, hold.tag)} is held no longer, and points where it pointed")


@asynccontextmanager
async def _opened(settings: SettingsFile, state: State) -> AsyncIterator[Holds]:
    upstream, policies = ("http://localhost", ("policies",)) if settings is None else (None, ())
    made = settings_from(settings, Overrides(state=state, upstream=upstream, policies=policies))
    if made.state is None:
        raise ConfigurationInvalid("this gate keeps its state in memory: give --settings, or --state sqlite:///PATH")
    if isinstance(made.state, Path) and not made.state.exists():
        raise ConfigurationInvalid(f"{made.state} is not there")
    held = await open_holds(made.state)
    try:
        yield held
    finally:
        await held.close()


async def _every(settings: SettingsFile, state: State) -> list[Hold]:
    found: list[Hold] = []
    async with _opened(settings, state) as held:
        while page := await held.every(found[-1].identifier if found else "", _PAGE):
            found.extend(page)
    return found


async def _found(held: Holds, name: str) -> Hold:
    if (hold := await held.with_identifier(name)) is None:
        raise ConfigurationInvalid(f"there is no hold {name}: it has ended, or never was (`sealgate holds list`)")
    return hold


async def _one(settings: SettingsFile, state: State, name: str) -> Hold:
    async with _opened(settings, state) as held:
        return await _found(held, name)


async def _drop(settings: SettingsFile, state: State, name: str) -> Hold:
    async with _opened(settings, state) as held:
        hold = await _found(held, name)
        await held.end(name)
        return hold


async def _release(settings: SettingsFile, state: State, name: str, reason: str) -> Exit:
    async with _opened(settings, state) as held:
        hold = await _found(held, name)
        await held.ask(name, reason)
        print(f"{named(hold.repository, hold.tag)} is to be judged again: waiting for the gate …")
        for _ in range(int(_WAIT_SECONDS / _LOOK_SECONDS)):
            now = await held.with_identifier(name)
            if now is None:
                print("the hold has ended; the decision log says whether the tag has moved or was pushed anew")
                return Exit.ADMIT
            if not now.due:
                print(f"it still waits: {now.reason}: {now.text}")
                return Exit.DENY
            await asyncio.sleep(_LOOK_SECONDS)
        print("no gate has looked at it: is one running on this state? It will be judged when one does")
        return Exit.UNDETERMINED


def _json(hold: Hold) -> dict[str, JsonValue]:
    return {
        "hold": hold.identifier,
        "repository": hold.repository.name,
        "tag": hold.tag.name,
        "digest": str(hold.digest),
        "pointed_to": None if hold.pointed is None else str(hold.pointed),
        "pushed_by": hold.pusher or None,
        "since": hold.held_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "until": hold.deadline.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "releases_itself": hold.releases,
        "policy": hold.policy or None,
        "reason": hold.reason.value,
        "text": hold.text,
    }
