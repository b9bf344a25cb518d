"""Pushes that wait for their signature (design section 6)."""

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from sealgate.admission.holds import Holds
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.digest import Digest
from sealgate.testing import images
from sealgate.testing.registry import Answer

IMAGE, OTHER, THIRD = (images.oci_image(seed=seed) for seed in (1, 2, 3))
INDEX = images.index(seed=10)


HOLD = """\
name: hold
repositories: ["team/**"]
on_unsigned_push: hold
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""


@pytest.fixture
def holding(registry, gate_world, tmp_path):
    """Makes a gate that holds; it may be made again over the same state."""

    @asynccontextmanager
    async def make(policy=HOLD, more=None, on=None, **options):
        behind = on or registry
        upstream = {"name": "default", "url": behind.url, "credentials": "anonymous"}
        async with gate_world(
            behind,
            {"hold.yaml": policy},
            state=tmp_path / "state.db",
            more={"upstreams": [upstream], **(more or {})},
            **options,
        ) as world:
            yield world

    return make


def events(world):
    return [line["event"] for line in world.gate.decisions if line["event"]]


async def until(told, seconds=15):
    async with asyncio.timeout(seconds):
        while not told():  # noqa: ASYNC110 - what happens in the gate, which says so to nobody
            await asyncio.sleep(0.02)


async def test_a_push_is_held_and_moves_when_it_is_signed(holding):
    async with holding() as world:
        pushed = await world.client.push("team/app", IMAGE, "1.0")
        assert pushed.status == 201
        assert pushed.headers["docker-content-digest"] == str(IMAGE.digest)
        assert "team/app:1.0 is held until 20" in pushed.headers["warning"]
        assert f"moves to {IMAGE.digest} once that is signed" in pushed.headers["warning"]
        assert world.registry.tags("team/app") == {}
        signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert signed.status == 201
        assert f"team/app:1.0 now is {IMAGE.digest}" in signed.headers["warning"]
        assert world.registry.tags("team/app")["1.0"] == IMAGE.digest
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert events(world) == ["held", "released"]


async def test_a_bundle_that_is_pushed_by_digest_releases_too(holding):
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        assert (await world.client.push_signature("team/app", world.bundle(IMAGE))).status == 201
        assert world.registry.tags("team/app")["1.0"] == IMAGE.digest


async def test_a_signature_that_does_not_satisfy_says_what_is_missing(holding):
    async with holding() as world:
        await world.client.push("team/app", IMAGE, "1.0")
        signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest, world.other_key))
        assert signed.status == 201
        assert "team/app:1.0 is still held: " in signed.headers["warning"]
        assert "expected key release" in signed.headers["warning"]
        assert "1.0" not in world.registry.tags("team/app")


async def test_a_signature_of_what_nobody_pushed_as_a_tag_says_what_it_lacks(world):
    """Without a hold, too: it is stored, and the client reads that it is not enough."""
    world.add("team/app", IMAGE, None, signed=False)
    signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest, world.other_key))
    assert signed.status == 201
    assert "what is signed is not admitted even so: " in signed.headers["warning"]
    signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest, world.other_key, world.key))
    assert (signed.status, signed.headers.get("warning")) == (201, None)


async def test_the_signature_may_come_first(holding):
    async with holding() as world:
        await world.client.push("team/app", IMAGE, str(IMAGE.digest))
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        pushed = await world.client.push("team/app", IMAGE, "1.0")
        assert (pushed.status, pushed.headers.get("warning")) == (201, None)
        assert world.registry.tags("team/app")["1.0"] == IMAGE.digest
        assert events(world) == []


async def test_readers_get_what_the_tag_admitted_before(holding, reason):
    async with holding() as world:
        world.add("team/app", OTHER, "1.0")
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        reply = await world.client.pull("team/app", "1.0")
        assert (reply.status, reply.body) == (200, OTHER.raw)
        reply = await world.client.pull("team/app", str(IMAGE.digest))
        assert reply.status == 403


@pytest.mark.parametrize("agent", ["docker/28.0", "cosign/v2.6.5", "oras-go", "containerd/v2"])
@pytest.mark.parametrize("mode", ["hold", "reject"])
async def test_readers_of_a_tag_that_was_nothing_before_are_told_what_to_sign(holding, reason, agent, mode):
    async with holding(HOLD.replace("hold\nrules", f"{mode}\nrules")) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == (201 if mode == "hold" else 403)
        reply = await world.client.ask(
            "GET", "/v2/team/app/manifests/1.0", headers={"User-Agent": agent, "Accept": "*/*"}
        )
        assert (reply.status, reason(reply)) == (403, "awaiting-signature")
        assert str(IMAGE.digest) in reply.body.decode()
        assert IMAGE.raw not in reply.body
        tags = json.loads((await world.client.ask("GET", "/v2/team/app/tags/list")).body)["tags"]
        assert "1.0" not in (tags or [])
        assert (await world.client.pull("team/app", "2.0")).status == 404


async def test_a_push_that_is_rejected_is_no_push_that_moves_by_itself(holding):
    async with holding(HOLD.replace("hold\nrules", "reject\nrules")) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 403
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert "1.0" not in world.registry.tags("team/app")
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_one_policy_that_rejects_is_not_overruled_by_one_that_holds(registry, gate_world, tmp_path):
    strict = HOLD.replace("name: hold", "name: strict").replace("on_unsigned_push: hold\n", "")
    upstream = {"name": "default", "url": registry.url, "credentials": "anonymous"}
    policies = {"hold.yaml": HOLD, "strict.yaml": strict}
    async with gate_world(registry, policies, state=tmp_path / "s.db", more={"upstreams": [upstream]}) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 403


async def test_b8_a_late_signature_never_rolls_a_tag_back(holding):
    """Attacks B8: A is held, B is pushed and admitted, and then A's signature comes."""
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        world.add("team/app", OTHER, None)
        assert (await world.client.push("team/app", OTHER, "1.0")).status == 201
        signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert (signed.status, signed.headers.get("warning")) == (201, None)
        assert world.registry.tags("team/app")["1.0"] == OTHER.digest


async def test_b8_a_later_push_that_is_held_itself_ends_the_older_hold(holding):
    async with holding() as world:
        for image in (IMAGE, OTHER):
            assert (await world.client.push("team/app", image, "1.0")).status == 201
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert "1.0" not in world.registry.tags("team/app")
        await world.client.push_signature("team/app", world.signature(OTHER.digest))
        assert world.registry.tags("team/app")["1.0"] == OTHER.digest


async def test_b8_the_same_push_again_ends_a_hold_of_something_else(holding):
    """The tag points where it pointed all along; whoever pushed last has said that it should."""
    async with holding() as world:
        world.add("team/app", OTHER, "1.0")
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        assert (await world.client.push("team/app", OTHER, "1.0")).status == 201
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert world.registry.tags("team/app")["1.0"] == OTHER.digest


async def test_b8_a_tag_that_was_moved_past_the_gate_stays_where_it_is(holding):
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        world.add("team/app", OTHER, "1.0")
        signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert "moved past the gate" in signed.headers["warning"]
        assert world.registry.tags("team/app")["1.0"] == OTHER.digest
        assert events(world) == ["held", "hold-ended"]


async def test_two_tags_of_one_digest_move_both(holding):
    async with holding() as world:
        for tag in ("1.0", "latest"):
            assert (await world.client.push("team/app", IMAGE, tag)).status == 201
        signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert {"1.0", "latest"} <= set(world.registry.tags("team/app"))
        assert signed.headers["warning"].count("now is") == 2 or "now is" in signed.headers["warning"]


async def test_an_index_whose_children_came_first(holding):
    async with holding() as world:
        for child in INDEX.children:
            assert (await world.client.push("team/app", child, str(child.digest))).status == 201
        assert (await world.client.push("team/app", INDEX, "1.0")).status == 201
        await world.client.push_signature("team/app", world.signature(INDEX.digest))
        assert world.registry.tags("team/app")["1.0"] == INDEX.digest
        assert (await world.client.pull("team/app", "1.0")).status == 200
        assert (await world.client.pull("team/app", str(INDEX.children[0].digest))).status == 200


async def test_a_release_that_the_registry_does_not_take_is_made_up_for(holding):
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        world.registry.script("PUT /v2/team/app/manifests/1.0", Answer(status=503), times=1)
        signed = await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert signed.status == 201
        assert "will be soon" in signed.headers["warning"]
        await until(lambda: "1.0" in world.registry.tags("team/app"))


async def test_what_was_due_when_the_gate_ended_is_released_by_the_next(holding):
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        world.registry.script("PUT /v2/team/app/manifests/1.0", Answer(status=503), times=1)
        assert (await world.client.push_signature("team/app", world.signature(IMAGE.digest))).status == 201
        assert "1.0" not in world.registry.tags("team/app")
    async with holding() as world:
        await until(lambda: "1.0" in world.registry.tags("team/app"))
        await until(lambda: events(world) == ["released"])


async def test_a_hold_ends_with_its_time(holding, reason):
    async with holding(more={"hold_ttl": 1}) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        await until(lambda: events(world) == ["held", "hold-expired"])
        assert (await world.client.pull("team/app", "1.0")).status == 404
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
        assert "1.0" not in world.registry.tags("team/app")


async def test_what_the_registry_has_thrown_away_is_gone(holding):
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        signature = world.signature(IMAGE.digest)
        world.registry.script(f"GET /v2/team/app/manifests/{IMAGE.digest}", Answer(status=404))
        signed = await world.client.push_signature("team/app", signature)
        assert "no longer in the registry" in signed.headers["warning"]
        assert world.gate.decisions[-1]["reason"] == "content-gone"
        assert events(world) == ["held", "hold-ended"]


@pytest.mark.parametrize("tag", ["v1.0", "v2"])
async def test_an_immutable_tag_stays(registry, gate_world, reason, tag):
    policy = HOLD.replace("on_unsigned_push: hold", "immutable_tags: ['v*']")
    async with gate_world(registry, {"p.yaml": policy}) as world:
        world.add("team/app", IMAGE, None)
        world.add("team/app", OTHER, None)
        assert (await world.client.push("team/app", IMAGE, tag)).status == 201
        assert (await world.client.push("team/app", IMAGE, tag)).status == 201
        for other in (OTHER, THIRD):
            reply = await world.client.push("team/app", other, tag)
            assert (reply.status, reason(reply)) == (403, "tag-immutable")
        assert world.registry.tags("team/app")[tag] == IMAGE.digest
        assert (await world.client.push("team/app", IMAGE, "latest")).status == 201
        assert (await world.client.push("team/app", OTHER, "latest")).status == 201


async def test_hold_is_refused_where_the_gate_could_not_do_it(registry, gate_world, tmp_path):
    anonymous = {"upstreams": [{"name": "default", "url": registry.url, "credentials": "anonymous"}]}
    for more, state, told in (
        ({}, tmp_path / "s.db", "none at the upstream default"),
        (anonymous, None, "hold needs a state that lasts"),
    ):
        with pytest.raises(ConfigurationInvalid, match=told):
            async with gate_world(registry, {"hold.yaml": HOLD}, state=state, more=more):
                pass


async def test_b2_pushes_and_signatures_of_one_tag_at_once(holding):
    """Attacks B2: whatever the order, the tag never points to what is not signed."""
    async with holding() as world:
        made = [images.oci_image(seed=100 + number) for number in range(8)]

        async def push(image):
            assert (await world.client.push("team/app", image, "1.0")).status == 201
            assert (await world.client.push_signature("team/app", world.signature(image.digest))).status == 201

        async def read():
            for _ in range(30):
                reply = await world.client.pull("team/app", "1.0")
                if reply.status == 200:
                    assert world.registry.tags("team/app").get(f"sha256-{str(Digest.of(reply.body))[7:]}.sig")

        await asyncio.gather(*(push(image) for image in made), read(), read())
        assert len([one for one in events(world) if one == "held"]) == len(made)


# Two at once. The registry answers slowly where the race is, so that the other comes in between.


async def test_b8_a_push_that_comes_while_a_release_looks_at_the_tag(holding):
    """The release has seen where the tag points, and moves it; the push of something else comes after it, and stays."""
    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        world.add("team/app", OTHER, None)
        world.registry.script("GET /v2/team/app/manifests/1.0", Answer(status=404, delay=0.5), times=1)
        world.registry.requests.clear()
        signing = asyncio.create_task(world.client.push_signature("team/app", world.signature(IMAGE.digest)))
        await until(lambda: was_asked(world, "GET /v2/team/app/manifests/1.0"))
        assert (await world.client.push("team/app", OTHER, "1.0")).status == 201
        assert (await signing).status == 201
        assert world.registry.tags("team/app")["1.0"] == OTHER.digest


async def test_b8_a_release_that_is_judged_while_the_tag_is_pushed_again(holding):
    """Another hold of the same tag, for the same content that the tag points to, is not the one that was judged."""
    async with holding() as world:
        world.add("team/app", OTHER, "1.0")
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        signature = world.signature(IMAGE.digest)
        # It is judged before it takes its turn; meanwhile the tag is pushed again.
        looked = f"GET /v2/team/app/referrers/{IMAGE.digest}"
        world.registry.script(looked, Answer(status=404, delay=0.5), times=1)
        world.registry.requests.clear()
        signing = asyncio.create_task(world.client.push_signature("team/app", signature))
        await until(lambda: was_asked(world, looked))
        assert (await world.client.push("team/app", THIRD, "1.0")).status == 201
        assert (await signing).status == 201
        assert world.registry.tags("team/app")["1.0"] == OTHER.digest
        assert [hold["digest"] for hold in held(world)][-1] == str(THIRD.digest)


async def test_f11_a_signature_that_comes_while_its_push_is_judged(holding):
    """It is stored before there is a hold that it could mark; the tag moves even so."""
    async with holding() as world:
        await world.client.push("team/app", IMAGE, str(IMAGE.digest))
        signature = world.signature(IMAGE.digest)
        looked = f"GET /v2/team/app/manifests/{signature.tag}"
        world.registry.script(looked, Answer(status=404, delay=0.5), times=1)
        world.registry.requests.clear()
        pushing = asyncio.create_task(world.client.push("team/app", IMAGE, "1.0"))
        await until(lambda: was_asked(world, looked))
        world.put("team/app", signature)
        assert (await pushing).status == 201
        await until(lambda: world.registry.tags("team/app").get("1.0") == IMAGE.digest)


async def test_f11_who_looks_before_the_signature_is_stored_settles_nothing_for_it(holding, monkeypatch, tmp_path):
    """The sweep judges while it is on its way, without it; and the gate is gone before it judges with it."""
    monkeypatch.setattr("sealgate.admission.holds.HOLD_SWEEP_SECONDS", 0.05)

    async def nothing(_holds, _due):
        return ()

    def settled():
        with closing(sqlite3.connect(tmp_path / "state.db")) as by_hand:
            return by_hand.execute("SELECT due FROM holds").fetchall() == [(0,)]

    async with holding() as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        signature = world.signature(IMAGE.digest)
        stores = f"PUT /v2/team/app/manifests/{signature.tag}"
        world.registry.script(stores, Answer(status=201, delay=3), times=1)
        monkeypatch.setattr(Holds, "came", nothing)
        signing = asyncio.create_task(world.client.push_signature("team/app", signature))
        await until(lambda: was_asked(world, stores))
        await until(settled)
        world.put("team/app", signature)
        assert (await signing).status == 201
        await until(lambda: world.registry.tags("team/app").get("1.0") == IMAGE.digest)


async def test_f11_one_hold_that_cannot_be_judged_keeps_no_other_waiting(holding, monkeypatch):
    """Whatever goes wrong with the oldest one, the others release and end."""
    monkeypatch.setattr("sealgate.admission.holds.HOLD_SWEEP_SECONDS", 0.1)
    look_at = Holds.look_at

    async def failing(self, hold):
        if hold.tag.name == "broken":
            raise ZeroDivisionError
        await look_at(self, hold)

    monkeypatch.setattr(Holds, "look_at", failing)
    async with holding() as world:
        assert (await world.client.push("team/app", OTHER, "broken")).status == 201
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        world.registry.script("PUT /v2/team/app/manifests/1.0", Answer(status=503), times=1)
        assert (await world.client.push_signature("team/app", world.signature(IMAGE.digest))).status == 201
        await until(lambda: "1.0" in world.registry.tags("team/app"))


def was_asked(world, what):
    return any(f"{request.method} {request.path}" == what for request in world.registry.requests)


def held(world):
    return [line for line in world.gate.decisions if line["event"] == "held"]


async def test_an_immutable_tag_does_not_move_by_a_release_either(holding):
    """It was made immutable after the push was held; or somebody made the tag meanwhile."""
    async with holding() as world:
        world.add("team/app", OTHER, "v1")
        assert (await world.client.push("team/app", IMAGE, "v1")).status == 201
        world.registry.script("PUT /v2/team/app/manifests/v1", Answer(status=503), times=1)
        await world.client.push_signature("team/app", world.signature(IMAGE.digest))
    policy = HOLD.replace("on_unsigned_push: hold", "on_unsigned_push: hold\nimmutable_tags: ['v*']")
    async with holding(policy) as world:
        await until(lambda: events(world) == ["hold-ended"])
        assert world.gate.decisions[-1]["reason"] == "tag-immutable"
        assert world.registry.tags("team/app")["v1"] == OTHER.digest


async def test_signatures_are_added_at_tags_that_never_move(registry, gate_world):
    policy = HOLD.replace("on_unsigned_push: hold", "immutable_tags: ['**']")
    async with gate_world(registry, {"p.yaml": policy}) as world:
        world.add("team/app", IMAGE, signed=False)
        for keys in ((world.other_key,), (world.other_key, world.key)):
            reply = await world.client.push_signature("team/app", world.signature(IMAGE.digest, *keys))
            assert reply.status == 201
        assert (await world.client.pull("team/app", "1.0")).status == 200


async def test_a_policy_that_only_warns_lets_its_tags_move(registry, gate_world):
    policy = HOLD.replace("on_unsigned_push: hold", "mode: warn\nimmutable_tags: ['v*']")
    async with gate_world(registry, {"p.yaml": policy}) as world:
        for image in (IMAGE, OTHER):
            assert (await world.client.push("team/app", image, "v1")).status == 201


async def test_what_is_over_is_nothing_even_before_it_is_swept(holding, monkeypatch):
    monkeypatch.setattr("sealgate.admission.holds.HOLD_SWEEP_SECONDS", 3600)
    async with holding(more={"hold_ttl": 1}) as world:
        assert (await world.client.push("team/app", IMAGE, "1.0")).status == 201
        async with asyncio.timeout(15):
            while (await world.client.pull("team/app", "1.0")).status != 404:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("operations: [pull]", "is about pushes, and this policy does not cover them"),
        ("exceptions: [{digest: x, reason: r}]", "exceptions"),
    ],
)
async def test_hold_is_refused_where_it_means_nothing(holding, more, told):
    with pytest.raises(ConfigurationInvalid, match=told):
        async with holding(HOLD + more + "\n"):
            pass


async def test_hold_is_refused_beside_allow_unsigned(holding):
    policy = "name: p\nrepositories: ['team/**']\nallow_unsigned: true\non_unsigned_push: hold\n"
    with pytest.raises(ConfigurationInvalid, match="on_unsigned_push has no meaning beside allow_unsigned"):
        async with holding(policy):
            pass
