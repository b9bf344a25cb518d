"""The state store in a database: what survives a restart of the gate, and what its replicas share."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Select, Table, delete, insert, select, update

from sealgate.adapters.state import tables
from sealgate.adapters.state.database import Database
from sealgate.adapters.state.decisions import refuse_undetermined
from sealgate.adapters.state.postgres import open_postgres
from sealgate.adapters.state.rows import Seal, decision_of, key_of, row_of
from sealgate.adapters.state.schema import SECRET_BYTES
from sealgate.adapters.state.sqlite_file import open_sqlite
from sealgate.errors import ReferenceMalformed, StateUnavailable
from sealgate.limits import (
    RECORDS_PER_PRUNE,
    ROWS_PER_PRUNE,
    SAVES_PER_PRUNE,
    STATE_READERS,
    UNUSED_SECONDS,
    USED_SECONDS,
)
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import Clock, DecisionKey


class SqlStore:
    """`ports.Store` in a SQLite file or a PostgreSQL database.

    A crash of the machine may lose the last moments of a file: all that is in it can be found out again.

    Args:
        database: it.
        clock: when decisions are over, and rows of no use.
        seal: how decisions of other replicas are known; None keeps none in the database.
    """

    def __init__(self, database: Database, clock: Clock, seal: Seal | None) -> None:
        self._database = database
        self._clock = clock
        self._seal = seal
        self._saves = 0
        self._records = 0

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """Open the SQLite file at this path; one that is not there is made, readable by its owner only.

        Raises:
            ConfigurationInvalid: it cannot be made or opened, or is not a state database of a version up to this one.
        """
        # Whoever can write it can write the gate's other files: a seal would tell nothing more.
        return cls(await open_sqlite(path, readers=STATE_READERS, synchronous="NORMAL"), clock, Seal(b""))

    @classmethod
    async def shared(cls, url: str, clock: Clock, key: bytes | None) -> Self:
        """Open the PostgreSQL database at this URL.

        Args:
            url: of the database.
            clock: when decisions are over, and rows of no use.
            key: what all replicas seal decisions with, at least `limits.STATE_KEY_BYTES`; None shares no decisions.

        Raises:
            ConfigurationInvalid: it cannot be reached, or its tables are of another version.
        """
        return cls(await open_postgres(url, readers=STATE_READERS), clock, None if key is None else Seal(key))

    async def record_manifest(
        self,
        repository: Repository,
        manifest: Digest,
        *,
        blobs: frozenset[Digest],
        children: frozenset[Digest],
        admitted: bool = False,
    ) -> None:
        """See `ports.Store`."""
        now = self._clock.now().timestamp()
        row = {
            "repository": repository.name,
            "digest": str(manifest),
            "recorded_at": now,
            "admitted": int(admitted),
            "used_at": now,
        }
        self._records += 1
        pruning = self._records % RECORDS_PER_PRUNE == 0
        known = tables.manifests.c
        mark = (
            update(tables.manifests)
            .where(known.repository == repository.name, known.digest == str(manifest), known.admitted == 0)
            .values(admitted=1)
        )

        def work(connection: Connection) -> None:
            # In one transaction with what it lists: a manifest that is there has its listings too.
            new = tables.insert_into(connection, tables.manifests).values(row).on_conflict_do_nothing()
            made = connection.scalar(new.returning(tables.manifests.c.id))
            if pruning:
                _prune(connection, now - UNUSED_SECONDS)
            if made is None:
                if admitted:
                    connection.execute(mark)
                return
            for table, digests in ((tables.lists_blob, blobs), (tables.lists_child, children)):
                if digests:
                    listed = {"repository": repository.name, "manifest": made}
                    connection.execute(insert(table), [{**listed, "digest": str(digest)} for digest in digests])

        await self._database.write(work)

    async def is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """See `ports.Store`."""
        manifests = tables.manifests.c
        query = select(manifests.id).where(manifests.repository == repository.name, manifests.digest == str(digest))
        return await self._database.read(lambda connection: connection.scalar(query) is not None)

    async def listing_blob(self, repository: Repository, blob: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return await self._listing(tables.lists_blob, repository, blob, most)

    async def listing_child(self, repository: Repository, child: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        return await self._listing(tables.lists_child, repository, child, most)

    async def record_carriers(self, repository: Repository, subject: Digest, carriers: frozenset[Digest]) -> None:
        """See `ports.Store`."""
        about = {"repository": repository.name, "subject": str(subject), "used_at": self._clock.now().timestamp()}
        rows = [{**about, "digest": str(digest)} for digest in sorted(carriers)]

        def work(connection: Connection) -> None:
            connection.execute(tables.insert_into(connection, tables.carriers).on_conflict_do_nothing(), rows)

        if rows:
            await self._database.write(work)

    async def carriers(self, repository: Repository, subject: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        carriers = tables.carriers.c
        query = (
            select(carriers.id, carriers.digest, carriers.used_at)
            .where(carriers.repository == repository.name, carriers.subject == str(subject))
            .order_by(carriers.id.desc())
            .limit(most)
        )
        return await self._used(tables.carriers, query)

    async def forget_carriers(self, repository: Repository, subject: Digest) -> None:
        """See `ports.Store`."""
        carriers = tables.carriers.c
        statement = delete(tables.carriers).where(
            carriers.repository == repository.name, carriers.subject == str(subject)
        )
        await self._database.write(lambda connection: connection.execute(statement))

    async def decision(self, key: DecisionKey) -> Decision | None:
        """See `ports.Store`. A row that is not just what was saved under this key is none."""
        if (seal := self._seal) is None:
            return None
        decisions = tables.decisions.c
        query = select(tables.decisions).where(
            decisions.key == key_of(key), decisions.valid_until > self._clock.now().timestamp()
        )

        def work(connection: Connection) -> Decision | None:
            found = connection.execute(query).mappings().one_or_none()
            return None if found is None else decision_of({**found}, key, seal)

        return await self._database.read(work)

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """See `ports.Store`."""
        refuse_undetermined(decision)
        if self._seal is None:
            return
        self._saves += 1
        pruning, row = self._saves % SAVES_PER_PRUNE == 0, row_of(key, decision, self._seal)
        prune = delete(tables.decisions).where(tables.decisions.c.valid_until <= self._clock.now().timestamp())

        def work(connection: Connection) -> None:
            new = tables.insert_into(connection, tables.decisions).values(row)
            connection.execute(new.on_conflict_do_update(index_elements=["key"], set_=row))
            if pruning:
                connection.execute(prune)

        await self._database.write(work)

    async def forget_denials(self, repository: Repository, digest: Digest) -> None:
        """See `ports.Store`."""
        decisions = tables.decisions.c
        statement = delete(tables.decisions).where(
            decisions.repository == repository.name,
            decisions.digest == str(digest),
            decisions.outcome != Outcome.ADMIT.value,
        )
        await self._database.write(lambda connection: connection.execute(statement))

    async def forget_decisions(self, repository: Repository) -> None:
        """See `ports.Store`."""
        statement = delete(tables.decisions).where(tables.decisions.c.repository == repository.name)
        await self._database.write(lambda connection: connection.execute(statement))

    async def secret(self) -> bytes:
        """See `ports.Store`."""
        found = await self._database.read(lambda connection: connection.scalars(select(tables.secret.c.value)).all())
        if len(found) != 1 or not isinstance(found[0], bytes) or len(found[0]) != SECRET_BYTES:
            raise StateUnavailable("the state database has not the one secret that it was made with")
        return found[0]

    async def close(self) -> None:
        """See `ports.Store`. What was begun is ended first."""
        await self._database.close()

    async def _listing(self, table: Table, repository: Repository, digest: Digest, most: int) -> tuple[Digest, ...]:
        query = (
            select(tables.manifests.c.id, tables.manifests.c.digest, tables.manifests.c.used_at)
            .join_from(table, tables.manifests, table.c.manifest == tables.manifests.c.id)
            .where(table.c.repository == repository.name, table.c.digest == str(digest))
            .order_by(tables.manifests.c.admitted.desc(), table.c.manifest.desc())
            .limit(most)
        )
        return await self._used(tables.manifests, query)

    async def _used(self, table: Table, query: Select[Any]) -> tuple[Digest, ...]:
        """The digests that are asked for; that they are of use is written down, where it was not today."""
        now = self._clock.now().timestamp()
        found = await self._database.read(lambda connection: connection.execute(query).all())
        if stale := [row.id for row in found if row.used_at < now - USED_SECONDS]:
            mark = update(table).where(table.c.id.in_(stale)).values(used_at=now)
            with suppress(StateUnavailable):  # it can be read, and perhaps not written: nothing is lost for 90 days
                await self._database.write(lambda connection: connection.execute(mark))
        return _digests(row.digest for row in found)


def _digests(found: Iterable[str]) -> tuple[Digest, ...]:
    """Raises `StateUnavailable`: somebody else wrote there."""
    try:
        return tuple(Digest.parse(str(text)) for text in found)
    except ReferenceMalformed as bad:
        raise StateUnavailable("the state database holds what no gate has written") from bad


def _prune(connection: Connection, before: float) -> None:
    """Drop what nobody asked for since then; a few rows at a time."""
    manifests = tables.manifests.c
    unused = connection.scalars(select(manifests.id).where(manifests.used_at < before).limit(ROWS_PER_PRUNE)).all()
    for table in (tables.lists_blob, tables.lists_child):
        connection.execute(delete(table).where(table.c.manifest.in_(unused)))
    connection.execute(delete(tables.manifests).where(manifests.id.in_(unused)))
    carriers = tables.carriers.c
    some = select(carriers.id).where(carriers.used_at < before).limit(ROWS_PER_PRUNE)
    connection.execute(delete(tables.carriers).where(carriers.id.in_(some.scalar_subquery())))
