"""Verifying alone: milliseconds by kind, how many at once, what the event loop notices, and a crowd of signatures."""

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.process import Shell
from harness.programs import need
from rows import Row, at_most, compare, interleaved, no_more_than
from servers import Server
from sigstore.hashes import Hashed
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import ClientTrustConfig
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity
from wire import connected
from world import CROWDED, CROWDED_LAST, IDENTITY, ISSUER, World

from sealgate.adapters.clock import SystemClock
from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.evidence.signature import Bundle, Candidate, SimpleSigning, Source, VerifiedSignature
from sealgate.oci.digest import Digest
from sealgate.testing.sigstore import PrivateSigstore, RekorV2Log, SigningKey

MANIFEST = b'{"schemaVersion": 2}'
SUBJECT = Digest.of(MANIFEST)
SOURCE = Source(Digest.of(b"a carrier"), 0)
ROUNDS = 9
EACH_ROUND = 40
COSIGN_ROUNDS = 7
LAG_SECONDS = 4.0
LAG_TICK_SECONDS = 0.001
CROWD_ROUNDS = 5

Judge = Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of signature, and who else can judge it: sigstore-python's own API, cosign as a process."""

    name: str
    ours: Judge
    sigstore: Judge | None = None
    cosign: Judge | None = None


def measure(world: World, home: Path, gate: Server, registry: Server) -> Iterator[Row]:
    """All of it."""
    kinds = _kinds(home)
    for kind in kinds:
        yield from _alone(kind)
    keyless = next(kind for kind in kinds if kind.name == "bundle, keyless, timestamped")
    runs = interleaved(3, {"two": lambda: _rate(keyless.ours, 2), "one": lambda: _rate(keyless.ours, 1)})
    yield compare("verifications, 2 threads", "a second", runs["two"], "1 thread", runs["one"])
    lag = interleaved(2, {"busy": lambda: _lag(keyless.ours, 2), "idle": lambda: _lag(keyless.ours, 0)})
    yield compare(
        "event loop late, p99, 2 threads verify", "ms", lag["busy"], "nothing verified", lag["idle"], no_more_than(10)
    )
    for name, repository, status in (("first", CROWDED, 200), ("last", CROWDED_LAST, 503)):
        yield _crowd(f"1,000 signatures, the good one {name}", repository, status, gate, registry)


def _alone(kind: _Kind) -> Iterator[Row]:
    """Milliseconds for one, each beside its peers in turn."""
    if kind.sigstore is None:
        runs = interleaved(ROUNDS, {"ours": lambda: _milliseconds(kind.ours, EACH_ROUND)})
        yield compare(f"verify, {kind.name}", "ms", runs["ours"], "itself", runs["ours"])
    else:
        theirs = kind.sigstore
        both = {"ours": lambda: _milliseconds(kind.ours, EACH_ROUND), "peer": lambda: _milliseconds(theirs, EACH_ROUND)}
        runs = interleaved(ROUNDS, both)
        yield compare(f"verify, {kind.name}", "ms", runs["ours"], "sigstore-python", runs["peer"], at_most(2.5))
    if kind.cosign is not None:
        process = kind.cosign
        both = {"ours": lambda: _milliseconds(kind.ours, 1), "peer": lambda: _milliseconds(process, 1)}
        runs = interleaved(COSIGN_ROUNDS, both)
        yield compare(f"verify, {kind.name}", "ms", runs["ours"], "cosign process", runs["peer"], at_most(0.25))


def _milliseconds(judge: Judge, times: int) -> float:
    """The median of so many."""
    samples = []
    for _ in range(times):
        started = time.perf_counter()
        judge()
        samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples)


def _rate(judge: Judge, threads: int) -> float:
    """Verifications a second, by so many threads."""
    count = EACH_ROUND * 5
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        for done in [pool.submit(judge) for _ in range(count)]:
            done.result()
        return count / (time.perf_counter() - started)


def _lag(judge: Judge, threads: int) -> float:
    """By how many milliseconds a sleep on the event loop is late, the slowest percent, while threads verify."""

    async def watched() -> float:
        loop, late = asyncio.get_running_loop(), list[float]()
        over = loop.time() + LAG_SECONDS

        async def busy(pool: ThreadPoolExecutor) -> None:
            while loop.time() < over:
                await loop.run_in_executor(pool, judge)

        with ThreadPoolExecutor(max(threads, 1)) as pool:
            workers = [asyncio.create_task(busy(pool)) for _ in range(threads)]
            while (began := loop.time()) < over:
                await asyncio.sleep(LAG_TICK_SECONDS)
                late.append((loop.time() - began - LAG_TICK_SECONDS) * 1000)
            await asyncio.gather(*workers)
        return statistics.quantiles(late, n=100)[98]

    return asyncio.run(watched())


def _crowd(name: str, repository: str, status: int, gate: Server, registry: Server) -> Row:
    """The first answer about an image that a thousand signatures lie beside; a new image each time."""
    ours, theirs = [], []
    with connected(gate) as through, connected(registry) as directly:
        for number in range(CROWD_ROUNDS):
            ours.append(through.manifest(repository, str(number), status).seconds * 1000)
            theirs.append(directly.manifest(repository, str(number)).seconds * 1000)
    return compare(f"{name} ({status})", "ms", ours, registry.name, theirs, no_more_than(1000))


def _kinds(home: Path) -> list[_Kind]:
    """Every kind of signature, made once and judged many times."""
    now = SystemClock().now()
    sigstore = PrivateSigstore(now=now)
    sigstore = sigstore.with_parts(logs=[sigstore.log, RekorV2Log()])
    v1, v2 = sigstore.with_parts(log=sigstore.logs[0]), sigstore.with_parts(log=sigstore.logs[1])
    key = SigningKey.generate("ecdsa-p256")
    signer = sigstore.keyless(identity=IDENTITY, issuer=ISSUER)
    root = home / "trusted-root.json"
    root.write_bytes(sigstore.trusted_root_json())
    (home / "manifest").write_bytes(MANIFEST)
    (home / "key.pub").write_bytes(key.public_pem)
    verifier = SigstoreVerifier({"default": TrustedRootFile.read(root)})
    peer = Verifier(trusted_root=ClientTrustConfig.from_json(_trust_config(root)).trusted_root)
    keys = (read_public_key(key.public_pem),)

    def ours(candidate: Candidate) -> Judge:
        def judge() -> None:
            verdict = verifier.verify(candidate, keys, SystemClock().now())
            if not isinstance(verdict, VerifiedSignature):
                raise RuntimeError(verdict.detail)  # noqa: TRY004

        return judge

    def bundle(made: object) -> Candidate:
        return Bundle(source=SOURCE, subject=SUBJECT, raw=json.dumps(made).encode())

    def simple(signed_by: object, **how: object) -> Judge:
        made = v1.simple_signature(SUBJECT, signed_by, **how)
        return ours(SimpleSigning(source=SOURCE, subject=SUBJECT, payload=made.payload, annotations=made.annotations))

    def envelope(made: object) -> Judge:
        raw = json.dumps(made)
        return lambda: peer.verify_dsse(SigstoreBundle.from_json(raw), Identity(identity=IDENTITY, issuer=ISSUER))

    def cosign(name: str, made: object, *how: str) -> Judge:
        file = home / f"{name}.json"
        file.write_text(json.dumps(made))
        command = [need("cosign3"), "verify-blob", "--bundle", str(file), "--trusted-root", str(root), *how]
        return lambda: subprocess.run(
            [*command, str(home / "manifest")], check=True, capture_output=True, env=Shell(home).environment()
        )

    by_key, keyless = v1.message_bundle(MANIFEST, key), v1.message_bundle(MANIFEST, signer)
    who = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
    plain, stamped = v1.bundle(SUBJECT, signer), v1.bundle(SUBJECT, signer, timestamped=True)
    tiles = v2.bundle(SUBJECT, signer, timestamped=True)
    hashed = Hashed.model_validate({"algorithm": "SHA2_256", "digest": bytes.fromhex(SUBJECT.hex)})
    message = json.dumps(keyless)
    return [
        _Kind("simple signing, key, no log", simple(key, logged=False)),
        _Kind("simple signing, key", simple(key)),
        _Kind("simple signing, keyless", simple(signer)),
        _Kind("bundle, key", ours(bundle(v1.bundle(SUBJECT, key)))),
        _Kind("bundle, keyless", ours(bundle(plain)), envelope(plain)),
        _Kind("bundle, keyless, timestamped", ours(bundle(stamped)), envelope(stamped)),
        _Kind("bundle, keyless, Rekor v2", ours(bundle(tiles)), envelope(tiles)),
        _Kind("message, key", ours(bundle(by_key)), cosign=cosign("by-key", by_key, "--key", str(home / "key.pub"))),
        _Kind(
            "message, keyless",
            ours(bundle(keyless)),
            lambda: peer.verify_artifact(
                hashed, SigstoreBundle.from_json(message), Identity(identity=IDENTITY, issuer=ISSUER)
            ),
            cosign("keyless", keyless, *who),
        ),
    ]


def _trust_config(root: Path) -> str:
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(root.read_bytes()),
            "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
        }
    )
