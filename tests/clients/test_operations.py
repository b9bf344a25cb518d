"""Every command of docs/operations.md, as it stands there, in its order."""

import contextlib
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness.clients import Crane, Skopeo
from harness.cosign import Cosign, KeyPair
from harness.images import single
from harness.process import COMMAND_SECONDS, Shell, answers, free_port, serving
from harness.programs import SYSTEM_PATH, need
from harness.servers import Server

from sealgate.adapters.clock import SystemClock
from sealgate.testing.postgres import Postgres

pytestmark = pytest.mark.client("docker-registry", "skopeo", "crane", "cosign2")

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
STEP = re.compile(r"^(?:`([a-z./]+)`:\n\n)?```(yaml|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PLACEHOLDER = "sha256:4f5c0e8b8a3c6f1d2b7e9a0c5d4f3e2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d"


class Tour:
    """A folder, a gate in it, and whoever goes through the page."""

    def __init__(self, home: Path, places: dict[str, str], commands: Path, postgres: Postgres) -> None:
        self.home = home
        self._places = places
        self._commands = commands
        self._postgres = postgres
        self._gate = contextlib.ExitStack()

    def fill(self, text: str) -> str:
        """The page's names, as they are called here."""
        for name, place in self._places.items():
            text = text.replace(name, place)
        return text

    def write(self, name: str, text: str) -> None:
        """Put a file of the page into place; a gate that has read other settings is started again."""
        (self.home / name).parent.mkdir(exist_ok=True)
        (self.home / name).write_text(self.fill(text))
        if name == "sealgate.yaml" and (self.home / "state-key").exists():
            self.restart()

    def run(self, command: str) -> str:
        """Run one command of the page to its end; it must succeed."""
        environment = Shell(self.home).environment(PATH=f"{self._commands}:{SYSTEM_PATH}", COSIGN_PASSWORD="")
        done = subprocess.run(
            ["bash", "-euc", self.fill(command)], cwd=self.home, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    def restart(self) -> None:
        """Start the gate, or start it again."""
        self._gate.close()
        command = [str(Path(sys.executable).with_name("sealgate")), "serve", "--settings", "sealgate.yaml"]
        self._gate.enter_context(serving(command, self.home, lambda: answers(self._places["gate.example"])))

    def lose_the_state(self) -> None:
        """Another database, with nothing in it."""
        (self.home / "state-url").write_text(self._postgres.database())

    def close(self) -> None:
        self._gate.close()


@pytest.fixture
def tour(
    tmp_path: Path, registry: Server, release_key: KeyPair, postgres_server: Postgres, skopeo: Skopeo, cosign2: Cosign
) -> Iterator[Tour]:
    place = secrets.token_hex(4)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, program in (("cosign", need("cosign2")), ("crane", need("crane"))):
        (commands / name).symlink_to(program)
    (commands / "sealgate").symlink_to(Path(sys.executable).with_name("sealgate"))
    home = tmp_path / "gate"
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "release.pub").write_bytes(release_key.public.read_bytes())
    (home / "state-url").write_text(postgres_server.database())
    gate = f"127.0.0.1:{free_port()}"
    hotfix = single(tmp_path / "hotfix", f"hotfix {place}")
    places = {
        "https://registry.corp.example": registry.url,
        "https://gate.example": f"http://{gate}",
        "elsewhere.example/app": f"{registry.host}/elsewhere-{place}/app",
        "gate.example": gate,
        "registry.corp.example": registry.host,
        "production/": f"production-{place}/",
        "0.0.0.0:8080": gate,
        "/path/to/trusted_root.json": str(home / "theirs.json"),
        PLACEHOLDER: hotfix.digest,
        "2027-01-01T08:00:00Z": (SystemClock().now() + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    (home / "theirs.json").write_text("{}")
    made = Tour(home, places, commands, postgres_server)
    for where, image in (("production/app", "app"), ("elsewhere.example/app", "carried")):
        pushed = single(tmp_path / image, f"{image} {place}")
        repository = made.fill(where if "/app" in where and "else" in where else f"registry.corp.example/{where}")
        assert skopeo.push(pushed, f"{repository}:1.0").ok
        assert cosign2.sign(f"{repository}@{pushed.digest}", release_key).ok
    assert skopeo.push(hotfix, made.fill("registry.corp.example/production/hotfix:1.0")).ok
    try:
        yield made
    finally:
        made.close()


def test_every_command_of_the_page(tour: Tour, crane: Crane) -> None:
    running = False
    steps = list(STEP.finditer(PAGE))
    assert len(steps) == PAGE.count("```") // 2, "a block that is neither a named file nor a console"
    for step in steps:
        name, kind, text = step.groups()
        if kind == "yaml":
            tour.write(name, text)
            continue
        if "## When something is lost" in PAGE[: step.start()] and "## Without" not in PAGE[: step.start()]:
            tour.lose_the_state()
        for block in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, *expected = block.splitlines()
            if not running and "## Other policies" in PAGE[: step.start()]:
                tour.restart()
                assert crane.pull(tour.fill("gate.example/production/app:1.0")).ok
                running = True
            told = tour.run(command)
            if "## When something is lost" in PAGE[: step.start()] and command.startswith("sealgate state"):
                tour.restart()
            for line in expected:
                assert line in told, f"$ {command}\n{told}"
