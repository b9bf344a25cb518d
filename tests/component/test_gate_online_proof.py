"""`proof: online` through the whole gate: signatures that bring the log's promise only, and the log that is asked."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.testing import images
from sealgate.testing.client import RegistryClient
from sealgate.testing.registry import Answer
from sealgate.testing.sigstore import (
    OciObject,
    PrivateSigstore,
    SigningKey,
    bundle_object,
    simple_signing_object,
)
from sealgate.testing.sigstore.encoding import compact_json
from sealgate.testing.sigstore.server import SigstoreServer
from sealgate.testing.sigstore.signing import LOG_ENTRY
from sealgate.testing.sigstore.transparency_log import TransparencyLog

IMAGE = images.oci_image(seed=1)
OTHER = images.oci_image(seed=2)
IDENTITY, ISSUER = "dev@example.com", "https://accounts.example.com"
ASKED = "GET /api/v1/log/entries"
ONLINE = "{proof: online}"
BY = {
    "key": "{type: key, public_key: key.pub}",
    "keyless": f'{{type: keyless, certificate_identity: "{IDENTITY}", certificate_oidc_issuer: "{ISSUER}"}}',
}


def policy(rekor, wanted, more=""):
    return (
        f"name: signed\nrepositories: [team/*]\nrules:\n"
        f"  - name: signed\n    rekor: {rekor}\n{more}    key_requirements:\n      - {wanted}\n"
    )


class World:
    """A registry with an image in it, and a Sigstore whose log answers over HTTP."""

    def __init__(self, registry, who, start_gate):
        self.registry, self._start, self.who = registry, start_gate, who
        self.sigstore = PrivateSigstore(now=SystemClock().now())
        self.key = SigningKey.generate()
        self.signer = self.key if who == "key" else self.sigstore.keyless(identity=IDENTITY, issuer=ISSUER)
        self.server = SigstoreServer(self.sigstore, SystemClock())
        self.registry.add_artifact("team/app", IMAGE, "1.0")

    def sign(self, signer=None, edit=lambda signature: signature):
        """Sign as cosign 2 does: the log's promise is all that comes with it."""
        signature = edit(self.sigstore.simple_signature(IMAGE.digest, signer or self.signer))
        self.put(simple_signing_object(IMAGE.digest, [signature]))

    def put(self, carrier):
        for blob in carrier.blobs.values():
            self.registry.add_blob("team/app", blob)
        self.registry.add_manifest("team/app", carrier.manifest, carrier.media_type, carrier.tag)

    @asynccontextmanager
    async def gate(self, rekor=ONLINE, base_url=None, more=""):
        root = self.sigstore.trusted_root()
        for log in root["tlogs"]:
            log["baseUrl"] = self.server.url if base_url is None else base_url
        gate = await self._start(
            self.registry.url,
            {"signed.yaml": policy(rekor, BY[self.who], more)},
            trusted_root=compact_json(root),
            files={"key.pub": self.key.public_pem},
        )
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield RegistryClient(gate.url, session)


@pytest.fixture(params=["key", "keyless"])
def world(request, registry, start_gate):
    made = World(registry, request.param, start_gate)
    with made.server:
        yield made


async def test_a_promise_is_enough_once_the_log_proves_it(world):
    world.sign()
    async with world.gate() as client:
        reply = await client.pull("team/app", "1.0")
        assert (reply.status, reply.body) == (200, IMAGE.raw)
    assert world.server.requests == [ASKED]


@pytest.mark.parametrize(("rekor", "status"), [("{proof: offline}", 403), ("{proof: promise}", 200), ("{}", 403)])
async def test_a29_other_policies_ask_nobody(world, rekor, status, reason):
    world.sign()
    async with world.gate(rekor) as client:
        reply = await client.pull("team/app", "1.0")
    assert reply.status == status
    assert status == 200 or reason(reply) == "log-proof-missing"
    assert world.server.requests == []


async def test_a29_a_proof_that_came_with_the_signature_is_not_fetched(world):
    described = OciObject(manifest=IMAGE.raw, media_type=IMAGE.media_type)
    world.put(bundle_object(world.sigstore.bundle(IMAGE.digest, world.signer), described.descriptor))
    async with world.gate() as client:
        assert (await client.pull("team/app", "1.0")).status == 200
    assert world.server.requests == []


async def test_a29_the_log_is_not_asked_about_signatures_of_others(world, reason):
    """Else whoever may push signatures could have the gate ask for as many entries as it likes."""
    other = SigningKey.generate()
    world.sign(other if world.who == "key" else world.sigstore.keyless(identity="evil@example.com", issuer=ISSUER))
    async with world.gate() as client:
        reply = await client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "key-not-trusted" if world.who == "key" else "identity-mismatch")
    assert world.server.requests == []


async def test_a29_the_log_is_not_asked_for_rules_about_other_artifacts(world):
    world.sign()
    async with world.gate(more="    artifact_types: [helm]\n") as client:
        assert (await client.pull("team/app", "1.0")).status == 403
    assert world.server.requests == []


async def test_f7_a_log_that_does_not_answer_leaves_it_open(world, reason, registry):
    world.sign()
    async with world.gate(base_url="http://127.0.0.1:1") as client:
        reply = await client.pull("team/app", "1.0")
        assert (reply.status, reason(reply)) == (503, "log-unavailable")
        assert "retry-after" in reply.headers
        assert IMAGE.raw not in reply.body


async def test_f7_a_log_that_is_back_is_asked_again(world, reason, registry):
    """A doubt is not kept: the next pull asks."""
    world.sign()
    registry.script(ASKED, Answer(status=503), times=1)
    async with world.gate(base_url=registry.url) as client:
        assert reason(await client.pull("team/app", "1.0")) == "log-unavailable"
        for entry in world.sigstore.log.entries:
            registry.script(ASKED, Answer(body=json.dumps(shown(world.sigstore.log, entry)).encode()))
        assert (await client.pull("team/app", "1.0")).status == 200


async def test_a_log_without_an_address_is_not_asked(world, reason):
    world.sign()
    async with world.gate(base_url="") as client:
        reply = await client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "log-proof-missing")


async def test_a2_a_promise_that_the_log_did_not_keep_admits_nothing(world, reason):
    """Its key signed for an entry that is not in its tree: what makes people want the proof."""
    elsewhere = world.sigstore.with_parts(log=TransparencyLog(key=world.sigstore.log.key))
    signature = elsewhere.simple_signature(IMAGE.digest, world.signer)
    world.put(simple_signing_object(IMAGE.digest, [signature]))
    for _ in range(2):
        world.sigstore.simple_signature(OTHER.digest, world.signer)  # there is something else at its place
    async with world.gate() as client:
        reply = await client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, "log-unavailable")


async def test_a1_the_proof_is_for_the_entry_of_this_signature(world, reason):
    """An entry of another image, promised and in the log: refused before anybody asks."""
    foreign = world.sigstore.simple_signature(OTHER.digest, world.signer)

    def stapled(signature):
        return replace(signature, annotations={**signature.annotations, LOG_ENTRY: foreign.annotations[LOG_ENTRY]})

    world.sign(edit=stapled)
    async with world.gate() as client:
        reply = await client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (403, "log-entry-mismatch")
    assert world.server.requests == []


async def test_a16_keys_are_not_fetched(world, registry, reason):
    """A log that answers with everything right but the key: its own is never asked for."""
    world.sign()
    (entry,) = world.sigstore.log.entries
    evil = TransparencyLog()
    evil.bodies = world.sigstore.log.bodies
    registry.script(ASKED, Answer(body=json.dumps(shown(evil, entry)).encode()))
    registry.script("GET /api/v1/log/publicKey", Answer(body=evil.key.public_pem))
    async with world.gate(base_url=registry.url) as client:
        reply = await client.pull("team/app", "1.0")
    assert (reply.status, reason(reply)) == (503, "log-unavailable")
    assert [one.path for one in registry.requests if "/log" in one.path] == ["/api/v1/log/entries"]


async def test_a_proof_is_fetched_once_for_pushes_and_pulls(world):
    world.sign()
    async with world.gate() as client:
        for tag in ("1.1", "1.2"):
            assert (await client.push_manifest("team/app", tag, IMAGE.raw, IMAGE.media_type)).status == 201
        replies = await asyncio.gather(*(client.pull("team/app", "1.0") for _ in range(5)))
        assert {reply.status for reply in replies} == {200}
    assert world.server.requests == [ASKED]


def shown(log, entry):
    """An entry as Rekor's API shows it, with a proof of this log."""
    proof = log.inclusion_proof(int(entry["inclusionProof"]["logIndex"]))
    return {
        "id": {
            "body": entry["canonicalizedBody"],
            "logIndex": int(entry["logIndex"]),
            "verification": {
                "inclusionProof": {
                    "checkpoint": proof["checkpoint"]["envelope"],
                    "hashes": [base64.b64decode(node).hex() for node in proof["hashes"]],
                    "logIndex": int(proof["logIndex"]),
                    "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                    "treeSize": int(proof["treeSize"]),
                }
            },
        }
    }
