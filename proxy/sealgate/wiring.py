"""What to build from the settings: the one place that names concrete adapters."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sealgate.adapters import files
from sealgate.adapters.alerts.decisions import OverheardLog
from sealgate.adapters.clock import SystemClock
from sealgate.adapters.conditions.compiling import compile_condition
from sealgate.adapters.conditions.pool import ConditionPool
from sealgate.adapters.decision_log import JsonLinesLog
from sealgate.adapters.keys import read_public_key
from sealgate.adapters.listener_tls import ListenerFiles, ListenerTls
from sealgate.adapters.metrics import CountedLog, Metrics
from sealgate.adapters.reading import Reading
from sealgate.adapters.rekor import RekorLogs
from sealgate.adapters.reload import Reloader
from sealgate.adapters.signatures.verifier import SigstoreVerifier
from sealgate.adapters.trusted_roots.beginning import from_file, from_public_good, from_repository
from sealgate.adapters.trusted_roots.current import RootState, TrustedRoots
from sealgate.adapters.trusted_roots.refresh import Refresher
from sealgate.adapters.trusted_roots.repository import TufRepository
from sealgate.adapters.upstream.authorized import AuthorizedUpstream
from sealgate.adapters.upstream.client import HttpUpstream
from sealgate.adapters.upstream.several import SeveralUpstreams
from sealgate.adapters.upstream.tls import TlsContexts, upstream_tls
from sealgate.adapters.upstream.transport import Timeouts
from sealgate.admission.carriers import Carriers
from sealgate.admission.deletes import Deletes
from sealgate.admission.discovery import Discovery
from sealgate.admission.holds import Holds, sweeping
from sealgate.admission.identifiers import ulid
from sealgate.admission.judge import Judge
from sealgate.admission.manifests import Manifests
from sealgate.admission.pull import Pull
from sealgate.admission.push import Push
from sealgate.admission.recorder import Recorder
from sealgate.admission.uploads import UploadSeal
from sealgate.errors import ConfigurationInvalid, KeyRejected
from sealgate.http.accesslog import AccessLog
from sealgate.http.connections import Handler
from sealgate.http.edge import Edge
from sealgate.http.metered import Metered
from sealgate.http.traced import Traced
from sealgate.oci.naming import Names
from sealgate.policy.alert import reload_failed
from sealgate.policy.load import Holding, Loaded, RingKey, Sources, load
from sealgate.policy.model import PolicySet
from sealgate.ports import (
    Clock,
    DecisionLog,
    Onward,
    Registry,
    Rights,
    SignatureVerifier,
    Stage,
    Store,
    Took,
    Upstream,
    nobody_asks,
    nothing_onward,
)
from sealgate.settings import KeySettings, Settings, TrustedRootSettings, UpstreamSettings
from sealgate.wiring_access import authorized, entrance
from sealgate.wiring_access import rights as rights_in
from sealgate.wiring_admin import Known
from sealgate.wiring_alerts import alerting
from sealgate.wiring_force import Configuration, InForce, Parts
from sealgate.wiring_state import open_holds, open_store

if TYPE_CHECKING:
    from sealgate.adapters.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that decide, put together; what commands use without a listening socket."""

    upstream: Upstream
    registries: Mapping[str, Registry]
    names: Names
    store: Store
    manifests: Manifests
    discovery: Discovery
    judge: Judge
    clock: Clock
    trusted_roots: TrustedRoots
    refresher: Refresher


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The whole gate: what answers requests, what it stands on, and what keeps that up to date."""

    edge: Handler
    core: Core
    reloader: Reloader[Configuration]
    known: Known


def key_ring(keys: dict[str, KeySettings], reading: Reading | None = None) -> dict[str, RingKey]:
    """The settings' keys, read.

    Args:
        keys: the key ring of the settings.
        reading: with what they are read, where changes are to be seen.

    Raises:
        ConfigurationInvalid: one or more cannot be used; it names each.
    """
    reading = reading or Reading()
    ring: dict[str, RingKey] = {}
    problems: list[str] = []
    for name, entry in keys.items():
        try:
            ring[name] = RingKey(key=read_public_key(reading.read(entry.public_key)), sign_with=entry.sign_with)
        except (ConfigurationInvalid, KeyRejected) as bad:
            problems.append(f"key {name}: {bad}")
    if problems:
        raise ConfigurationInvalid(*problems)
    return ring


def load_policies(
    paths: tuple[Path, ...],
    ring: dict[str, RingKey],
    trusted_roots: Iterable[str] = ("default",),
    names: Names | None = None,
    holding: Holding | None = None,
    reading: Reading | None = None,
) -> Loaded:
    """Every policy in these files and folders, with all that is wrong with them.

    Args:
        paths: the files and folders.
        ring: the key ring.
        trusted_roots: the names that the settings give to trusted roots.
        names: the registries behind the gate; None where they are not known.
        holding: what may be asked of pushes that wait; None where the settings are not known.
        reading: with what they are read, where changes are to be seen.

    Raises:
        ConfigurationInvalid: a file cannot be read, or there is none.
    """
    reading = reading or Reading()
    sources = Sources(
        ring=ring,
        read_key=read_public_key,
        read_file=reading.beside,
        trusted_roots=frozenset(trusted_roots),
        names=names,
        holds=holding,
        compile_condition=compile_condition,
    )
    return load(reading.policy_files(paths), sources)


def holding(settings: Settings) -> Holding:
    """What these settings let the gate do for pushes that wait for a signature."""
    own = frozenset(each.name for each in settings.upstreams if not each.credentials.pass_through)
    return Holding(upstreams=own, durable=settings.state is not None)


def configuration(settings: Settings, reading: Reading) -> Configuration:
    """Everything that can be exchanged while the gate runs, read.

    Raises:
        ConfigurationInvalid: some of it cannot be used; it holds every problem.
    """
    roots: dict[str, RootState] = {}
    problems: list[str] = []
    for name, root in settings.trusted_roots.items():
        if root.file is not None:
            try:
                roots[name] = from_file(root.file, reading)
            except ConfigurationInvalid as bad:
                problems += bad.problems
    try:
        ring = key_ring(dict(settings.keys), reading)
        loaded = load_policies(
            settings.policies, ring, settings.trusted_roots, settings.names, holding(settings), reading
        )
        policies = loaded.policy_set(settings.unmatched)
    except ConfigurationInvalid as bad:
        raise ConfigurationInvalid(*bad.problems, *problems) from bad
    if problems:
        raise ConfigurationInvalid(*problems)
    return Configuration(policies=policies, digest=policies.digest, roots=roots)


@asynccontextmanager
async def core(
    settings: Settings,
    policies: PolicySet,
    reading: Reading | None = None,
    took: Took = nobody_asks,
    onward: Onward = nothing_onward,
) -> AsyncIterator[Core]:
    """The parts that decide.

    Args:
        settings: what to build.
        policies: by what they decide.
        reading: with what trusted roots are read, where changes are to be seen.
        took: told how long stages took.
        onward: what upstreams are told about what a request is part of.

    Raises:
        ConfigurationInvalid: a trusted root, a state store or an upstream that cannot be used.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        folder = settings.trusted_roots_folder or Path(
            stack.enter_context(TemporaryDirectory(prefix="sealgate-", ignore_cleanup_errors=True))
        )
        states, repositories = _trusted_roots(settings.trusted_roots, folder, reading or Reading())
        verifier = TrustedRoots(states, SigstoreVerifier)
        refresher = Refresher(verifier, repositories, clock)
        refresher.want(policies.trusted_roots)
        store = await open_store(settings.state, clock)
        stack.push_async_callback(store.close)
        names, registries = settings.names, dict[str, Registry]()
        for said in settings.upstreams:
            registries[said.name] = authorized(
                said, _registry(said, took, onward), _upstream_tls(said), clock, settings
            )
            stack.push_async_callback(registries[said.name].close)
        upstream = SeveralUpstreams(registries, names)
        manifests = Manifests(upstream)
        logs = RekorLogs(verifier.logs)
        stack.push_async_callback(logs.close)
        predicates = ConditionPool()
        stack.push_async_callback(predicates.aclose)
        discovery = Discovery(upstream, manifests, verifier, logs, predicates, clock, store, names.upstream_of, took)
        judge = Judge(
            upstream_of=names.upstream_of,
            store=store,
            verifier=verifier,
            manifests=manifests,
            discovery=discovery,
            carriers=Carriers(upstream, manifests),
            clock=clock,
            policies=policies,
            admit_seconds=settings.admit_ttl,
        )
        yield Core(
            upstream=upstream,
            registries=registries,
            names=names,
            store=store,
            manifests=manifests,
            discovery=discovery,
            judge=judge,
            clock=clock,
            trusted_roots=verifier,
            refresher=refresher,
        )


@asynccontextmanager
async def gate(
    settings: Settings,
    policies: PolicySet,
    log: DecisionLog,
    rights: Rights | None = None,
    reading: Reading | None = None,
) -> AsyncIterator[Gate]:
    """The whole gate, ready to be served.

    Args:
        settings: what to build.
        policies: what it enforces, until their files say something else.
        log: where it writes its decisions.
        rights: who may do what besides what the settings say; None leaves it to these.
        reading: with what the policies were read, so that changes of their files are seen.

    Raises:
        ConfigurationInvalid: as `core`.
    """
    async with AsyncExitStack() as stack:
        reading = reading or Reading()
        metrics, tracing = Metrics(), _tracing(settings)
        if tracing is not None:
            stack.push_async_callback(tracing.close)
        took, onward = measured(metrics, tracing)
        made = await stack.enter_async_context(core(settings, policies, reading, took, onward))
        secret, access = await made.store.secret(), rights_in(settings)
        relays = {
            name: registry for name, registry in made.registries.items() if isinstance(registry, AuthorizedUpstream)
        }
        entered = await stack.enter_async_context(entrance(settings, secret, made.clock, relays))
        alerts = await stack.enter_async_context(alerting(settings, made.clock, metrics.alerted))
        metrics.queue(alerts.waiting)
        heard = CountedLog(OverheardLog(log, alerts.offer), metrics, took)
        held = await open_holds(settings.state)
        stack.push_async_callback(held.close)

        def parts(new: Configuration, verifier: SignatureVerifier) -> Parts:
            judge = made.judge.under(new.policies, verifier)
            recorder = Recorder(heard, made.clock, new.digest)
            holds = Holds(
                upstream=made.upstream,
                store=held,
                judge=judge,
                manifests=made.manifests,
                recorder=recorder,
                clock=made.clock,
                seconds=settings.hold_ttl,
            )
            pull = Pull(
                upstream=made.upstream,
                store=made.store,
                manifests=made.manifests,
                judge=judge,
                recorder=recorder,
                clock=made.clock,
                holds=holds,
                rights=access,
            )
            push = Push(
                upstream=made.upstream,
                store=made.store,
                manifests=made.manifests,
                judge=judge,
                recorder=recorder,
                clock=made.clock,
                holds=holds,
                rights=access,
            )
            edge = Edge(
                upstream=made.upstream,
                registries=made.registries,
                names=made.names,
                pull=pull,
                push=push,
                deletes=Deletes(made.upstream, judge),
                seal=UploadSeal(secret),
                rights=access if rights is None else rights,
                catalog=settings.catalog,
                door=entered.door,
                tokens=entered.tokens,
            )
            return Parts(edge=edge, holds=holds)

        beginning = Configuration(policies=policies, digest=policies.digest, roots={})
        force = InForce(parts, beginning, made.trusted_roots)

        def use(new: Configuration) -> str:
            before = force.configuration
            force.use(new)
            made.refresher.want(new.policies.trusted_roots)
            count, now, was = len(new.policies.policies), new.digest[:12], before.digest[:12]
            return f"{count} policies (set {now}, " + ("as before)" if now == was else f"was {was})")

        def refused(problem: str) -> None:
            now = made.clock.now()
            metrics.reload_failed()
            alerts.offer(reload_failed(ulid(now), now, problem))

        reloader = Reloader(reading, partial(configuration, settings), use, made.clock, refused)
        tasks = (made.refresher.run(), sweeping(lambda: force.now().holds), reloader.run())
        running = [asyncio.create_task(task) for task in tasks]
        try:
            known = Known(
                settings=settings,
                clock=made.clock,
                metrics=metrics,
                policies=lambda: (force.configuration.policies, force.configuration.digest),
                standing=lambda: reloader.standing,
                trusted_roots=made.trusted_roots,
                registries=made.registries,
                holds=held,
            )
            edge: Handler = Metered(AccessLog(force), metrics)
            if tracing is not None:
                edge = Traced(edge, tracing)
            yield Gate(edge=edge, core=made, reloader=reloader, known=known)
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)


@asynccontextmanager
async def listener_tls(settings: Settings) -> AsyncIterator[ssl.SSLContext | None]:
    """The TLS context to listen with, kept up to date with its files; None listens for plain HTTP.

    Raises:
        ConfigurationInvalid: a certificate or key cannot be used.
    """
    if settings.tls is None:
        yield None
        return
    said = settings.tls
    tls = ListenerTls(
        ListenerFiles(
            certificate=said.certificate,
            key=said.key,
            client_ca=said.client_ca,
            client_certificate_required=said.client_certificate_required,
        )
    )
    watching = asyncio.create_task(tls.watch())
    try:
        yield tls.context
    finally:
        watching.cancel()
        await asyncio.wait((watching,))


def measured(metrics: Metrics, tracing: "Tracing | None") -> tuple[Took, Onward]:
    """Who is told of stages, and what upstreams are told."""
    if tracing is None:
        return metrics.took, nothing_onward

    def took(stage: Stage, seconds: float) -> None:
        metrics.took(stage, seconds)
        tracing.took(stage, seconds)

    return took, tracing.onward


def _tracing(settings: Settings) -> "Tracing | None":
    if not settings.traces:
        return None
    # Here and not above: a gate that writes no traces has no use for what it imports.
    from sealgate.adapters.tracing import Tracing  # noqa: PLC0415

    return Tracing(settings.traces, SystemClock())


def decision_log(settings: Settings) -> JsonLinesLog:
    """Where decisions are written.

    Raises:
        ConfigurationInvalid: the file cannot be opened.
    """
    return JsonLinesLog.open(settings.decision_log) if settings.decision_log else JsonLinesLog(sys.stdout.buffer)


def _trusted_roots(
    roots: Mapping[str, TrustedRootSettings], folder: Path, reading: Reading
) -> tuple[dict[str, RootState], dict[str, TufRepository]]:
    """How each root stands at the beginning, and the repositories that some of them come from."""
    states: dict[str, RootState] = {}
    repositories: dict[str, TufRepository] = {}
    for name, root in roots.items():
        if root.file is not None:
            states[name] = from_file(root.file, reading)
        elif root.repository_root is not None:
            repositories[name] = TufRepository.within(folder, name, root.repository, files.read(root.repository_root))
            states[name] = from_repository(repositories[name], name)
        else:
            states[name], repositories[name] = from_public_good(folder, name)
    return states, repositories


def _registry(said: UpstreamSettings, took: Took, onward: Onward) -> Registry:
    """One registry, asked by its own names."""
    limits = said.timeouts
    return HttpUpstream(
        said.name,
        said.url,
        redirect_hosts=frozenset(said.redirect_hosts),
        pass_redirects=said.pass_redirects,
        timeouts=Timeouts(connect=limits.connect, first_byte=limits.first_byte, idle=limits.idle),
        tls=_upstream_tls(said),
        took=took,
        onward=onward,
    )


def _upstream_tls(upstream: UpstreamSettings) -> TlsContexts:
    tls = upstream.tls
    return upstream_tls(
        ca=tls.ca, certificate=tls.certificate, key=tls.key, skip_verification=tls.unsafe_skip_verification
    )
