"""A whole gate for tests: policies in, its address and its decisions out. Nothing of it is left when it ends."""

import json
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from sealgate.adapters.decision_log import JsonLinesLog
from sealgate.adapters.reading import Reading
from sealgate.adapters.reload import Reloader, Standing
from sealgate.http.server import Running, serve
from sealgate.policy.model import Unmatched
from sealgate.ports import Rights
from sealgate.settings import Overrides, read_settings
from sealgate.wiring import gate, holding, key_ring, listener_tls, load_policies
from sealgate.wiring_admin import admin
from sealgate.wiring_force import Configuration

_STOP_SECONDS: Final = 0.5
_TRUSTED_ROOT: Final = "trusted_root.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGate:
    """A gate that answers.

    Args:
        host: `127.0.0.1:port`, as it stands in references.
        folder: its policies, and the files beside them. It takes what changes there.
        scheme: `https` where its settings have `tls`.
        admin: the origin of health and metrics, where its settings have `admin_listen`.
    """

    host: str
    folder: Path
    scheme: str = "http"
    admin: str = ""
    _reloader: Reloader[Configuration] = field(repr=False)
    _running: Running = field(repr=False)
    _log: BytesIO = field(repr=False)

    @property
    def url(self) -> str:
        """Its origin."""
        return f"{self.scheme}://{self.host}"

    @property
    def standing(self) -> Standing:
        """Whether what it enforces is what the files say."""
        return self._reloader.standing

    def leave(self) -> None:
        """Have it do as when it is told to stop, and go on answering."""
        self._running.leave()

    def write(self, name: str, text: str) -> None:
        """Change one of its files as careful people do: nobody reads half of it.

        Args:
            name: the file's name in `folder`.
            text: all that it says from now on.
        """
        new = self.folder / f".{name}.new"
        new.write_text(text, encoding="utf-8")
        new.replace(self.folder / name)

    def reload(self) -> None:
        """Have everything read again soon, as SIGHUP has."""
        self._reloader.ask(afresh=True)

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """What it decided so far, oldest first (`schemas/decision.schema.json`)."""
        return [json.loads(line) for line in self._log.getvalue().splitlines()]


@asynccontextmanager
async def running_gate(
    registry_url: str,
    policies: Mapping[str, str],
    *,
    trusted_root: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    unmatched: Unmatched = Unmatched.DENY,
    state: Path | None = None,
    rights: Rights | None = None,
    catalog: bool = False,
    more: Mapping[str, Any] | None = None,
) -> AsyncIterator[RunningGate]:
    """A gate in front of a registry, on a free port of 127.0.0.1.

    Args:
        registry_url: the registry's origin.
        policies: the text of each policy by file name, e.g. `{"signed.yaml": "name: …"}`.
        trusted_root: a trusted_root.json, e.g. `PrivateSigstore.trusted_root_json()`; None: the public good instance's.
        files: what lies beside the policies, by name: the public keys that they name.
        unmatched: what happens to a repository that no policy covers.
        state: a SQLite file, for a gate that is started again; None keeps its state in memory.
        rights: who may do what at the gate; None leaves it to the registry, and nobody deletes.
        catalog: whether it lists repositories.
        more: what else stands in its settings, or instead; files that they name are among `files`.

    Raises:
        ConfigurationInvalid: a policy, a key or the trusted root cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="sealgate-test-") as name, _free_port() as port:
        folder = Path(name)
        for file, text in policies.items():
            (folder / file).write_text(text, encoding="utf-8")
        for file, content in (files or {}).items():
            (folder / file).write_bytes(content)
        if trusted_root is not None:
            (folder / _TRUSTED_ROOT).write_bytes(trusted_root)
        document = {
            "listen": f"127.0.0.1:{port}",
            "upstreams": [{"name": "default", "url": registry_url}],
            "policies": list(policies),
            "unmatched": unmatched.value,
            "trusted_roots": {"default": _TRUSTED_ROOT if trusted_root else "public-good"},
            "state": f"sqlite://{state}" if state else "memory",
            "catalog": catalog,
            **(more or {}),
        }
        raw = json.dumps(document).encode()  # JSON is YAML
        settings = read_settings("sealgate.yaml", raw, flags=Overrides(), variables={}, folder=folder)
        reading = Reading()
        ring = key_ring(dict(settings.keys), reading)
        read = load_policies(
            settings.policies, ring, settings.trusted_roots, settings.names, holding(settings), reading
        )
        loaded = read.policy_set(settings.unmatched)
        log = BytesIO()
        async with (
            gate(settings, loaded, JsonLinesLog(log), rights, reading) as built,
            listener_tls(settings) as tls,
        ):
            running = await serve(built.edge, settings.host, settings.port, tls=tls)
            try:
                async with admin(built.known, lambda: running.leaving) as watched:
                    yield RunningGate(
                        host=f"{running.host}:{running.port}",
                        folder=folder,
                        scheme="https" if tls else "http",
                        admin=f"http://{watched.host}:{watched.port}" if watched else "",
                        _reloader=built.reloader,
                        _running=running,
                        _log=log,
                    )
            finally:
                await running.stop(_STOP_SECONDS)


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile, and the gate can listen on: its messages name it before it does.

    Linux lets a second socket have the address where both ask for `SO_REUSEADDR`, as asyncio's do, and one listens.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
