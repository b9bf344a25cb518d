"""`sealgate state`: the tables in which a gate remembers."""

from typing import Annotated

import typer

from sealgate.cli.exits import readable_errors
from sealgate.cli.options import SettingsFile, settings_from
from sealgate.errors import ConfigurationInvalid
from sealgate.settings import Overrides
from sealgate.wiring_state import upgrade as upgraded

app = typer.Typer(no_args_is_help=True)

State = Annotated[
    str | None,
    typer.Option(metavar="sqlite:///PATH|postgresql://…", help="The state, where no settings file names it."),
]


@app.callback()
def _group() -> None:
    """The database in which a gate remembers."""


@app.command()
def upgrade(settings: SettingsFile = None, state: State = None) -> None:
    """Make the tables, or bring those of an earlier sealgate up to date; does nothing where they are.

    A gate does this itself with a SQLite file. With PostgreSQL, do it once before the first gate of a new version is
    started: those of the version before go on with the tables of the new one. A URL with a password is given as
    SEALGATE_STATE, or in a file that the settings name. Exit status: 0, or 2 when it cannot be done.
    """
    with readable_errors():
        upstream, policies = ("http://localhost", ("policies",)) if settings is None else (None, ())
        made = settings_from(settings, Overrides(state=state, upstream=upstream, policies=policies))
        if made.state is None:
            raise ConfigurationInvalid("this gate keeps its state in memory: give --settings, or --state")
        had, has = upgraded(made.state)
    if had is None:
        print(f"the tables of version {has} were made")
    elif had == has:
        print(f"the tables are of version {has} already")
    else:
        print(f"the tables of version {had} are of version {has} now")
