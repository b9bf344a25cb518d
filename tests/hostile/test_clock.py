"""The gate whose wall clock is put forward or back while it runs (attacks F15)."""

from datetime import UTC, datetime, timedelta

import pytest

from sealgate import wiring
from sealgate.adapters.clock import SystemClock
from sealgate.testing import images
from sealgate.testing.sigstore import OciObject, bundle_object

IMAGE, OTHER = images.oci_image(seed=1), images.oci_image(seed=2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ISSUER = "https://accounts.google.com"
KEYLESS = """\
name: keyless
repositories: ["team/**"]
rules:
  - name: release
    signature_type: cosign
    key_requirements:
      - {type: keyless, certificate_identity: release@example.com, certificate_oidc_issuer: "https://accounts.google.com"}
"""


class Movable(SystemClock):
    """The machine's clock, with a wall clock that tests put elsewhere."""

    moved = timedelta(0)

    def now(self) -> datetime:
        """See `ports.Clock`."""
        return super().now() + self.moved

    def put(self, moment: datetime) -> None:
        """To this moment."""
        self.moved = moment - super().now()


@pytest.fixture
def clock(monkeypatch) -> Movable:
    """The clock of every gate that this test starts."""
    clock = Movable()
    monkeypatch.setattr(wiring, "SystemClock", lambda: clock)
    return clock


def sign(world) -> None:
    signer = world.sigstore.keyless(identity="release@example.com", issuer=ISSUER)
    described = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type)
    world.put("team/app", bundle_object(world.sigstore.bundle(IMAGE.digest, signer), described.descriptor))


JUMPS = {
    "an-hour-back": -HOUR,
    "an-hour-on": HOUR,
    "a-day-back": -DAY,
    "a-day-on": DAY,
    "1970": datetime(1970, 1, 2, tzinfo=UTC),
    "2038": datetime(2038, 1, 20, tzinfo=UTC),
}


@pytest.fixture(params=JUMPS.values(), ids=JUMPS)
def jump(request, clock):
    """Makes the clock jump."""

    def leap() -> None:
        clock.put(request.param if isinstance(request.param, datetime) else clock.now() + request.param)

    return leap


async def test_f15_what_was_admitted_by_key_stays_so_and_nothing_else_comes_in(registry, gate_world, jump):
    async with gate_world(registry) as world:
        world.add("team/app", IMAGE)
        world.add("team/other", OTHER, signed=False)
        for _ in range(2):
            assert (await world.client.pull("team/app", "1.0")).body == IMAGE.raw
            assert (await world.client.pull("team/other", "1.0")).status == 403
            jump()


async def test_f15_a_certificate_is_judged_at_the_time_of_the_log(registry, gate_world, clock):
    """Its ten minutes are long over when the clock is put on; put back, the signature is made in the future."""
    async with gate_world(registry, {"keyless.yaml": KEYLESS}) as world:
        world.add("team/app", IMAGE, signed=False)
        sign(world)
        for moved in (timedelta(0), HOUR, DAY, 30 * DAY):
            clock.moved = moved
            assert (await world.client.pull("team/app", "1.0")).status == 200


@pytest.mark.parametrize("state", ["memory", "file"])
@pytest.mark.parametrize("back", [2 * HOUR, DAY, 18000 * DAY], ids=["hours", "a-day", "1970s"])
async def test_f15_a_clock_put_back_prolongs_no_admission(registry, gate_world, clock, reason, back, state, tmp_path):
    """What was admitted is judged anew, and by this clock the signature has not been made yet."""
    options = {"state": tmp_path / "state.db"} if state == "file" else {}
    async with gate_world(registry, {"keyless.yaml": KEYLESS}, **options) as world:
        world.add("team/app", IMAGE, signed=False)
        sign(world)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        clock.moved = -back
        reply = await world.client.pull("team/app", "1.0")
        assert (reply.status, reason(reply)) == (403, "signed-in-the-future")
        clock.moved = timedelta(0)


async def test_f15_an_exception_ends_by_the_wall_clock(registry, gate_world, clock):
    """It is a date that people wrote: there is no other clock to read it by."""
    expires = (clock.now() + DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = f"""\
name: by-key
repositories: ["team/**"]
rules:
  - name: release-key
    signature_type: cosign
    key_requirements: [{{type: key, public_key: release.pub}}]
    rekor: {{required: false}}
exceptions:
  - {{digest: "{IMAGE.digest}", reason: an outage, expires: "{expires}", approved_by: ops}}
"""
    async with gate_world(registry, {"by-key.yaml": policy}) as world:
        world.add("team/app", IMAGE, signed=False)
        assert (await world.client.pull("team/app", "1.0")).status == 200
        clock.moved = 2 * DAY
        assert (await world.client.pull("team/app", "1.0")).status == 403
