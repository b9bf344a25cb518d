"""The other implementations, each asked in a process of its own."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sigstore_cases import SUBJECT, Attempt

from sealgate.testing.sigstore import OciObject
from sealgate.testing.sigstore.encoding import b64

HERE = Path(__file__).parent
SECONDS = 60


@dataclass(frozen=True)
class Verdict:
    accepted: bool
    reason: str


@dataclass(frozen=True)
class SigstoreJs:
    """`@sigstore/verify`, through `verify.mjs`."""

    node: str

    def verify(self, attempt: Attempt) -> Verdict:
        asked = {
            "bundle": attempt.bundle,
            "trustedRoot": attempt.trusted_root,
            "publicKey": None if attempt.key is None else b64(attempt.key.spki),
            "identity": attempt.identity,
            "issuer": attempt.issuer,
            "logged": attempt.logged,
        }
        done = subprocess.run(
            [self.node, "verify.mjs"],
            cwd=HERE,
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        return Verdict(**json.loads(done.stdout))


@dataclass(frozen=True)
class Cosign:
    """A real cosign, with nothing but files: a home of its own, and no network asked."""

    program: str
    folder: Path

    def verify_bundle(self, attempt: Attempt) -> Verdict:
        """`cosign verify-blob-attestation`, told `SUBJECT`'s digest and the predicate type that the bundle has."""
        bundle = self.file("bundle.json", json.dumps(attempt.bundle).encode())
        demands = [] if attempt.logged else ["--insecure-ignore-tlog"]
        if "timestampVerificationData" in attempt.bundle["verificationMaterial"]:
            demands.append("--use-signed-timestamps")
        claims = ["--type", attempt.predicate_type, "--digest", SUBJECT.hex, "--digestAlg", SUBJECT.algorithm]
        return self.run("verify-blob-attestation", "--bundle", bundle, *self.trust(attempt), *demands, *claims)

    def verify_simple_signature(self, attempt: Attempt, image: OciObject, signatures: OciObject) -> Verdict:
        """`cosign verify`, of an image and its signatures in a folder as `cosign save` leaves it."""
        layout = self.folder / "layout"
        (layout / "blobs" / "sha256").mkdir(parents=True)
        entries = []
        for kind, stored in (("image", image), ("sigs", signatures)):
            for digest, content in {**stored.blobs, stored.digest: stored.manifest}.items():
                (layout / "blobs" / "sha256" / digest.hex).write_bytes(content)
            named = {"mediaType": stored.media_type, "size": len(stored.manifest), "digest": str(stored.digest)}
            entries.append(named | {"annotations": {"kind": f"dev.cosignproject.cosign/{kind}"}})
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        demands = [] if attempt.logged else ["--insecure-ignore-tlog"]
        return self.run("verify", "--local-image", *self.trust(attempt), *demands, str(layout))

    def trust(self, attempt: Attempt) -> list[str]:
        root = self.file("trusted_root.json", json.dumps(attempt.trusted_root).encode())
        if attempt.key is not None:
            return ["--trusted-root", root, "--key", self.file("key.pub", attempt.key.public_pem)]
        signer = ["--certificate-identity", attempt.identity, "--certificate-oidc-issuer", attempt.issuer]
        return ["--trusted-root", root, *signer]

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def run(self, *arguments: str) -> Verdict:
        alone = {"HOME": str(self.folder), "TUF_ROOT": str(self.folder / "tuf"), "PATH": os.environ.get("PATH", "")}
        done = subprocess.run(
            [self.program, *arguments], env=alone, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return Verdict(done.returncode == 0, done.stderr)
