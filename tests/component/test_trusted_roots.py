"""Trusted roots of a whole gate: several by name, from files and repositories, fresh and not (attacks A28, A29)."""

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.trusted_roots import public_good
from sealgate.admission.judge import Artifact
from sealgate.errors import ConfigurationInvalid
from sealgate.oci.media_types import MANIFESTS
from sealgate.oci.reference import Repository
from sealgate.policy.decision import Outcome
from sealgate.ports import Access
from sealgate.settings import Settings, TrustedRootSettings, UpstreamSettings
from sealgate.testing import images, tuf
from sealgate.testing.sigstore import OciObject, PrivateSigstore, SigningKey, bundle_object
from sealgate.wiring import core, load_policies

NOW = SystemClock().now() - timedelta(minutes=5)
DEFAULT, ACME = PrivateSigstore(now=NOW), PrivateSigstore(now=NOW)
IDENTITY, ISSUER = "release@team.example", "https://accounts.team.example"
KEYLESS = """\
name: {name}
repositories: ["{name}/**"]
rules:
  - name: signed
    key_requirements:
      - {{type: keyless, certificate_identity: {identity}, certificate_oidc_issuer: "{issuer}"{root}}}
"""
BY_KEY = """\
name: keys
repositories: ["keys/**"]
rules: [{name: signed, key_requirements: [{type: key, public_key: release.pub}], rekor: {required: false}}]
"""
KEY = SigningKey.generate("ecdsa-p256")


def keyless(name, root=""):
    said = f", trusted_root: {root}" if root else ""
    return KEYLESS.format(name=name, identity=IDENTITY, issuer=ISSUER, root=said)


@dataclass
class Gate:
    registry: object
    core: object

    async def decide(self, repository, digest):
        name, access = Repository.parse(repository), Access()
        fetched = await self.core.upstream.manifest(name, digest, MANIFESTS, access)
        artifact = Artifact(
            repository=name, digest=digest, manifest=self.core.manifests.learn(name, fetched), by_digest=True
        )
        return (await self.core.judge.for_pull(artifact, access)).decision

    def signed(self, repository, signer_of, seed):
        image = images.oci_image(seed=seed)
        self.registry.add_artifact(repository, image, "1")
        self.sign(repository, signer_of, image)
        return image.digest

    def sign(self, repository, signer_of, image):
        described = OciObject(manifest=image.raw, media_type=image.media_type).descriptor
        signer, options = KEY, {"logged": False}
        if repository.partition("/")[0] != "keys":
            signer, options = signer_of.keyless(identity=IDENTITY, issuer=ISSUER), {}
        carrier = bundle_object(signer_of.bundle(image.digest, signer, **options), described)
        for blob in carrier.blobs.values():
            self.registry.add_blob(repository, blob)
        self.registry.add_manifest(repository, carrier.manifest, carrier.media_type, carrier.tag)


@pytest.fixture
def gate(registry, tmp_path):
    @asynccontextmanager
    async def make(roots, *policies, refreshing=False):
        (tmp_path / "default.json").write_bytes(DEFAULT.trusted_root_json())
        (tmp_path / "acme.json").write_bytes(ACME.trusted_root_json())
        (tmp_path / "release.pub").write_bytes(KEY.public_pem)
        for number, text in enumerate(policies):
            (tmp_path / f"{number}.yaml").write_text(text)
        settings = Settings(
            upstreams=(UpstreamSettings(name="default", url=registry.url),),
            policies=tuple(tmp_path / f"{number}.yaml" for number in range(len(policies))),
            trusted_roots={"default": TrustedRootSettings(file=tmp_path / "default.json"), **roots(tmp_path)},
            trusted_roots_folder=tmp_path / "kept",
        )
        loaded = load_policies(settings.policies, {}, settings.trusted_roots).policy_set(settings.unmatched)
        async with core(settings, loaded) as made:
            task = asyncio.create_task(made.refresher.run()) if refreshing else None
            try:
                yield Gate(registry, made)
            finally:
                if task is not None:
                    task.cancel()
                    await asyncio.wait((task,))

    return make


def two_files(folder: Path):
    return {"acme": TrustedRootSettings(file=folder / "acme.json")}


def from_mirror(mirror, name="acme"):
    def roots(folder: Path):
        (folder / "root-of-trust.json").write_bytes(mirror.root)
        return {name: TrustedRootSettings(repository=mirror.url, repository_root=folder / "root-of-trust.json")}

    return roots


@pytest.fixture
def mirror():
    with tuf.TufRepository(now=NOW, trusted_root=ACME.trusted_root_json()).serving() as served:
        yield served


async def test_a_rule_believes_the_root_that_it_names_and_no_other(gate):
    async with gate(two_files, keyless("ours"), keyless("theirs", "acme")) as made:
        for number, (repository, signed_by, admitted) in enumerate(
            [("ours/a", DEFAULT, True), ("ours/b", ACME, False), ("theirs/a", ACME, True), ("theirs/b", DEFAULT, False)]
        ):
            decision = await made.decide(repository, made.signed(repository, signed_by, number))
            assert decision.admitted is admitted, (repository, decision.finding)
            if not admitted:
                assert decision.finding.reason == "identity-mismatch"
                assert "trusted root acme" in decision.finding.text


async def test_two_names_for_one_authority_are_refused_at_the_start(gate):
    with pytest.raises(ConfigurationInvalid, match="same certificate authority"):
        async with gate(lambda folder: {"twin": TrustedRootSettings(file=folder / "default.json")}, keyless("ours")):
            pass


async def test_a29_a_root_that_is_not_there_yet_is_a_doubt_and_then_it_is_there(gate, mirror):
    async with gate(from_mirror(mirror), keyless("theirs", "acme")) as made:
        digest = made.signed("theirs/a", ACME, 1)
        doubt = await made.decide("theirs/a", digest)
        assert (doubt.outcome, doubt.finding.reason) == (Outcome.UNDETERMINED, "trusted-root-unusable")
        assert await made.core.refresher.refresh("acme")
        assert (await made.decide("theirs/a", digest)).admitted


async def test_a29_a_doubt_stays_one_beside_a_signature_that_is_refused(gate, mirror):
    async with gate(from_mirror(mirror), keyless("theirs", "acme")) as made:
        digest = made.signed("theirs/a", ACME, 1)
        made.sign("theirs/a", DEFAULT, images.oci_image(seed=1))  # refused for its root, which is nearer to being right
        assert (await made.decide("theirs/a", digest)).outcome is Outcome.UNDETERMINED


async def test_another_root_takes_effect_at_once_on_what_was_admitted_before(gate, mirror):
    async with gate(from_mirror(mirror), keyless("theirs", "acme")) as made:
        await made.core.refresher.refresh("acme")
        digest = made.signed("theirs/a", ACME, 1)
        assert (await made.decide("theirs/a", digest)).admitted
        mirror.publish(PrivateSigstore(now=NOW).trusted_root_json())
        await made.core.refresher.refresh("acme")
        assert (await made.decide("theirs/a", digest)).finding.reason == "certificate-chain-untrusted"


async def test_no_admission_is_kept_past_the_end_of_the_root(gate, mirror):
    mirror.publish(ACME.trusted_root_json(), lifetime=timedelta(minutes=20))
    async with gate(from_mirror(mirror), keyless("theirs", "acme")) as made:
        await made.core.refresher.refresh("acme")
        decision = await made.decide("theirs/a", made.signed("theirs/a", ACME, 1))
        assert decision.admitted
        assert decision.valid_until == made.core.trusted_roots.states["acme"].expires


async def test_a29_starting_waits_for_no_repository(gate, mirror):
    asked, release = threading.Event(), threading.Event()

    def hang(request):
        asked.set()
        release.wait(30)

    mirror.answers["*"] = hang
    try:
        async with gate(from_mirror(mirror), keyless("theirs", "acme"), keyless("ours"), refreshing=True) as made:
            assert await asyncio.to_thread(asked.wait, 20)
            assert (await made.decide("ours/a", made.signed("ours/a", DEFAULT, 1))).outcome is Outcome.ADMIT
    finally:
        release.set()


async def test_a29_what_needs_keys_alone_calls_nobody(gate, mirror):
    async with gate(from_mirror(mirror, "default"), BY_KEY, refreshing=True) as made:
        assert (await made.decide("keys/a", made.signed("keys/a", DEFAULT, 1))).admitted
        await made.core.refresher.fill()
        assert mirror.asked == []


async def test_a29_public_good_begins_with_the_copy_that_is_shipped(gate):
    async with gate(lambda folder: {"default": TrustedRootSettings()}, BY_KEY) as made:
        state = made.core.trusted_roots.states["default"]
        assert state.root is not None
        assert (state.confirmed, state.expires) == (None, None)


def test_what_is_shipped_of_sigstores_own_instances():
    assert b'"_type"' in public_good.repository_root()
    assert public_good.staging().logs


async def test_a_policy_that_names_a_root_the_settings_lack_is_refused_at_load(gate):
    with pytest.raises(ConfigurationInvalid, match=r"there is no trusted root acmee; did you mean acme\?"):
        async with gate(two_files, keyless("theirs", "acmee")):
            pass
