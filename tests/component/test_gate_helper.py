"""`sealgate.testing.gate`: a whole gate in a test of one's own policies."""

import aiohttp
import pytest

from sealgate.errors import ConfigurationInvalid
from sealgate.policy.model import Unmatched
from sealgate.testing import images
from sealgate.testing.client import RegistryClient

POLICY = "name: all\nrepositories: ['team/**']\nallow_unsigned: true\n"


async def test_a_gate_in_two_lines(registry, start_gate):
    image = images.oci_image()
    registry.add_artifact("team/app", image, "1.0")
    registry.add_artifact("other/app", image, "1.0")
    gate = await start_gate(registry.url, {"all.yaml": POLICY})
    strict = await start_gate(registry.url, {"all.yaml": POLICY.replace("team", "nothing")}, unmatched=Unmatched.DENY)
    async with aiohttp.ClientSession() as session:
        assert (await RegistryClient(gate.url, session).pull("team/app", "1.0")).body == image.raw
        assert (await RegistryClient(gate.url, session).pull("other/app", "1.0")).status == 403
        assert (await RegistryClient(strict.url, session).pull("team/app", "1.0")).status == 403
    assert [decision["outcome"] for decision in gate.decisions] == ["admit", "deny"]
    assert gate.decisions[0]["digest"] == str(image.digest)
    assert [decision["reason"] for decision in strict.decisions] == ["repository-not-covered"]


async def test_a_bad_policy_starts_no_gate(registry, start_gate):
    with pytest.raises(ConfigurationInvalid):
        await start_gate(registry.url, {"all.yaml": POLICY + "unknown: 1\n"})
