"""What a command's exit status says, and how its errors look (design section 7)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

import typer

from sealgate.errors import ConfigurationInvalid, ReferenceMalformed, SealgateError
from sealgate.policy.decision import Outcome


class Exit(IntEnum):
    """The exit codes."""

    ADMIT = 0
    DENY = 1
    USAGE = 2
    UNDETERMINED = 3


OUTCOMES: Final = {Outcome.ADMIT: Exit.ADMIT, Outcome.DENY: Exit.DENY, Outcome.UNDETERMINED: Exit.UNDETERMINED}


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn what went wrong into lines on stderr and an exit status, instead of a traceback.

    Wrong settings, policies and references exit with 2; a registry that cannot be asked, with 3.
    """
    try:
        yield
    except ConfigurationInvalid as error:
        for problem in error.problems:
            print(f"sealgate: {problem}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from error
    except ReferenceMalformed as error:
        print(f"sealgate: {error}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE) from error
    except SealgateError as error:
        print(f"sealgate: {error}", file=sys.stderr)
        raise typer.Exit(Exit.UNDETERMINED) from error
