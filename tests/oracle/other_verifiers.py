"""The other implementations: three are asked in a process of their own, sigstore-python in this one."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from attempts import IMAGE, SUBJECT, Attempt, Case
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from sealgate.testing.sigstore import OciObject, simple_signing_object
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

    @staticmethod
    def judges(case: Case) -> bool:
        return case.shape.form != "simple"

    def verify(self, attempt: Attempt) -> Verdict:
        asked = {
            "bundle": attempt.bundle,
            "artifact": b64(IMAGE.manifest),
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
class SigstorePython:
    """sigstore-python's public API."""

    folder: Path

    @staticmethod
    def judges(case: Case) -> bool:
        """It knows no managed keys and not the older format."""
        return case.shape.form != "simple" and case.shape.keyless

    def verify(self, attempt: Attempt) -> Verdict:
        root = self.folder / "trusted_root.json"
        root.write_text(json.dumps(attempt.trusted_root))
        who = Identity(identity=attempt.identity, issuer=attempt.issuer)
        try:
            verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
            bundle = Bundle.from_json(json.dumps(attempt.bundle))
            if "messageSignature" in attempt.document:
                verifier.verify_artifact(IMAGE.manifest, bundle, who)
            else:
                verifier.verify_dsse(bundle, who)
        except Exception as error:  # noqa: BLE001 - it lets those of its dependencies through
            return Verdict(False, f"{type(error).__name__} {error}")
        return Verdict(True, "")


@dataclass(frozen=True)
class Cosign:
    """A real cosign, with nothing but files: a home of its own, and no network asked."""

    name: str
    program: str
    folder: Path

    @staticmethod
    def judges(case: Case) -> bool:
        return True

    def verify(self, attempt: Attempt) -> Verdict:
        demands = [*self._trust(attempt), *([] if attempt.logged else ["--insecure-ignore-tlog"])]
        if attempt.timestamped:
            demands.append("--use-signed-timestamps")
        if attempt.simple is not None:
            return self._image(simple_signing_object(SUBJECT, [attempt.simple]), demands)
        demands += ["--bundle", self._file("bundle.json", json.dumps(attempt.bundle).encode())]
        if "messageSignature" in attempt.document:
            flags = ["--new-bundle-format"] if self.name == "cosign2" else []
            return self._run("verify-blob", *flags, *demands, self._file("artifact", IMAGE.manifest))
        claims = ["--type", attempt.predicate_type, "--digest", SUBJECT.hex, "--digestAlg", SUBJECT.algorithm]
        return self._run("verify-blob-attestation", *demands, *claims)

    def _image(self, signatures: OciObject, demands: list[str]) -> Verdict:
        """`cosign verify` of an image and its signatures in a folder, as `cosign save` leaves it."""
        layout = self.folder / "layout"
        (layout / "blobs" / "sha256").mkdir(parents=True)
        entries = []
        for kind, stored in (("image", IMAGE), ("sigs", signatures)):
            for digest, content in {**stored.blobs, stored.digest: stored.manifest}.items():
                (layout / "blobs" / "sha256" / digest.hex).write_bytes(content)
            named = {"mediaType": stored.media_type, "size": len(stored.manifest), "digest": str(stored.digest)}
            entries.append(named | {"annotations": {"kind": f"dev.cosignproject.cosign/{kind}"}})
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        return self._run("verify", "--local-image", *demands, str(layout))

    def _trust(self, attempt: Attempt) -> list[str]:
        root = self._file("trusted_root.json", json.dumps(attempt.trusted_root).encode())
        if attempt.key is not None:
            return ["--trusted-root", root, "--key", self._file("key.pub", attempt.key.public_pem)]
        signer = ["--certificate-identity", attempt.identity, "--certificate-oidc-issuer", attempt.issuer]
        return ["--trusted-root", root, *signer]

    def _file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def _run(self, *arguments: str) -> Verdict:
        alone = {"HOME": str(self.folder), "TUF_ROOT": str(self.folder / "tuf"), "PATH": os.environ.get("PATH", "")}
        done = subprocess.run(
            [self.program, *arguments], env=alone, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        return Verdict(done.returncode == 0, done.stderr)
