"""The state store in one SQLite file: what survives a restart of the gate."""

from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Table, delete, insert, select, update

from sealgate.adapters.state import tables
from sealgate.adapters.state.database import SECRET_BYTES, Database
from sealgate.adapters.state.decisions import refuse_undetermined
from sealgate.adapters.state.rows import decision_of, key_of, row_of
from sealgate.errors import StateUnavailable
from sealgate.limits import SAVES_PER_PRUNE, STATE_READERS
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Outcome
from sealgate.ports import Clock, DecisionKey


class SqliteStore:
    """`ports.Store` in a SQLite database, written by one thread and read beside it by a few (WAL).

    A crash of the machine may lose the last moments: all that is in it can be found out again.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._saves = 0

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """Open the database at this path; one that is not there is made, readable by its owner only.

        Raises:
            ConfigurationInvalid: it cannot be made or opened, or is not a state database of this version.
        """
        return cls(await Database.open(path, readers=STATE_READERS, synchronous="NORMAL"), clock)

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
        row = {
            "repository": repository.name,
            "digest": str(manifest),
            "recorded_at": self._clock.now().timestamp(),
            "admitted": int(admitted),
        }
        new = insert(tables.manifests).prefix_with("OR IGNORE").values(row).returning(tables.manifests.c.id)

        known = tables.manifests.c
        mark = (
            update(tables.manifests)
            .where(known.repository == repository.name, known.digest == str(manifest), known.admitted == 0)
            .values(admitted=1)
        )

        def work(connection: Connection) -> None:
            # In one transaction with what it lists: a manifest that is there has its listings too.
            made = connection.scalar(new)
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
        new = insert(tables.carriers).prefix_with("OR IGNORE")
        about = {"repository": repository.name, "subject": str(subject)}
        rows = [{**about, "digest": str(digest)} for digest in sorted(carriers)]
        if rows:
            await self._database.write(lambda connection: connection.execute(new, rows))

    async def carriers(self, repository: Repository, subject: Digest, most: int) -> tuple[Digest, ...]:
        """See `ports.Store`."""
        carriers = tables.carriers.c
        query = (
            select(carriers.digest)
            .where(carriers.repository == repository.name, carriers.subject == str(subject))
            .order_by(carriers.id.desc())
            .limit(most)
        )
        return await self._database.read(
            lambda connection: tuple(Digest.parse(str(found)) for found in connection.scalars(query))
        )

    async def forget_carriers(self, repository: Repository, subject: Digest) -> None:
        """See `ports.Store`."""
        carriers = tables.carriers.c
        statement = delete(tables.carriers).where(
            carriers.repository == repository.name, carriers.subject == str(subject)
        )
        await self._database.write(lambda connection: connection.execute(statement))

    async def decision(self, key: DecisionKey) -> Decision | None:
        """See `ports.Store`. A row that is not just what was saved under this key is none."""
        decisions = tables.decisions.c
        query = select(tables.decisions).where(
            decisions.key == key_of(key), decisions.valid_until > self._clock.now().timestamp()
        )

        def work(connection: Connection) -> Decision | None:
            found = connection.execute(query).mappings().one_or_none()
            return None if found is None else decision_of({**found}, key)

        return await self._database.read(work)

    async def save_decision(self, key: DecisionKey, decision: Decision) -> None:
        """See `ports.Store`."""
        refuse_undetermined(decision)
        self._saves += 1
        save = insert(tables.decisions).prefix_with("OR REPLACE").values(row_of(key, decision))
        prune = delete(tables.decisions).where(tables.decisions.c.valid_until <= self._clock.now().timestamp())
        statements = (save, prune) if self._saves % SAVES_PER_PRUNE == 0 else (save,)

        def work(connection: Connection) -> None:
            for statement in statements:
                connection.execute(statement)

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
            select(tables.manifests.c.digest)
            .join_from(table, tables.manifests, table.c.manifest == tables.manifests.c.id)
            .where(table.c.repository == repository.name, table.c.digest == str(digest))
            .order_by(tables.manifests.c.admitted.desc(), table.c.manifest.desc())
            .limit(most)
        )
        return await self._database.read(
            lambda connection: tuple(Digest.parse(str(found)) for found in connection.scalars(query))
        )
