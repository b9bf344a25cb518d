"""Real cosign without keys: a private Sigstore over HTTP issues its certificates, logs and timestamps."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.process import Result, Shell
from harness.programs import need
from sealgate.adapters.clock import SystemClock
from sealgate.testing.sigstore import PrivateSigstore, RekorV2Log, TransparencyLog
from sealgate.testing.sigstore.server import SigstoreServer

IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"
ISSUER = "https://token.actions.githubusercontent.com"

_URLS = ("--fulcio-url={url}", "--rekor-url={url}")
_TIMESTAMP = ("--timestamp-server-url={timestamp}",)
_CONFIG = ("--signing-config={config}", "--trusted-root={root}")
_OLDER = ("--use-signing-config=false", "--new-bundle-format=false", "--trusted-root={root}")


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a cosign signs.

    Args:
        cosign: which cosign.
        flags: where it finds the services, and which format it writes.
        annotations: whether it writes the older format, whose log entries have a promise and no proof.
        timestamped: whether it asks the timestamp authority.
        rekor: which version of the log it writes to.
    """

    cosign: str
    flags: tuple[str, ...]
    annotations: bool = False
    timestamped: bool = False
    rekor: int = 1


WAYS = {
    "cosign2-annotations": Way("cosign2", _URLS, annotations=True),
    "cosign2-annotations-timestamped": Way("cosign2", (*_URLS, *_TIMESTAMP), annotations=True, timestamped=True),
    "cosign2-bundle": Way("cosign2", (*_URLS, "--new-bundle-format")),
    "cosign2-bundle-timestamped": Way("cosign2", (*_CONFIG, "--new-bundle-format"), timestamped=True),
    "cosign3-annotations": Way("cosign3", (*_URLS, *_OLDER), annotations=True),
    "cosign3-annotations-timestamped": Way(
        "cosign3", (*_URLS, *_TIMESTAMP, *_OLDER), annotations=True, timestamped=True
    ),
    "cosign3-bundle": Way("cosign3", _CONFIG),
    "cosign3-bundle-timestamped": Way("cosign3", _CONFIG, timestamped=True),
    "cosign3-bundle-rekor-v2": Way("cosign3", _CONFIG, timestamped=True, rekor=2),
}
"""All that these cosigns can do. cosign 2.6 asks Rekor v2 for a kind of entry that it no longer takes."""


@dataclass(frozen=True, slots=True)
class Keyless:
    """A private Sigstore that is served, and the cosigns that sign with it.

    Args:
        shell: where they run.
        sigstore: the Sigstore, with a log of either version.
        servers: by the version of the log that each serves.
        root: its trusted root, as a file.
        environment: the keys of its CT log and its Rekor v1, as variables name them to cosign 2.
    """

    shell: Shell
    sigstore: PrivateSigstore
    servers: dict[int, SigstoreServer]
    root: Path
    environment: dict[str, str]

    def sign(self, way: Way, reference: str, *, identity: str = IDENTITY, issuer: str = ISSUER) -> Result:
        """`cosign sign` with an identity token of this identity and issuer."""
        return self._run(way, "sign", reference, identity=identity, issuer=issuer)

    def attest(
        self,
        way: Way,
        reference: str,
        kind: str,
        predicate: Path,
        *,
        identity: str = IDENTITY,
        issuer: str = ISSUER,
    ) -> Result:
        """`cosign attest` of a predicate in a file, as `sign`."""
        stated = ("--type", kind, "--predicate", str(predicate))
        return self._run(way, "attest", *stated, reference, identity=identity, issuer=issuer)

    def _run(self, way: Way, command: str, *words: str, identity: str, issuer: str) -> Result:
        server = self.servers[way.rekor]
        config = self.shell.home / f"signing-config-{way.rekor}-{way.timestamped}.json"
        config.write_text(json.dumps(server.signing_config(timestamped=way.timestamped)))
        places = {"url": server.url, "timestamp": server.timestamp_url, "config": config, "root": self.root}
        flags = [flag.format(**places) for flag in way.flags]
        token = server.identity_token(identity=identity, issuer=issuer)
        words = (command, "--yes", "--identity-token", token, *flags, *words)
        # cosign 2 without a signing config has no other way to be told by whose keys it checks what it is given.
        keys = self.environment if way.cosign == "cosign2" and way.flags[: len(_URLS)] == _URLS else {}
        return self.shell.run(need(way.cosign), *words, **keys)

    def verify(self, way: Way, reference: str, *, identity: str = IDENTITY, issuer: str = ISSUER) -> Result:
        """`cosign verify` of the same version, as a person does who trusts nobody's gate."""
        demands = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer]
        if way.cosign == "cosign2" and not way.annotations:
            demands.append("--new-bundle-format")
        if way.timestamped:
            demands.append("--use-signed-timestamps")
        return self.shell.run(need(way.cosign), "verify", "--trusted-root", self.root, *demands, reference)


@contextmanager
def serving_keyless(home: Path) -> Iterator[Keyless]:
    """A private Sigstore with a log of either version, served while the block runs."""
    clock = SystemClock()
    rekor_v1, rekor_v2 = TransparencyLog(), RekorV2Log()
    sigstore = PrivateSigstore(now=clock.now()).with_parts(logs=(rekor_v1, rekor_v2))
    root, ct_log, log = home / "trusted-root.json", home / "ct-log.pub", home / "rekor.pub"
    root.write_bytes(sigstore.trusted_root_json())
    ct_log.write_bytes(sigstore.ct_logs[0].key.public_pem)
    log.write_bytes(rekor_v1.key.public_pem)
    environment = {"SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(ct_log), "SIGSTORE_REKOR_PUBLIC_KEY": str(log)}
    with (
        SigstoreServer(sigstore.with_parts(log=rekor_v1), clock) as v1,
        SigstoreServer(sigstore.with_parts(log=rekor_v2), clock) as v2,
    ):
        yield Keyless(Shell(home), sigstore, {1: v1, 2: v2}, root, environment)
