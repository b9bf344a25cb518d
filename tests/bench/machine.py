"""The machine that was measured on: what absolute figures depend on, and where there is room."""

import os
import platform
import shutil
import subprocess
from datetime import UTC
from importlib.metadata import version
from pathlib import Path

from harness.programs import need

from sealgate.adapters.clock import SystemClock

_RAM = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
_STORAGE_BYTES = 4 * 1024**3
"""What the blobs take in the registry, with an upload beside them, and room."""


def fast_storage() -> Path | None:
    """A RAM disk with room, so that no disk is measured; None: the temporary folder has to do."""
    if _RAM.is_dir() and shutil.disk_usage(_RAM).free > _STORAGE_BYTES:
        return _RAM
    return None


def facts() -> dict[str, object]:
    """What is known of it."""
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in processors if line.startswith("model name")), "unknown")
    return {
        "at": SystemClock().now().astimezone(UTC).isoformat(timespec="seconds"),
        "commit": _told("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "cpus": f"{len(os.sched_getaffinity(0))} × {model}",
        "load": f"{os.getloadavg()[0]:.1f} at the start",
        "kernel": platform.release(),
        "storage": str(fast_storage() or "the temporary folder"),
        "Python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "nginx": _told(need("nginx"), "-v").rpartition("/")[2],
        "docker-registry": _told(need("docker-registry"), "--version").split()[-1],
    }


def _told(*command: str) -> str:
    """The first line of what a program says of itself."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        return "unknown"
    return (done.stdout + done.stderr).strip().splitlines()[0] if done.returncode == 0 else "unknown"
