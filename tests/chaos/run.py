"""`make chaos`: gates are killed with -9 at random moments while clients push and sign; counted, and judged.

With SQLite one gate is killed and started again. With PostgreSQL two share a database, and are killed in turn.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "clients"))

from harness import servers
from harness.chaos import Report, chaos
from harness.cosign import Cosign, generate
from harness.process import Shell

from sealgate.adapters.state.postgres import upgrade_postgres
from sealgate.testing import postgres

STATES: Final = ("sqlite", "postgresql")


def run(state: str, kills: int, seed: int, home: Path) -> Report:
    """Once, with one kind of state."""
    with ExitStack() as stack:
        (home / "registry").mkdir()
        registry = stack.enter_context(servers.registry(home / "registry"))
        if state == "sqlite":
            said: list[dict[str, object]] = [{"state": f"sqlite://{home}/state.db"}]
        else:
            server = stack.enter_context(postgres.serving())
            if server is None:
                sys.exit("PostgreSQL is not installed: python tests/clients/install.py")
            url = server.database()
            upgrade_postgres(url)
            (home / "state-key").write_bytes(random.randbytes(32))  # noqa: S311
            said = [{"state": {"url": url, "key_file": str(home / "state-key")}}] * 2
        (home / "shell").mkdir()
        shell = Shell(home / "shell")
        key = generate(shell, "cosign")
        cosigns = [(Cosign(shell, 2), key), (Cosign(shell, 3), key)]
        return asyncio.run(chaos(home / "gates", registry, said, kills=kills, seed=seed, cosigns=cosigns))


def main() -> None:
    """Run, print what was counted; exit status 1 when something was that must not be."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many for each kind of state (50)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to try the same again")  # noqa: S311
    parser.add_argument("--state", choices=STATES, action="append", help="only this one")
    said = parser.parse_args()
    bad = False
    for state in said.state or STATES:
        with tempfile.TemporaryDirectory(prefix="sealgate-chaos-") as folder:
            report = run(state, said.kills, said.seed, Path(folder))
        print(f"{state}, {'one gate' if state == 'sqlite' else 'two gates'}, ", end="")
        print(*report.lines(), sep="\n", flush=True)
        bad = bad or bool(report.violations)
    sys.exit(bad)


if __name__ == "__main__":
    main()
