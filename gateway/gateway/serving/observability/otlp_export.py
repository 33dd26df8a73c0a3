"""Sends recorded spans to an OTLP receiver; apart, because its imports take 6 MB."""

import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

LAST_SPANS_SECONDS = 1.5


class Export:
    """The exporter of one process; owns a thread, so it is made after a fork."""

    def __init__(self, endpoint: str, service_name: str) -> None:
        self.provider = TracerProvider(
            sampler=ALWAYS_ON,  # whether to record is decided before a span is made
            resource=Resource.create({"service.name": service_name}),
        )
        self.exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("gateway")

    def close(self) -> None:
        """Send the spans that are left, unless the receiver is gone, and stop the thread."""
        last = threading.Thread(target=self.provider.force_flush, daemon=True)
        last.start()
        last.join(LAST_SPANS_SECONDS)
        # Ends the retries, which would hold up the end of the process.
        self.exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry leaves it untyped
        self.provider.shutdown()
