"""`sealgate replay` and `sealgate explain`: on what a real gate wrote into its decision log."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sealgate.cli.main import app
from sealgate.testing import images
from sealgate.testing.sigstore import OciObject, bundle_object, simple_signing_object

BY_KEY = """\
name: by-key
repositories: ["team/**"]
rules:
  - name: signed
    key_requirements: [{type: key, public_key: release.pub}]
    rekor: {required: false}
"""
FREE = "name: free\nrepositories: ['**']\nallow_unsigned: true\n"
KEYLESS = """\
name: keyless
repositories: ["team/**"]
rules:
  - name: builder
    key_requirements:
      - {type: keyless, certificate_identity: "%s", certificate_oidc_issuer: "https://accounts.google.com"}
"""
ANN = KEYLESS % "ann@example.com"
MALFORMED = '{"id":\n"just text"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Log:
    """What a gate decided, in a file; and other policies."""

    def __init__(self, world):
        self.world = world
        self.skip = 0  # lines that the log begins after
        Path("p").mkdir(exist_ok=True)
        Path("p/release.pub").write_bytes(world.key.public_pem)
        Path("p/other.pub").write_bytes(world.other_key.public_pem)

    def write(self, policy, more):
        if policy is not None:
            Path("p/policy.yaml").write_text(policy)
        lines = self.world.gate.decisions[self.skip :]
        Path("log").write_text("".join(json.dumps(line) + "\n" for line in lines) + more)

    async def run(self, *arguments, policy=None, more=""):
        self.write(policy, more)
        return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))

    async def replay(self, policy, *more):
        done = await self.run("replay", "log", "--policies", "p", "--json", *more, policy=policy)
        assert done.exit_code in (0, 1, 3), done.output
        found = json.loads(done.stdout)
        told = [(one["was"], one["would_be"], one["reason"], one["count"]) for one in found["differences"]]
        return done.exit_code, told, found


def settings(document):
    Path("s.json").write_text(json.dumps(document))


async def pull(world, *references):
    return [(await world.client.pull(*f"team/{one}".split(":", 1))).status for one in references]


def keyless(world, artifact, identity):
    signer = world.sigstore.keyless(identity=identity, issuer="https://accounts.google.com")
    described = OciObject(manifest=artifact.raw, media_type=artifact.media_type)
    return bundle_object(world.sigstore.bundle(artifact.digest, signer), described.descriptor)


async def test_the_same_policies_decide_the_same(world):
    world.add("team/app", images.oci_image(seed=1))
    world.add("team/bad", images.oci_image(seed=2), signed=False)
    assert await pull(world, "app:1.0", "app:1.0", "bad:1.0") == [200, 200, 403]
    assert await Log(world).replay(BY_KEY) == (
        0, [], {"same": 3, "different": 0, "unread": 0, "unknown": {}, "differences": []}
    )  # fmt: skip


async def test_what_would_be_different_is_counted_with_whose_rule_it_is(world):
    signed, bare = images.oci_image(seed=1), images.oci_image(seed=2)
    world.add("team/app", signed)
    world.put("team/app", keyless(world, signed, "ann@example.com"))
    world.add("team/old", bare)
    world.add("team/bad", images.oci_image(seed=3), signed=False)
    assert await pull(world, "app:1.0", "app:1.0", "old:1.0", "bad:1.0") == [200, 200, 200, 403]
    log = Log(world)
    code, told, found = await log.replay(ANN)
    assert (code, told, found["same"]) == (1, [("admit", "deny", "key-not-trusted", 1)], 3)
    assert found["differences"][0]["references"] == ["team/old:1.0"]
    code, told, found = await log.replay(KEYLESS % "bob@example.com")
    assert told == [("admit", "deny", "identity-mismatch", 2), ("admit", "deny", "key-not-trusted", 1)]
    code, told, found = await log.replay(FREE)
    assert told == [("deny", "admit", "signature-missing", 1)]
    shown = await log.run("replay", "log", "--policies", "p", policy=ANN, more=MALFORMED)
    assert shown.exit_code == 1
    (row,) = [line.split() for line in shown.stdout.splitlines() if line.startswith(" admit")]
    assert row == ["admit", "deny", "1", "key-not-trusted", "team/old:1.0"]
    assert "keyless, builder" in shown.stdout
    assert "not read: 2 lines that are none of a decision log" in shown.stdout
    assert shown.stdout.splitlines()[-1] == "4 decisions: 1 would be different"


async def test_signers_claims_and_times_are_what_was_recorded(world):
    image = images.oci_image(seed=1)
    world.add("team/app", image, signed=False)
    world.put("team/app", keyless(world, image, "ann@example.com"))
    await pull(world, "app:1.0")
    log = Log(world)
    assert (await log.replay(ANN))[1] == [("deny", "admit", "key-not-trusted", 1)]
    assert (await log.replay(ANN + "    max_age: 1d\n"))[1] == [("deny", "admit", "key-not-trusted", 1)]
    for policy in (
        ANN + "    min_signed_at: '2099-01-01T00:00:00Z'\n",
        ANN.replace('google.com"}', 'google.com", claims: {build_trigger: push}}'),
        ANN.replace("ann@", "bob@"),
        ANN.replace("accounts.", "elsewhere."),
    ):
        assert (await log.replay(policy))[2]["same"] == 1


async def test_what_cannot_be_known_is_not_guessed(registry, gate_world):
    async with gate_world(registry, {"free.yaml": FREE}) as world:
        world.add("team/app", images.oci_image(seed=1))
        assert await pull(world, "app:1.0") == [200]
        code, told, found = await Log(world).replay(BY_KEY)
        assert (code, told) == (3, [])
        assert found["unknown"] == {"nobody looked for signatures, for no policy asked for any": 1}


async def test_a_key_that_was_not_tried_may_have_signed(world):
    image = world.add("team/app", images.oci_image(seed=1), signed=False)
    world.put("team/app", world.signature(image.digest, world.other_key))
    assert await pull(world, "app:1.0") == [403]
    other = BY_KEY.replace("release.pub", "other.pub")
    code, _, found = await Log(world).replay(other)
    assert (code, found["unknown"]) == (3, {"a signature may be by a key that was not known then": 1})
    denying = FREE + "denied: [other]\n"
    ring = {"keys": {"other": "p/other.pub"}, "upstreams": [{"name": "default", "url": "http://r.example"}]}
    settings(ring)
    _, _, found = await Log(world).replay(denying, "--settings", "s.json")
    assert found["unknown"] == {"a signature may be by a key that was not known then": 1}


async def test_the_log_would_have_been_asked(world):
    image = world.add("team/app", images.oci_image(seed=1), signed=False)
    signature = world.sigstore.simple_signature(image.digest, world.key, logged=True)
    world.put("team/app", simple_signing_object(image.digest, [signature]))
    assert await pull(world, "app:1.0") == [200]
    log = Log(world)
    online = BY_KEY.replace("{required: false}", "{proof: online}")
    assert (await log.replay(online))[2]["unknown"] == {"the transparency log would have been asked for a proof": 1}
    assert (await log.replay(BY_KEY.replace("{required: false}", "{proof: promise}")))[1] == []
    told = (await log.replay(BY_KEY.replace("{required: false}", "{proof: offline}")))[1]
    assert told == [("admit", "deny", "log-proof-missing", 1)]


async def test_children_are_covered_by_their_indexes_again(world):
    index = world.add("team/app", images.index(seed=10))
    await pull(world, "app:1.0")
    await world.client.pull("team/app", str(index.children[0].digest))
    assert [line["outcome"] for line in world.gate.decisions] == ["admit", "admit"]
    log = Log(world)
    assert (await log.replay(BY_KEY))[:2] == (0, [])
    assert (await log.replay(BY_KEY + "    index: each\n"))[1] == [("admit", "deny", "child-not-signed", 1)]


async def test_a_child_whose_index_is_not_recorded_cannot_be_told(world):
    index = world.add("team/app", images.index(seed=10))
    await pull(world, "app:1.0")
    await world.client.pull("team/app", str(index.children[0].digest))
    log = Log(world)
    log.skip = 1
    _, told, found = await log.replay(BY_KEY)
    assert told == []
    assert found["unknown"] == {"what an index that lists it was judged by is not recorded": 1}


async def test_what_was_asked_for_by_digest_may_be_a_child(world):
    image = world.add("team/app", images.oci_image(seed=1))
    await world.client.pull("team/app", str(image.digest))
    log = Log(world)
    assert (await log.replay(ANN))[2]["unknown"] == {"an index that nobody looked for may list it": 1}
    assert (await log.replay(BY_KEY))[2]["same"] == 1
    await pull(world, "app:1.0")  # by a tag: it is asked for as itself
    log.skip = 1
    assert (await log.replay(ANN))[2]["unknown"] == {"what it was made from is not recorded": 1}


async def test_signatures_are_not_the_policies_business(world):
    image = world.add("team/app", images.oci_image(seed=1))
    assert await pull(world, f"app:sha256-{image.digest.hex}.sig") == [200]
    code, told, found = await Log(world).replay(ANN)
    assert (code, told, found["same"], found["unknown"]) == (0, [], 0, {})


async def test_pushes_are_replayed_with_their_tags(world):
    world.add("team/base", images.oci_image(seed=9))
    image = images.oci_image(seed=1)
    world.add("team/app", image)
    assert (await world.client.push("team/app", image, "v1")).status == 201
    tagged = BY_KEY.replace("release.pub", "other.pub") + "operations: [push]\ntags: ['v*']\n"
    _, told, found = await Log(world).replay(tagged)
    assert [one["references"] for one in found["differences"]] == [["team/app:v1"]]
    assert [one[:2] for one in told] == [("admit", "deny")]
    assert (await Log(world).replay(BY_KEY + "operations: [push]\ntags: ['v*']\n"))[2]["different"] == 0


async def test_what_a_person_reads_of_a_decision(world):
    image = images.oci_image(seed=1)
    world.add("team/app", image, signed=False)
    world.put("team/app", keyless(world, image, "eve@example.com"))
    world.put("team/app", world.signature(image.digest, world.other_key))
    await pull(world, "app:1.0")
    line = world.gate.decisions[-1]
    log = Log(world)
    done = await log.run("explain", line["id"].lower(), "--log", "log")
    assert done.exit_code == 0, done.output
    told = done.stdout.splitlines()
    assert told[0] == f"Decision {line['id']}, {line['time']}"
    assert told[1].startswith("Somebody (127.0.0.1")
    assert told[1].endswith("pulled team/app:1.0.")
    assert told[2] == f"It is {image.digest}."
    assert told[4].startswith("It was denied by policy by-key, rule signed: key-not-trusted: ")
    assert told[5].startswith("That means: It is signed with a key that the rule does not name")
    assert told[6].startswith("What to do: Sign it with one of the keys that the message names")
    text = "\n".join(told)
    assert "What was found:" in text
    assert "  - a signature by eve@example.com (issuer https://accounts.google.com), at 20" in text
    assert "; the transparency log proves that it holds it (sha256:" in text
    assert "  - one that does not count: key-not-trusted: " in text
    assert "What the rules say to that:\n  - by-key, signed: " in text
    as_json = await log.run("explain", line["id"], "--log", "log", "--json")
    assert json.loads(as_json.stdout) == line


async def test_a_decision_that_is_used_again_says_where_to_look(world):
    world.add("team/app", images.oci_image(seed=1))
    await pull(world, "app:1.0", "app:1.0")
    first, again = world.gate.decisions
    log = Log(world)
    told = (await log.run("explain", first["id"], "--log", "log")).stdout
    assert "It was admitted: signed by key release." in told
    assert "  - a signature by the key with the fingerprint " in told
    told = (await log.run("explain", again["id"], "--log", "log")).stdout
    assert "What was found is not in this line" in told
    assert "It was decided before, and used again" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explain", "01M844DZG10000000000000000", "--log", "log"], "log: there is no decision 01M844DZG1"),
        (["explain", "nonsense", "--log", "log"], "nonsense is no name of a decision"),
        (["explain", "01M844DZG10000000000000000"], "no decision log is named"),
        (["explain", "01M844DZG10000000000000000", "--log", "nowhere"], "nowhere: cannot be read"),
        (["explain", "01M844DZG1AAAAAAAAAAAAAAAA", "--log", "log"], "is none of this version's"),
        (["replay", "log"], "no policies are named"),
        (["replay", "nowhere", "--policies", "p"], "nowhere: cannot be read"),
    ],
)
def test_what_cannot_be_told_is_wrong_usage(arguments, told):
    Path("log").write_text(MALFORMED + '{"id":"01M844DZG1AAAAAAAAAAAAAAAA"}\n')
    Path("p").mkdir()
    Path("p/policy.yaml").write_text(FREE)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert told in done.stderr
