"""Which client takes part in which test: `pytest.mark.parametrize("client", PULLERS, indirect=True)`."""

import pytest


def _named(*names: str) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.client(name)) for name in names]


PUSHERS = _named("docker", "podman", "skopeo", "ctr", "oras", "crane")
PULLERS = [*PUSHERS, *_named("kubelet")]
COSIGNS = _named("cosign2", "cosign3")
