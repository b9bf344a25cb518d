"""The examples of docs/testing.md are tests."""

from pathlib import Path
from typing import Any

from sealgate.testing import images

DOCS = Path(__file__).resolve().parents[2] / "docs" / "testing.md"


async def test_the_example_runs(registry: Any, private_sigstore: Any, start_gate: Any) -> None:
    scope = example(1)
    await scope["test_only_the_release_key_opens_production"](registry, private_sigstore, start_gate)


def test_the_example_of_the_private_sigstore_signs(private_sigstore: Any) -> None:
    *signatures, root = example(2)["sign"](private_sigstore, images.oci_image())
    assert len(signatures) == 6
    assert len(root["tlogs"]) == 2


def example(number: int) -> dict[str, Any]:
    code = DOCS.read_text().split("```python\n")[number].split("```")[0]
    scope: dict[str, Any] = {}
    exec(compile(code, str(DOCS), "exec"), scope)  # noqa: S102 - the documentation's own code
    return scope
