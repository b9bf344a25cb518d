"""`sealgate verify-bundle`, as sigstore-conformance's suite calls a client: good bundles, and bad ones."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sealgate.adapters.clock import SystemClock
from sealgate.cli import verify_bundle
from sealgate.cli.main import app
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import PrivateSigstore, SigningKey
from sealgate.testing.sigstore.rekor_v2 import RekorV2Log
from sealgate.testing.sigstore.signing import as_version

IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
NOW = SystemClock().now() - timedelta(minutes=5)
WORLD, OTHER = PrivateSigstore(now=NOW), PrivateSigstore(now=NOW)
ARTIFACT = b"hello world\n"
DIGEST = Digest.of(ARTIFACT)
KEY, ANOTHER = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
PROVENANCE = "https://slsa.dev/provenance/v1"


def signer(world=WORLD, identity=IDENTITY, **options):
    return world.keyless(identity=identity, issuer=ISSUER, **options)


@dataclass
class Called:
    status: int
    out: str
    told: list[str] = field(default_factory=list)

    @property
    def reasons(self):
        return [line.removeprefix("sealgate: ").partition(":")[0] for line in self.told]


class Suite:
    """What the suite does: files in a folder, arguments in the order of the protocol."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifact = self.file("a.txt", ARTIFACT)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def arguments(self, bundle, *, key=None, identity=IDENTITY, issuer=ISSUER, root=None, artifact=None):
        raw = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
        who = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
        if key is not None:
            who = ["--key", self.file("key.pub", key.public_pem)]
        trusted = self.file("trusted_root.json", json.dumps(root or WORLD.trusted_root()).encode())
        bundle_file = self.file("bundle.sigstore.json", raw)
        return ["--bundle", bundle_file, *who, "--trusted-root", trusted, artifact or self.artifact]

    def verify(self, bundle, **options):
        return self.call(*self.arguments(bundle, **options))

    def call(self, *arguments):
        done = CliRunner().invoke(app, ["verify-bundle", *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Called(done.exit_code, done.stdout, done.stderr.splitlines())


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path)


GOOD = {
    "message signature": lambda: (WORLD.message_bundle(ARTIFACT, signer()), {}),
    "signature of cosign 3": lambda: (WORLD.bundle(DIGEST, signer()), {}),
    "attestation": lambda: (WORLD.bundle(DIGEST, signer(), predicate_type=PROVENANCE, predicate={"a": 1}), {}),
    "with a timestamp": lambda: (WORLD.message_bundle(ARTIFACT, signer(), timestamped=True), {}),
    "version 0.1": lambda: (as_version(WORLD.message_bundle(ARTIFACT, signer()), "0.1"), {}),
    "version 0.2": lambda: (as_version(WORLD.bundle(DIGEST, signer()), "0.2"), {}),
    "managed key": lambda: (WORLD.message_bundle(ARTIFACT, KEY), {"key": KEY}),
    "managed key, without a log entry": lambda: (WORLD.message_bundle(ARTIFACT, KEY, logged=False), {"key": KEY}),
    "managed key, statement": lambda: (WORLD.bundle(DIGEST, KEY), {"key": KEY}),
    "leaf of P-384": lambda: (WORLD.message_bundle(ARTIFACT, signer(key=SigningKey.generate("ecdsa-p384"))), {}),
}


def rekor_v2():
    world = WORLD.with_parts(log=RekorV2Log())
    return world.message_bundle(ARTIFACT, signer(world), timestamped=True), {"root": world.trusted_root()}


GOOD["Rekor v2"] = rekor_v2


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_good(suite, make):
    bundle, options = make()
    called = suite.verify(bundle, **options)
    assert (called.status, called.told) == (0, [])
    assert called.out.startswith(f"verified: {DIGEST}, signed by ")


@pytest.mark.parametrize("name", [name for name in GOOD if "384" not in name])
def test_good_by_the_digest_alone(suite, name):
    bundle, options = GOOD[name]()
    assert suite.verify(bundle, artifact=str(DIGEST), **options).status == 0


def edited(bundle, edit):
    edit(bundle)
    return bundle


def swapped_entry():
    one, two = (WORLD.message_bundle(content, signer()) for content in (ARTIFACT, b"other"))
    one["verificationMaterial"]["tlogEntries"] = two["verificationMaterial"]["tlogEntries"]
    return one


BAD = {
    "a1-entry-of-another-signature": (swapped_entry, {}, "log-entry-mismatch"),
    "another-file": (lambda: WORLD.message_bundle(b"other", signer()), {}, "subject-mismatch"),
    "a12-statement-about-another-file": (lambda: WORLD.bundle(Digest.of(b"other"), signer()), {}, "subject-mismatch"),
    "a12-statement-about-nothing": (
        lambda: WORLD.bundle_of(b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}', signer()),
        {},
        "payload-malformed",
    ),
    "a11-no-statement": (lambda: WORLD.bundle_of(b"junk", signer()), {}, "payload-malformed"),
    "another-identity": (lambda: WORLD.bundle(DIGEST, signer(identity="x@y.example")), {}, "identity-mismatch"),
    "another-issuer": (lambda: WORLD.bundle(DIGEST, signer()), {"issuer": "https://x.example"}, "issuer-mismatch"),
    "a22-an-identity-is-exact": (
        lambda: WORLD.bundle(DIGEST, signer()),
        {"identity": IDENTITY.replace("main", "*")},
        "identity-mismatch",
    ),
    "another-root": (lambda: OTHER.bundle(DIGEST, signer(OTHER)), {}, "certificate-chain-untrusted"),
    "a14-without-a-proof": (
        lambda: edited(
            WORLD.bundle(DIGEST, signer()), lambda b: b["verificationMaterial"]["tlogEntries"][0].pop("inclusionProof")
        ),
        {},
        "log-proof-missing",
    ),
    "without-an-entry": (lambda: WORLD.bundle(DIGEST, signer(), logged=False), {}, "log-entry-missing"),
    "a5-signed-in-the-future": (
        lambda: WORLD.bundle(DIGEST, signer(at=NOW + timedelta(hours=2)), at=NOW + timedelta(hours=2)),
        {},
        "signed-in-the-future",
    ),
    "another-key": (lambda: WORLD.message_bundle(ARTIFACT, KEY), {"key": ANOTHER}, "key-not-trusted"),
    "a-certificate-where-a-key-is-asked-for": (lambda: WORLD.bundle(DIGEST, signer()), {"key": KEY}, "key-not-trusted"),
    "a-key-where-an-identity-is-asked-for": (lambda: WORLD.message_bundle(ARTIFACT, KEY), {}, "key-not-trusted"),
    "junk": (lambda: b"junk", {}, "payload-malformed"),
    "no-bytes": (lambda: b"", {}, "payload-malformed"),
    "a33-duplicate-key": (lambda: b'{"mediaType":"a","mediaType":"b"}', {}, "payload-malformed"),
    "large": (lambda: b" " * (256 * 1024 + 1), {}, "payload-type-unknown"),
}


@pytest.mark.parametrize(("make", "options", "reason"), BAD.values(), ids=BAD)
def test_bad(suite, make, options, reason):
    called = suite.verify(make(), **options)
    assert (called.status, called.out) == (1, "")
    assert reason in called.reasons


def test_a13_a_flipped_bit_anywhere_in_the_signature(suite):
    bundle = WORLD.message_bundle(ARTIFACT, KEY, logged=False)
    bundle["messageSignature"]["signature"] = "A" * len(bundle["messageSignature"]["signature"])
    assert suite.verify(bundle, key=KEY).status == 1


def test_what_a_certificate_says_is_printable_on_a_terminal(suite):
    world_signer = signer(identity="a\x1b[31m@b.example")
    called = suite.verify(WORLD.bundle(DIGEST, world_signer))
    assert called.status == 1
    assert all(line.isprintable() for line in called.told)


WHO = ["--certificate-identity", "i", "--certificate-oidc-issuer", "o"]
USAGE = {
    "nobody": (["--bundle", "b", "f"], "give --key, or"),
    "identity-without-issuer": (["--bundle", "b", *WHO[:2], "f"], "give --key, or"),
    "issuer-without-identity": (["--bundle", "b", *WHO[2:], "f"], "give --key, or"),
    "a23-empty-issuer": (["--bundle", "b", *WHO[:3], "", "f"], "neither of them empty"),
    "empty-identity": (["--bundle", "b", WHO[0], "", *WHO[2:], "f"], "neither of them empty"),
    "key-and-identity": (["--bundle", "b", "--key", "k", *WHO[:2], "f"], "not both"),
    "key-and-issuer": (["--bundle", "b", "--key", "k", *WHO[2:], "f"], "not both"),
    "no-bundle": (["--key", "k", "f"], "--bundle"),
    "no-file": (["--bundle", "b", "--key", "k"], "FILE_OR_DIGEST"),
    "no-such-bundle": (["--bundle", "nowhere", "--key", "k", "f"], "nowhere: there is no such file"),
    "no-such-key": (["--bundle", "b", "--key", "nowhere", "f"], "nowhere: there is no such file"),
    "no-key": (["--bundle", "b", "--key", "f", "f"], "f: "),
}


@pytest.mark.parametrize(("arguments", "text"), USAGE.values(), ids=USAGE)
def test_wrong_usage(suite, arguments, text, monkeypatch):
    monkeypatch.chdir(suite.folder)
    suite.file("b", json.dumps(WORLD.message_bundle(ARTIFACT, KEY)).encode())
    suite.file("k", KEY.public_pem)
    suite.file("f", ARTIFACT)
    called = suite.call(*arguments)
    assert (called.status, called.out) == (2, "")
    assert text in "\n".join(called.told)


@pytest.mark.parametrize("artifact", ["nowhere", "sha256:abc", f"sha512:{'0' * 128}", f"SHA256:{'0' * 64}"])
def test_what_is_no_digest_is_a_file_and_must_be_there(suite, artifact, monkeypatch):
    monkeypatch.chdir(suite.folder)
    called = suite.verify(WORLD.bundle(DIGEST, signer()), artifact=artifact)
    assert called.status == 2


def test_a_file_that_is_called_like_a_digest_is_that_file(suite, monkeypatch):
    monkeypatch.chdir(suite.folder)
    suite.file(str(DIGEST), b"something else")
    assert suite.verify(WORLD.bundle(DIGEST, signer()), artifact=str(DIGEST)).reasons == ["subject-mismatch"]


def test_a_large_file_is_hashed_only(suite, monkeypatch):
    monkeypatch.setattr(verify_bundle, "FILE_IN_MEMORY_BYTES", 5)
    assert suite.verify(WORLD.message_bundle(ARTIFACT, signer())).status == 0


def test_a_trusted_root_that_is_none(suite):
    arguments = suite.arguments(WORLD.bundle(DIGEST, signer()))
    suite.file("trusted_root.json", b"{}")
    called = suite.call(*arguments)
    assert called.status == 2
    assert "trusted root" in called.told[0]


@pytest.mark.parametrize("flag", [[], ["--staging"]])
def test_without_a_trusted_root_sigstores_own_are_believed_and_this_one_is_not(suite, flag):
    arguments = suite.arguments(WORLD.bundle(DIGEST, signer()))
    at = arguments.index("--trusted-root")
    assert suite.call(*flag, *arguments[:at], *arguments[at + 2 :]).reasons == ["certificate-chain-untrusted"]


def test_as_a_program(suite):
    program = [sys.executable, "-m", "sealgate.cli.main", "verify-bundle"]
    arguments = suite.arguments(WORLD.message_bundle(ARTIFACT, signer()))
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert hashlib.sha256(ARTIFACT).hexdigest() in done.stdout
    Path(suite.artifact).write_bytes(b"changed")
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sealgate: subject-mismatch: ")
