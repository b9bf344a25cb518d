"""A whole gate for tests: policies in, its address and its decisions out. Nothing of it is left when it ends."""

import json
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from sealgate.adapters.decision_log import JsonLinesLog
from sealgate.http.server import serve
from sealgate.policy.model import Unmatched
from sealgate.settings import Settings, UpstreamSettings
from sealgate.wiring import gate, load_policies

_STOP_SECONDS: Final = 0.5
_TRUSTED_ROOT: Final = "trusted_root.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGate:
    """A gate that answers.

    Args:
        host: `127.0.0.1:port`, as it stands in references.
    """

    host: str
    _log: BytesIO = field(repr=False)

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://{self.host}"

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
) -> AsyncIterator[RunningGate]:
    """A gate in front of a registry, on a free port of 127.0.0.1.

    Args:
        registry_url: the registry's origin.
        policies: the text of each policy by file name, e.g. `{"signed.yaml": "name: …"}`.
        trusted_root: a trusted_root.json, e.g. `PrivateSigstore.trusted_root_json()`; None: the public good instance's.
        files: what lies beside the policies, by name: the public keys that they name.
        unmatched: what happens to a repository that no policy covers.
        state: a SQLite file, for a gate that is started again; None keeps its state in memory.

    Raises:
        ConfigurationInvalid: a policy, a key or the trusted root cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="sealgate-test-") as name:
        folder = Path(name)
        for file, text in policies.items():
            (folder / file).write_text(text, encoding="utf-8")
        for file, content in (files or {}).items():
            (folder / file).write_bytes(content)
        if trusted_root is not None:
            (folder / _TRUSTED_ROOT).write_bytes(trusted_root)
        settings = Settings(
            host="127.0.0.1",
            port=_free_port(),
            upstream=UpstreamSettings(name="default", url=registry_url),
            policies=tuple(folder / file for file in policies),
            unmatched=unmatched,
            trusted_root=None if trusted_root is None else folder / _TRUSTED_ROOT,
            state=state,
        )
        loaded = load_policies(settings.policies, {}).policy_set(settings.unmatched)
        log = BytesIO()
        async with gate(settings, loaded, JsonLinesLog(log)) as built:
            running = await serve(built.edge, settings.host, settings.port)
            try:
                yield RunningGate(host=f"{running.host}:{running.port}", _log=log)
            finally:
                await running.stop(_STOP_SECONDS)


def _free_port() -> int:
    """A port nobody listens on: the gate's messages name it before it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
