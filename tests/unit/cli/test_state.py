"""`sealgate state upgrade`: what it says, and its exit status; that no password is repeated."""

import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sealgate.cli.main import app
from sealgate.testing.postgres import Postgres

OLD = Path(__file__).parent.parent / "adapters" / "state" / "version-1.sql"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("SEALGATE_STATE", "SEALGATE_STATE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def upgrade(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, ["state", "upgrade", *arguments], env=variables)


def test_a_file_is_made_once(tmp_path: Path) -> None:
    state = f"--state=sqlite://{tmp_path}/state.db"
    made, again = upgrade(state), upgrade(state)
    assert (made.exit_code, made.stdout) == (0, "the tables of version 0004 were made\n")
    assert (again.exit_code, again.stdout) == (0, "the tables are of version 0004 already\n")


def test_what_settings_name_is_brought_up_to_date(tmp_path: Path, postgres_server: Postgres) -> None:
    Path("state-url").write_text(postgres_server.database() + "\n")
    Path("sealgate.yaml").write_text(
        "upstreams: [{name: default, url: 'http://127.0.0.1:1'}]\npolicies: [policies]\nstate: {url_file: state-url}\n"
    )
    assert upgrade("--settings", "sealgate.yaml").stdout == "the tables of version 0004 were made\n"
    assert upgrade("--settings", "sealgate.yaml").stdout == "the tables are of version 0004 already\n"


def test_a_file_of_an_earlier_version(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.executescript(OLD.read_text())
        connection.execute("INSERT INTO schema_version VALUES (1)")
    connection.close()
    told = upgrade(f"--state=sqlite://{tmp_path}/state.db").stdout
    assert told == "the tables of version 0001 are of version 0004 now\n"


def test_a_password_as_a_flag_is_refused_and_not_repeated() -> None:
    refused = upgrade("--state", "postgresql://gate:s3cret@127.0.0.1:1/x")
    assert refused.exit_code == 2
    assert "SEALGATE_STATE" in refused.output
    assert "s3cret" not in refused.output


def test_a_database_that_does_not_answer_is_told_without_its_password() -> None:
    refused = upgrade(SEALGATE_STATE="postgresql://gate:s3cret@127.0.0.1:1/x")
    assert refused.exit_code == 2
    assert "the PostgreSQL database cannot be used" in refused.output
    assert "s3cret" not in refused.output


def test_memory_has_no_tables() -> None:
    refused = upgrade()
    assert refused.exit_code == 2
    assert "keeps its state in memory" in refused.output
