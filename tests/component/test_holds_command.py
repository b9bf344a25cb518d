"""`sealgate holds`, over the state of a gate that runs."""

import asyncio
import json
import sys

import pytest

from sealgate.testing import images

IMAGE = images.oci_image(seed=1)
REJECT = """\
name: p
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


async def sealgate(*arguments):
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sealgate.cli.main", "holds", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await made.communicate()
    return made.returncode, out.decode(), err.decode()


@pytest.fixture
async def held(registry, gate_world, tmp_path):
    """A gate with one hold, of a push that was rejected, and the flag that names its state."""
    state = tmp_path / "state.db"
    upstream = {"name": "default", "url": registry.url, "credentials": "anonymous"}
    async with gate_world(registry, {"p.yaml": REJECT}, state=state, more={"upstreams": [upstream]}) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 403
        yield world, ("--state", f"sqlite://{state}")


async def test_a_hold_is_listed_shown_and_dropped(held):
    world, state = held
    code, out, _ = await sealgate("list", *state)
    assert code == 0
    assert "team/app:1.0" in out
    (listed,) = json.loads((await sealgate("list", "--json", *state))[1])
    assert (listed["digest"], listed["releases_itself"]) == (str(IMAGE.digest), False)
    assert listed["hold"] == world.gate.decisions[-1]["id"]
    code, out, _ = await sealgate("show", listed["hold"], *state)
    assert (code, str(IMAGE.digest) in out, "signature-missing" in out) == (0, True, True)
    code, out, _ = await sealgate("drop", listed["hold"], *state)
    assert (code, out.startswith("team/app:1.0 is held no longer")) == (0, True)
    assert (await sealgate("list", *state))[1] == "nothing waits for a signature\n"
    code, _, err = await sealgate("show", listed["hold"], *state)
    assert (code, "there is no hold" in err) == (2, True)
    assert (await world.client.pull("team/app", "1.0")).status == 404


async def test_a_release_on_request_overrules_no_policy(held):
    world, state = held
    name = world.gate.decisions[-1]["id"]
    code, out, _ = await sealgate("release", name, "--reason", "incident 12", *state)
    assert (code, "it still waits: signature-missing" in out) == (1, True)
    assert "1.0" not in world.registry.tags("team/app")
    world.put("team/app", world.signature(IMAGE.digest))
    code, out, _ = await sealgate("release", name, "--reason", "incident 12", *state)
    assert (code, "the hold has ended" in out) == (0, True)
    assert world.registry.tags("team/app")["1.0"] == IMAGE.digest
    assert world.gate.decisions[-1]["event"] == "released"
    assert "released on request: incident 12" in world.gate.decisions[-1]["warnings"]


async def test_usage(tmp_path):
    for arguments, told in (
        (("list",), "keeps its state in memory"),
        (("list", "--state", f"sqlite://{tmp_path}/none.db"), "is not there"),
        (("release", "x", "--reason", " ", "--state", f"sqlite://{tmp_path}/none.db"), "--reason is a line of text"),
    ):
        code, _, err = await sealgate(*arguments)
        assert (code, told in err) == (2, True), err
    assert not (tmp_path / "none.db").exists()
