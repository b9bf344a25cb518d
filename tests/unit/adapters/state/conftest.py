"""The stores that must keep one contract, and decisions to keep in them."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealgate.adapters.state.memory import MemoryStore
from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.adapters.state.remembering import RememberingStore
from sealgate.adapters.state.sql_store import SqlStore
from sealgate.evidence.reason import Reason
from sealgate.oci.digest import Digest
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Decision, Finding, Outcome, RuleResult
from sealgate.policy.model import Operation
from sealgate.ports import DecisionKey, Store
from sealgate.testing.clock import FixedClock
from sealgate.testing.postgres import Postgres

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = b"what all replicas know and no one else"
IMAGE = Digest.of(b"an image")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def sqlite(path: Path, clock: FixedClock) -> AsyncIterator[SqlStore]:
    store = await SqlStore.open(path, clock)
    yield store
    await store.close()


@pytest.fixture(scope="session")
def made(postgres_server: Postgres) -> str:
    """The name of a PostgreSQL database with the tables in it."""
    url = postgres_server.database()
    upgrade_postgres(url)
    return url.rpartition("/")[2]


@pytest.fixture
def url(postgres_server: Postgres, made: str) -> str:
    """One of the test's own."""
    return postgres_server.database(like=made)


@pytest.fixture(params=["memory", "sqlite", "postgres", "remembering"])
async def store(request: pytest.FixtureRequest, path: Path, clock: FixedClock) -> AsyncIterator[Store]:
    if request.param == "memory":
        made: Store = MemoryStore(clock)
    elif request.param == "postgres":
        made = await SqlStore.shared(request.getfixturevalue("url"), clock, KEY)
    else:
        made = await SqlStore.open(path, clock)
        if request.param == "remembering":
            made = RememberingStore(made, clock)
    yield made
    await made.close()


@pytest.fixture
def key() -> DecisionKey:
    return DecisionKey(
        upstream="default",
        repository=Repository("team/app"),
        digest=IMAGE,
        operation=Operation.PULL,
        policies="p" * 64,
        trusted_roots="r" * 64,
        verifier="1",
    )


@pytest.fixture
def decided() -> Callable[..., Decision]:
    """A decision about the image, as `decide` makes them."""

    def make(outcome: Outcome = Outcome.ADMIT, seconds: float = 3600, digest: Digest = IMAGE) -> Decision:
        reason = {
            Outcome.ADMIT: None,
            Outcome.DENY: Reason.SIGNATURE_MISSING,
            Outcome.UNDETERMINED: Reason.UPSTREAM_UNAVAILABLE,
        }[outcome]
        finding = Finding(reason=reason, text="nothing was found") if reason else None
        result = RuleResult(
            policy="p", rule="signed", enforced=True, required=True, satisfied=finding is None, finding=finding
        )
        return Decision(
            outcome=outcome,
            digest=digest,
            valid_until=NOW + timedelta(seconds=seconds),
            finding=finding,
            policy="" if finding is None else "p",
            rule="" if finding is None else "signed",
            results=(result,),
        )

    return make
