"""`sealgate`: the commands, put together."""

import typer

from sealgate import __version__
from sealgate.cli import check, demo, doctor, explain, holds, inspection, policy, replay, serve, state, verify_bundle

app = typer.Typer(
    name="sealgate",
    help="An admission proxy for OCI registries: what the policies do not trust neither gets in nor comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"sealgate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _show: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """An admission proxy for OCI registries."""


app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("explain")(explain.explain)
app.command("replay")(replay.replay)
app.command("inspect")(inspection.inspect)
app.command("verify-bundle")(verify_bundle.verify_bundle)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(holds.app, name="holds", help="Pushes that wait for their signature.")
app.add_typer(state.app, name="state", help="The database in which a gate remembers.")
app.add_typer(policy.app, name="policy", help="Check, try and explain policies.")


def main() -> None:
    """The entry point of the `sealgate` program."""
    app()


if __name__ == "__main__":
    main()
