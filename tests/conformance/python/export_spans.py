"""Exports spans with OpenTelemetry's Python SDK: export_spans.py grpc|http none|gzip ENDPOINT.

Prints each ExportTraceServiceRequest that was sent as JSON, one a line, as protobuf's own library writes it.
"""

import json
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import RandomIdGenerator, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

protocol, compression, endpoint = sys.argv[1:]


def create_exporter() -> SpanExporter:
    if protocol == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        kind = Compression.Gzip if compression == "gzip" else Compression.NoCompression
        return OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=kind)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    kind = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    return OTLPSpanExporter(endpoint=endpoint, compression=kind)


class RecordingExporter(SpanExporter):
    """Prints what it passes on."""

    def __init__(self, exporter: SpanExporter):
        self.exporter = exporter

    def export(self, spans):
        print(json.dumps(MessageToDict(encode_spans(spans), use_integers_for_enums=True)))
        result = self.exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            sys.exit(f"the exporter gave {result}")
        return result

    def shutdown(self):
        self.exporter.shutdown()


def make_spans(tracer: trace.Tracer) -> None:
    caller = SpanContext(
        trace_id=RandomIdGenerator().generate_trace_id(),
        span_id=0xB7AD6B7169203331,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState([("vendor", "a"), ("other", "b")]),
    )
    context = trace.set_span_in_context(NonRecordingSpan(caller))
    links = [Link(caller, {"why": "retry", "attempt": 2}), Link(SpanContext(1 << 100, 7, False)), Link(caller)]
    with tracer.start_as_current_span("POST /checkout/:id", context, SpanKind.SERVER, links=links) as root:
        root.set_attributes(
            {
                "text": "Grüße, 世界 🧶",
                "empty": "",
                "whole": 42,
                "largest": 2**63 - 1,
                "smallest": -(2**63),
                "double": 2.0,
                "fraction": 0.1,
                "yes": True,
                "no": False,
                "strings": ["a", "", "ü"],
                "ints": [1, -2],
                "doubles": [1.0, 2.5],
                "booleans": [True, False],
                "long": "x" * 70_000,
            }
        )
        root.add_event("cache.miss", {"key": "cart:7", "size": 3}, timestamp=1_800_000_000_123_456_789)
        root.record_exception(TypeError("no stock"))
        root.set_status(Status(StatusCode.ERROR, "out of stock: Ü"))
        for kind in (SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER):
            with tracer.start_as_current_span(f"kind {kind.value}", kind=kind) as child:
                child.set_attribute("kind", kind.name)
                if kind is SpanKind.CLIENT:
                    child.set_status(Status(StatusCode.OK))


provider = TracerProvider(
    resource=Resource({"service.name": "orders", "process.pid": 4711, "ratio": 0.25, "spot": True}),
    span_limits=SpanLimits(max_span_attributes=12, max_links=2),
)
provider.add_span_processor(BatchSpanProcessor(RecordingExporter(create_exporter())))
make_spans(provider.get_tracer("checkout", "1.2.3", attributes={"team": "cart"}))
provider.shutdown()
