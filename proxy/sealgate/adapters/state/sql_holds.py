"""Holds in the state database. They are acknowledged pushes: each is on the disk when a method returns."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select, update

from sealgate.adapters.state import tables
from sealgate.adapters.state.database import Database
from sealgate.adapters.state.postgres import open_postgres
from sealgate.adapters.state.sqlite_file import open_sqlite
from sealgate.adapters.state.turns import SharedTurns, Taking, Turns
from sealgate.errors import ReferenceMalformed
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository, Tag
from sealgate.policy.hold import Hold
from sealgate.ports import Confirm, HoldTally

_LOG: Final = logging.getLogger(__name__)
_HOLDS: Final = tables.holds.c
_MARKS: Final = 2**31 - 1  # what the column holds


class SqlHolds:
    """`ports.Holds` in a SQLite file that one gate owns, or a PostgreSQL database that several share.

    What the table says is what to judge again. Nothing is admitted because of it: a hold whose digest or tag somebody
    changed in the database moves a tag to what the policies admit, or none.

    Args:
        database: it.
        turns: who gives turns to all who use it.
    """

    def __init__(self, database: Database, turns: Taking) -> None:
        self._turns = turns
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the database at this path, which is made if it is not there.

        Raises:
            ConfigurationInvalid: it cannot be made or opened, or is not a state database of this version.
        """
        return cls(await open_sqlite(path, readers=1, synchronous="FULL"), Turns())

    @classmethod
    async def shared(cls, url: str) -> Self:
        """Open the PostgreSQL database at this URL, whose own default is to write all to the disk.

        Raises:
            ConfigurationInvalid: it cannot be reached, or its tables are of another version.
        """
        return cls(await open_postgres(url, readers=1), SharedTurns(url))

    def turn(self, repository: Repository, tag: Tag) -> AbstractAsyncContextManager[Confirm]:
        """See `ports.Holds`."""
        return self._turns.turn(repository, tag)

    async def of_tag(self, repository: Repository, tag: Tag) -> Hold | None:
        """See `ports.Holds`."""
        return await self._one(select(tables.holds).where(_HOLDS.repository == repository.name, _HOLDS.tag == tag.name))

    async def with_identifier(self, identifier: str) -> Hold | None:
        """See `ports.Holds`."""
        return await self._one(select(tables.holds).where(_HOLDS.identifier == identifier))

    async def every(self, after: str, most: int) -> tuple[Hold, ...]:
        """See `ports.Holds`."""
        return await self._some(select(tables.holds).where(_HOLDS.identifier > after), most)

    async def tally(self) -> HoldTally:
        """See `ports.Holds`."""
        statement = select(_HOLDS.releases, func.count(), func.min(_HOLDS.held_at)).group_by(_HOLDS.releases)
        found = await self._database.read(lambda connection: connection.execute(statement).all())
        counts = {bool(releases): count for releases, count, _ in found}
        oldest = min((since for _, _, since in found), default=None)
        return HoldTally(
            releasing=counts.get(True, 0),
            rejected=counts.get(False, 0),
            oldest=None if oldest is None else datetime.fromtimestamp(oldest, UTC),
        )

    async def save(self, hold: Hold) -> None:
        """See `ports.Holds`."""
        older = delete(tables.holds).where(_HOLDS.repository == hold.repository.name, _HOLDS.tag == hold.tag.name)

        def work(connection: Connection) -> None:
            connection.execute(older)
            connection.execute(insert(tables.holds).values(_row(hold)))

        await self._database.write(work)

    async def end(self, identifier: str) -> bool:
        """See `ports.Holds`."""
        statement = delete(tables.holds).where(_HOLDS.identifier == identifier)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def mark_due(self, repository: Repository, digest: Digest, most: int) -> tuple[Hold, ...]:
        """See `ports.Holds`."""
        meant = and_(
            _HOLDS.repository == repository.name,
            _HOLDS.digest == str(digest),
            _HOLDS.releases == 1,
        )
        # The usual case, nobody waits, is a question and no write.
        found = await self._some(select(tables.holds).where(meant), most)
        if not found:
            return ()
        due = _mark()
        mark = update(tables.holds).where(meant).values(due=due)
        await self._database.write(lambda connection: connection.execute(mark))
        return tuple(replace(hold, due=due) for hold in found)

    async def ask(self, identifier: str, reason: str) -> bool:
        """See `ports.Holds`."""
        mark = update(tables.holds).where(_HOLDS.identifier == identifier).values(due=_mark(), asked=reason)
        return await self._database.write(lambda connection: connection.execute(mark).rowcount == 1)

    async def settle(self, identifier: str, due: int, reason: Reason, text: str) -> None:
        """See `ports.Holds`."""
        values = {"due": 0, "asked": "", "reason": reason.value, "text": text}
        mark = update(tables.holds).where(_HOLDS.identifier == identifier, _HOLDS.due == due).values(values)
        await self._database.write(lambda connection: connection.execute(mark))

    async def due(self, now: datetime, most: int) -> tuple[Hold, ...]:
        """See `ports.Holds`."""
        meant = or_(_HOLDS.due != 0, _HOLDS.deadline <= now.timestamp())
        return await self._some(select(tables.holds).where(meant), most)

    async def close(self) -> None:
        """See `ports.Holds`."""
        await self._database.close()

    async def _one(self, query: Select[Any]) -> Hold | None:
        found = await self._some(query, 1)
        return found[0] if found else None

    async def _some(self, query: Select[Any], most: int) -> tuple[Hold, ...]:
        def work(connection: Connection) -> Sequence[Mapping[str, Any]]:
            return [{**row} for row in connection.execute(query.order_by(_HOLDS.identifier).limit(most)).mappings()]

        return tuple(hold for row in await self._database.read(work) if (hold := _hold(row)) is not None)


def _mark() -> int:
    """Another number than any mark that somebody may be judging for just now, at any gate."""
    return 1 + secrets.randbelow(_MARKS)


def _row(hold: Hold) -> dict[str, str | float | int | None]:
    return {
        "identifier": hold.identifier,
        "repository": hold.repository.name,
        "tag": hold.tag.name,
        "digest": str(hold.digest),
        "pointed": None if hold.pointed is None else str(hold.pointed),
        "pusher": hold.pusher,
        "held_at": hold.held_at.timestamp(),
        "deadline": hold.deadline.timestamp(),
        "releases": int(hold.releases),
        "policy": hold.policy,
        "reason": hold.reason.value,
        "text": hold.text,
        "due": hold.due,
        "asked": hold.asked,
    }


def _hold(row: Mapping[str, Any]) -> Hold | None:
    """Parsed again, for the file is no more to be believed than a client is; None for what no gate has written."""
    try:
        return _parsed(row)
    except (ReferenceMalformed, ValueError, TypeError):
        _LOG.warning("the state database has a hold that cannot be read: %r", row.get("identifier"))
        return None


def _parsed(row: Mapping[str, Any]) -> Hold:
    return Hold(
        identifier=row["identifier"],
        repository=Repository.parse(row["repository"]),
        tag=Tag.parse(row["tag"]),
        digest=Digest.parse(row["digest"]),
        pointed=None if row["pointed"] is None else Digest.parse(row["pointed"]),
        pusher=row["pusher"],
        held_at=datetime.fromtimestamp(row["held_at"], UTC),
        deadline=datetime.fromtimestamp(row["deadline"], UTC),
        releases=row["releases"] == 1,
        policy=row["policy"],
        reason=Reason(row["reason"]),
        text=row["text"],
        due=int(row["due"]),
        asked=row["asked"],
    )
