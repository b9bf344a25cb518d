"""A TUF repository over loopback HTTP that publishes a trusted root, and a mirror of it that misbehaves on demand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeAlias

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

TARGET: Final = "trusted_root.json"
_ROLES: Final = ("root", "timestamp", "snapshot", "targets")

Answer: TypeAlias = Callable[[BaseHTTPRequestHandler], None]
"""Answers one request, however it likes."""


class TufRepository:
    """A repository with one key for each role; `publish` makes a new version of everything.

    `files` is what the mirror serves, by path; whoever edits it is a hostile mirror. `answers` overrides single paths.

    Args:
        now: when it is made; metadata holds from then on.
        trusted_root: what it publishes; b"" for nothing.
    """

    def __init__(self, *, now: datetime, trusted_root: bytes) -> None:
        self.now = now.replace(microsecond=0)
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.url = ""
        self._signers = {role: CryptoSigner.generate_ed25519() for role in _ROLES}
        self._version = 0
        root = Root(version=1, expires=self.now + timedelta(days=365))
        for role, signer in self._signers.items():
            root.add_key(signer.public_key, role)
        self.root = self._signed(root, "root")
        self.files["/1.root.json"] = self.root
        self.publish(trusted_root)

    def publish(
        self,
        trusted_root: bytes,
        *,
        lifetime: timedelta = timedelta(days=90),
        timestamp_lifetime: timedelta = timedelta(days=7),
        target: str = TARGET,
    ) -> None:
        """Publish this as the current trusted root.

        Args:
            trusted_root: its bytes; b"" publishes no target at all.
            lifetime: how long the targets role vouches for it.
            timestamp_lifetime: how long the timestamp says that there is nothing newer.
            target: the target's name.
        """
        self._version += 1
        version, end = self._version, self.now + lifetime
        files = {target: TargetFile.from_data(target, trusted_root, ["sha256"])} if trusted_root else {}
        targets = self._signed(Targets(version=version, expires=end, targets=files), "targets")
        snapshot = self._signed(
            Snapshot(version=version, expires=end, meta={"targets.json": MetaFile(version=version)}), "snapshot"
        )
        timestamp = Timestamp(
            version=version, expires=self.now + timestamp_lifetime, snapshot_meta=MetaFile(version=version)
        )
        self.files |= {
            f"/{version}.targets.json": targets,
            f"/{version}.snapshot.json": snapshot,
            "/timestamp.json": self._signed(timestamp, "timestamp"),
        }
        for made in files.values():
            folder, _, name = made.path.rpartition("/")
            self.files[f"/targets/{folder and folder + '/'}{made.hashes['sha256']}.{name}"] = trusted_root

    @contextmanager
    def serving(self) -> Iterator["TufRepository"]:
        """Serve it on a free port of 127.0.0.1; `url` is where."""
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                if (answer := repository.answers.get(self.path) or repository.answers.get("*")) is not None:
                    answer(self)
                    return
                content = repository.files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing: what was asked is in `asked`."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on it
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def _signed(self, content: Root | Targets | Snapshot | Timestamp, role: str) -> bytes:
        metadata: Metadata[Any] = Metadata(content)
        metadata.sign(self._signers[role])
        return metadata.to_bytes()
