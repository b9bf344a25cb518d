"""`sealgate inspect`: everything that hangs on an image, who made it, and why it would or would not count."""

import asyncio
import json
import re
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sealgate.adapters.clock import SystemClock
from sealgate.cli import inspection
from sealgate.cli.main import app
from sealgate.oci.digest import Digest
from sealgate.oci.media_types import DSSE_ENVELOPE, OCI_IMAGE_CONFIG, OCI_MANIFEST
from sealgate.testing import images
from sealgate.testing.sigstore import OciObject, PrivateSigstore, SigningKey, bundle_object, simple_signing_object
from sealgate.testing.sigstore.encoding import compact_json
from sealgate.testing.sigstore.signing import CERTIFICATE, LOG_ENTRY, SIGNATURE, promise_of

NOW = SystemClock().now() - timedelta(minutes=5)
WORLD = PrivateSigstore(now=NOW)
KEY, OTHER = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
IDENTITY, ISSUER = "https://github.com/acme/app/.github/workflows/r.yml@refs/tags/v1", "https://token.example"
PROVENANCE = "https://slsa.dev/provenance/v1"
POLICY = f"""\
name: team
repositories: ["team/**"]
rules:
  - name: by-key
    key_requirements: [{{type: key, public_key: release.pub}}]
    rekor: {{required: false}}
  - name: by-workflow
    key_requirements: [{{type: keyless, certificate_identity: "{IDENTITY}", certificate_oidc_issuer: "{ISSUER}"}}]
"""


class World:
    def __init__(self, registry, folder):
        self.registry, self.folder = registry, folder
        self.image = images.oci_image(seed=1)
        self.policy(POLICY)
        registry.add_artifact("team/app", self.image, "1.0")
        (folder / "release.pub").write_bytes(KEY.public_pem)
        (folder / "other.pub").write_bytes(OTHER.public_pem)
        (folder / "root.json").write_bytes(WORLD.trusted_root_json())

    def policy(self, text):
        (self.folder / "policy.yaml").write_text(text)

    @property
    def described(self):
        return OciObject(manifest=self.image.raw, media_type=self.image.media_type).descriptor

    def put(self, carrier):
        for blob in carrier.blobs.values():
            self.registry.add_blob("team/app", blob)
        self.registry.add_manifest("team/app", carrier.manifest, carrier.media_type, carrier.tag)
        return carrier

    def signed(self, *keys, **options):
        made = [WORLD.simple_signature(self.image.digest, key, **options) for key in keys]
        return self.put(simple_signing_object(self.image.digest, made))

    def keyless(self, identity=IDENTITY, **options):
        signer = WORLD.keyless(identity=identity, issuer=ISSUER, claims=options.pop("claims", None))
        return self.put(bundle_object(WORLD.bundle(self.image.digest, signer, **options), self.described))

    def attested(self, signer, annotations=None, subject=None):
        """cosign's older attestation: an envelope at the `.att` tag."""
        made = WORLD.bundle(subject or self.image.digest, signer, predicate_type=PROVENANCE)
        (entry,) = made["verificationMaterial"]["tlogEntries"]
        envelope = compact_json(made["dsseEnvelope"])
        beside = {
            SIGNATURE: "",
            LOG_ENTRY: compact_json(promise_of(entry)).decode(),
            **{key: value for key, value in signer.annotations.items() if key == CERTIFICATE},
            **(annotations or {}),
        }
        layer = {
            "mediaType": DSSE_ENVELOPE,
            "size": len(envelope),
            "digest": str(Digest.of(envelope)),
            "annotations": beside,
        }
        config = {"mediaType": OCI_IMAGE_CONFIG, "size": 2, "digest": str(Digest.of(b"{}"))}
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
        blobs = {Digest.of(envelope): envelope, Digest.of(b"{}"): b"{}"}
        tag = f"sha256-{self.image.digest.hex}.att"
        return self.put(OciObject(manifest=compact_json(manifest), media_type=OCI_MANIFEST, blobs=blobs, tag=tag))

    async def run(self, *more, reference="team/app:1.0"):
        arguments = ["inspect", reference, "--upstream", self.registry.url, "--policies", str(self.folder)]
        arguments += ["--trusted-root", str(self.folder / "root.json"), *more]
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    async def json(self):
        done = await self.run("--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def world(registry, tmp_path):
    return World(registry, tmp_path)


def rules(signature):
    return {one["rule"]: one["reason"] for one in signature["rules"]}


async def test_each_signature_with_its_signer_its_log_and_what_each_rule_makes_of_it(world):
    world.signed(KEY, OTHER, logged=True)
    world.keyless(claims={"build_trigger": "push"})
    found = await world.json()
    by_key, by_workflow = sorted(found["signatures"], key=lambda one: "identity" in one)
    assert (by_key["key"], by_key["log"]) == ("release", "promise")
    assert rules(by_key) == {"by-key": None, "by-workflow": "key-not-trusted"}
    assert (by_workflow["identity"], by_workflow["issuer"], by_workflow["trusted_root"]) == (
        IDENTITY,
        ISSUER,
        "default",
    )
    assert by_workflow["claims"] == {"build_trigger": "push"}
    (entry,) = by_workflow["log_entries"]
    assert (entry["proof"], entry["at"]) == ("inclusion", NOW.replace(microsecond=0).isoformat())
    assert isinstance(entry["index"], int)
    assert rules(by_workflow) == {"by-key": "key-not-trusted", "by-workflow": None}
    assert [bad["reason"] for bad in found["rejected"]] == ["key-not-trusted"]
    assert found["decision"]["outcome"] == "admit"


async def test_what_lacks_a_proof_says_so(world):
    world.policy(POLICY.replace("    rekor: {required: false}\n", ""))
    world.signed(KEY)
    (signature,) = (await world.json())["signatures"]
    assert rules(signature)["by-key"] == "log-proof-missing"


async def test_attestations_of_both_formats_are_verified_and_are_no_signatures(world):
    world.keyless(predicate_type=PROVENANCE, timestamped=True)
    world.attested(WORLD.keyless(identity="a@b.example", issuer=ISSUER))
    found = await world.json()
    assert (found["signatures"], found["rejected"]) == ([], [])
    assert {(one["verified"], one["predicate_type"], one["identity"], one["log"]) for one in found["attestations"]} == {
        (True, PROVENANCE, IDENTITY, "inclusion"),
        (True, PROVENANCE, "a@b.example", "promise"),
    }
    assert sorted(len(one["timestamps"]) for one in found["attestations"]) == [0, 1]
    assert found["decision"]["finding"]["reason"]  # and the image is none the better for them


async def test_an_attestation_by_key(world):
    world.attested(KEY)
    (one,) = (await world.json())["attestations"]
    assert (one["verified"], one["key"]) == (True, "release")


async def test_a1_an_attestation_with_the_log_entry_of_another_is_none(world):
    entry = WORLD.bundle(world.image.digest, KEY)["verificationMaterial"]["tlogEntries"][0]
    world.attested(KEY, {LOG_ENTRY: compact_json(promise_of(entry)).decode()})
    (one,) = (await world.json())["attestations"]
    assert (one["verified"], one["reason"]) == (False, "log-entry-mismatch")


async def test_a19_an_attestation_of_something_else_is_none(world):
    world.attested(KEY, subject=Digest.of(b"other"))
    (one,) = (await world.json())["attestations"]
    assert (one["verified"], one["reason"]) == (False, "subject-mismatch")


async def test_other_referrers_and_the_manifests_of_an_index(world):
    index = images.index(seed=7)
    world.registry.add_artifact("team/app", index, "multi")
    sbom = images.oci_image(seed=8)
    document = json.loads(sbom.raw) | {
        "artifactType": "application/spdx+json",
        "subject": {
            "mediaType": world.image.media_type,
            "size": len(world.image.raw),
            "digest": str(world.image.digest),
        },
    }
    raw = compact_json(document)
    world.registry.add_manifest("team/app", raw, OCI_MANIFEST)
    found = await world.json()
    assert [(one["digest"], one["artifact_type"]) for one in found["referrers"]] == [
        (str(Digest.of(raw)), "application/spdx+json")
    ]
    multi = json.loads((await world.run("--json", reference="team/app:multi")).stdout)
    assert multi["manifests"]


async def test_nothing_at_all(world):
    found = await world.json()
    assert [found[name] for name in ("signatures", "rejected", "attestations", "referrers", "unread")] == [[]] * 5
    told = (await world.run()).stdout
    assert "no signature\n" in told
    assert "by these signatures it would be denied: signature-missing" in told


async def test_a_repository_that_no_policy_covers(world):
    world.policy(POLICY.replace("team/**", "other/**"))
    world.signed(KEY)
    assert "no policy covers the repository" in (await world.run()).stdout


async def test_an_image_that_is_not_there(world):
    assert (await world.run(reference="team/app:none")).exit_code == 3


@pytest.mark.parametrize("width", [80, 120])
async def test_it_looks_right_on_a_terminal(world, monkeypatch, width):
    world.signed(KEY, OTHER)
    world.keyless(claims={"source_repository_uri": "https://github.com/acme/app"})
    world.keyless(identity="somebody-with-a-very-long-name-indeed@a-very-long-domain-name-for-a-company.example")
    world.attested(KEY)
    out = StringIO()
    terminal = Console(file=out, width=width, highlight=False, force_terminal=True, color_system=None)
    monkeypatch.setattr(inspection, "console", lambda: terminal)
    assert (await world.run()).exit_code == 0
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    digests = re.findall(r"sha256:[0-9a-f]+", out.getvalue())
    assert digests
    assert {len(digest) for digest in digests if digest.startswith("sha256:")} == {71}  # none is broken in two
    for told in ("signature, which counts for 1 of 2 rules", "signed by key release", "no signature", "attestation,"):
        assert any(told in line for line in lines), told
    assert any("source_repository_uri: https://github.com/acme/app" in line for line in lines)


HOSTILE = "\x1b[2J\x1b]0;owned\x07[red]\u202egnp.exe\r\n"


async def test_b40_what_strangers_write_is_printable_on_a_terminal(world):
    world.keyless(identity="a\x1b[31m@b.example", claims={"build_trigger": HOSTILE})
    world.attested(KEY, {SIGNATURE: HOSTILE})
    sbom = json.loads(images.oci_image(seed=8).raw) | {"artifactType": f"application/{HOSTILE}"}
    sbom["subject"] = {"mediaType": OCI_MANIFEST, "size": len(world.image.raw), "digest": str(world.image.digest)}
    world.registry.add_manifest("team/app", compact_json(sbom), OCI_MANIFEST)
    told = (await world.run()).stdout
    assert all(line.isprintable() for line in told.splitlines())
    assert "[red]" in told  # and no markup either


async def test_a17_a_flood_of_referrers_is_shown_in_part_and_listed_whole(world):
    for number in range(150):
        manifest = json.loads(images.oci_image(seed=8).raw) | {"annotations": {"n": str(number)}}
        manifest["subject"] = {
            "mediaType": OCI_MANIFEST,
            "size": len(world.image.raw),
            "digest": str(world.image.digest),
        }
        manifest["artifactType"] = "application/x-flood"
        world.registry.add_manifest("team/app", compact_json(manifest), OCI_MANIFEST)
    told = (await world.run()).stdout
    assert told.count("referrer, which nobody vouches for") == 100
    assert "and 50 more referrers: --json has them all" in told
    assert len((await world.json())["referrers"]) == 150
