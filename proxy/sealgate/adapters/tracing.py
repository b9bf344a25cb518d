"""Spans for OpenTelemetry, sent to a collector by OTLP over HTTP: nothing waits for it, and too many are dropped.

Every request is sampled: whether it is must not be a client's to choose. The collector may choose (tail sampling).
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from sealgate import __version__
from sealgate.limits import TRACE_EXPORT_SECONDS, TRACES_WAITING
from sealgate.ports import Clock, Stage

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NANOSECONDS: Final = 1_000_000_000
_SERVER_ERROR: Final = 500


class Tracing:
    """`ports.Took` and `ports.Onward`, and a span for each request.

    Args:
        endpoint: where the collector takes traces, with its path.
        clock: when things were.
    """

    def __init__(self, endpoint: str, clock: Clock) -> None:
        resource = Resource({"service.name": "sealgate", "service.version": __version__})
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=TRACE_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=TRACES_WAITING))
        self._tracer = self._provider.get_tracer("sealgate", __version__)
        self._clock = clock

    @contextmanager
    def request(self, parent: tuple[int, int] | None) -> Iterator[Callable[[str, int, Mapping[str, str]], None]]:
        """See `http.traced.Tracer`."""
        above = None
        if parent is not None:
            remote = SpanContext(trace_id=parent[0], span_id=parent[1], is_remote=True, trace_flags=_SAMPLED)
            above = trace.set_span_in_context(NonRecordingSpan(remote))
        with self._tracer.start_as_current_span("request", context=above, kind=SpanKind.SERVER) as span:

            def over(name: str, status: int, facts: Mapping[str, str]) -> None:
                span.update_name(name)
                span.set_attribute("http.response.status_code", status)
                for key, value in facts.items():
                    span.set_attribute(key, value)
                if status >= _SERVER_ERROR:
                    span.set_status(Status(StatusCode.ERROR))

            yield over

    def took(self, stage: Stage, seconds: float) -> None:
        """See `ports.Took`. What is done for no request has no span."""
        if trace.get_current_span().get_span_context().is_valid:
            end = round(self._clock.now().timestamp() * _NANOSECONDS)
            kind = SpanKind.CLIENT if stage is Stage.UPSTREAM else SpanKind.INTERNAL
            span = self._tracer.start_span(stage.value, kind=kind, start_time=end - round(seconds * _NANOSECONDS))
            span.end(end)

    def onward(self) -> Mapping[str, str]:
        """See `ports.Onward`: `traceparent` (W3C Trace Context, section 3.2), and nothing that a client wrote."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-01"}

    async def close(self) -> None:
        """Send what waits, for as long as one export may take."""
        await asyncio.to_thread(self._provider.force_flush, round(TRACE_EXPORT_SECONDS * 1000))
        await asyncio.to_thread(self._provider.shutdown)
