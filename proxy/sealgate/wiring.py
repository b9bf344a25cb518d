"""What to build from the settings: the one place that names concrete adapters."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sealgate.adapters import files
from sealgate.adapters.clock import SystemClock
from sealgate.adapters.decision_log import JsonLinesLog
from sealgate.adapters.keys import read_public_key
from sealgate.adapters.signatures.trusted_roots import TrustedRootFile
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.adapters.state.memory import MemoryStore
from sealgate.adapters.state.remembering import RememberingStore
from sealgate.adapters.state.sqlite import SqliteStore
from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.admission.carriers import Carriers
from sealgate.admission.discovery import Discovery
from sealgate.admission.judge import Judge
from sealgate.admission.manifests import Manifests
from sealgate.admission.pull import Pull
from sealgate.admission.push import Push
from sealgate.admission.recorder import Recorder
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.http.edge import Edge
from sealgate.policy.load import Loaded, RingKey, Sources, load
from sealgate.policy.model import PolicySet
from sealgate.ports import Clock, DecisionLog, Store, Upstream
from sealgate.settings import KeySettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that decide, put together; what commands use without a listening socket."""

    upstream: Upstream
    store: Store
    manifests: Manifests
    discovery: Discovery
    judge: Judge
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The whole gate: what answers requests, and what it stands on."""

    edge: Edge
    core: Core


def key_ring(keys: dict[str, KeySettings]) -> dict[str, RingKey]:
    """The settings' keys, read.

    Raises:
        ConfigurationInvalid: one or more cannot be used; it names each.
    """
    ring: dict[str, RingKey] = {}
    problems: list[str] = []
    for name, entry in keys.items():
        try:
            ring[name] = RingKey(key=read_public_key(files.read(entry.public_key)), sign_with=entry.sign_with)
        except (ConfigurationInvalid, KeyRejected) as bad:
            problems.append(f"key {name}: {bad}")
    if problems:
        raise ConfigurationInvalid(*problems)
    return ring


def load_policies(paths: tuple[Path, ...], ring: dict[str, RingKey]) -> Loaded:
    """Every policy in these files and folders, with all that is wrong with them.

    Raises:
        ConfigurationInvalid: a file cannot be read, or there is none.
    """
    sources = Sources(ring=ring, read_key=read_public_key, read_file=files.beside)
    return load(files.policy_files(paths), sources)


@asynccontextmanager
async def core(settings: Settings, policies: PolicySet) -> AsyncIterator[Core]:
    """The parts that decide.

    Raises:
        ConfigurationInvalid: a trusted root, a state store or an upstream that cannot be used.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        root = TrustedRootFile.read(settings.trusted_root) if settings.trusted_root else TrustedRootFile.public_good()
        verifier = SigstoreVerifier(root)
        store = await _store(settings.state, clock)
        stack.push_async_callback(store.close)
        upstream = HttpUpstream(settings.upstream.name, settings.upstream.url)
        stack.push_async_callback(upstream.close)
        manifests = Manifests(upstream)
        discovery = Discovery(upstream, manifests, verifier, clock)
        judge = Judge(
            upstream=upstream.name,
            store=store,
            verifier=verifier,
            manifests=manifests,
            discovery=discovery,
            carriers=Carriers(upstream, manifests),
            clock=clock,
            policies=policies,
            admit_seconds=settings.admit_ttl,
        )
        yield Core(upstream=upstream, store=store, manifests=manifests, discovery=discovery, judge=judge, clock=clock)


@asynccontextmanager
async def gate(settings: Settings, policies: PolicySet, log: DecisionLog) -> AsyncIterator[Gate]:
    """The whole gate, ready to be served.

    Raises:
        ConfigurationInvalid: as `core`.
    """
    async with core(settings, policies) as made:
        recorder = Recorder(log, made.clock, policies.digest)
        pull = Pull(
            upstream=made.upstream,
            store=made.store,
            manifests=made.manifests,
            judge=made.judge,
            recorder=recorder,
            clock=made.clock,
        )
        push = Push(
            upstream=made.upstream,
            store=made.store,
            manifests=made.manifests,
            judge=made.judge,
            recorder=recorder,
            clock=made.clock,
        )
        edge = Edge(
            upstream=made.upstream,
            pull=pull,
            push=push,
            seal=UploadSeal(await made.store.secret()),
            public_url=settings.called,
            hosts=frozenset({urlsplit(settings.upstream.url).netloc}),
        )
        yield Gate(edge=edge, core=made)


def decision_log(settings: Settings) -> JsonLinesLog:
    """Where decisions are written.

    Raises:
        ConfigurationInvalid: the file cannot be opened.
    """
    return JsonLinesLog.open(settings.decision_log) if settings.decision_log else JsonLinesLog(sys.stdout.buffer)


async def _store(path: Path | None, clock: Clock) -> Store:
    if path is None:
        return MemoryStore(clock)
    return RememberingStore(await SqliteStore.open(path, clock), clock)
