"""How results look in a terminal: plain tables that also read well in a log."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Where tables go: stdout; wide enough for a digest when it is no terminal."""
    made = Console(highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(highlight=False, width=160)


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of text; nothing in it is taken for markup."""
    made = Table(title=title or None, title_justify="left", title_style="bold", header_style="bold", box=None)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(cell.replace("[", r"\[") for cell in row))
    return made


def count(number: int, one: str, several: str) -> str:
    """How many of what, for people."""
    return f"{number} {one if number == 1 else several}"
