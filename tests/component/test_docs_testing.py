"""The example of docs/testing.md is a test."""

from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs" / "testing.md"


async def test_the_example_runs(registry: Any, private_sigstore: Any, start_gate: Any) -> None:
    code = DOCS.read_text().split("```python\n")[1].split("```")[0]
    scope: dict[str, Any] = {}
    exec(compile(code, str(DOCS), "exec"), scope)  # noqa: S102 - the documentation's own code
    await scope["test_only_the_release_key_opens_production"](registry, private_sigstore, start_gate)
