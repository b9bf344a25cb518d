"""Write containerd's hosts.toml on this node, and write it again when it changes: docs/kubernetes.md.

    node.py write|remove FOLDER GATE HOST_FOLDER

The form has nowhere to fall back to: `server` is the gate, and the [host] table is empty. It stays when this program
stops: a node whose file went away at every restart would pull around the gate meanwhile. `remove` takes it away.
"""

import json
import os
import signal
import sys
from pathlib import Path

MARK = "# Written by sealgate's chart; changes are overwritten.\n"
LOOK_SECONDS = 30


def hosts_toml(gate: str, ca: str | None) -> str:
    """The file. A JSON string is a TOML basic string."""
    lines = [f"server = {json.dumps(gate.rstrip('/'))}\n"]
    if ca is not None:
        lines.append(f"ca = {json.dumps(ca)}\n")
    return MARK + "".join(lines) + "\n[host]\n"


def write(path: Path, text: str) -> None:
    """Whole or not at all: containerd reads it at any moment."""
    if path.is_file() and not path.is_symlink() and path.read_text() == text:
        return
    path.parent.mkdir(mode=0o755, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    print(f"wrote {path}", flush=True)


def ours(path: Path) -> bool:
    """Whether the file is this program's, or there is none."""
    return not path.exists() or path.read_text().startswith(MARK)


def main() -> None:
    """Write or remove, and stay until told to stop."""
    how, folder, gate, on_host = sys.argv[1:]
    default = Path(folder, "_default")
    path, ca = default / "hosts.toml", default / "gate-ca.crt"
    given = Path(__file__).with_name("gate-ca.crt")
    if not ours(path):
        sys.exit(
            f"{on_host}/_default/hosts.toml is somebody else's: move it away, and this node pulls through the gate"
        )
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    while True:
        if how == "write":
            text = hosts_toml(gate, f"{on_host}/_default/gate-ca.crt" if given.is_file() else None)
            if given.is_file():
                write(ca, given.read_text())
            write(path, text)
        elif path.exists():
            path.unlink()
            ca.unlink(missing_ok=True)
            print(f"removed {path}", flush=True)
        if signal.sigtimedwait(stop, LOOK_SECONDS) is not None:
            return


if __name__ == "__main__":
    main()
