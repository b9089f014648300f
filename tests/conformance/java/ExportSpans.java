import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.internal.otlp.traces.TraceRequestMarshaler;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.IdGenerator;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanLimits;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Exports spans with OpenTelemetry's Java SDK: ExportSpans grpc|http none|gzip ENDPOINT.
 *
 * <p>Prints each ExportTraceServiceRequest that was sent as OTLP/JSON, one a line.
 */
public final class ExportSpans {
  public static void main(String[] args) {
    // The encoding of the terminal is not UTF-8 everywhere.
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8));
    SdkTracerProvider provider =
        SdkTracerProvider.builder()
            .setResource(
                Resource.create(
                    Attributes.builder()
                        .put("service.name", "orders")
                        .put("process.pid", 4711)
                        .put("ratio", 0.25)
                        .put("spot", true)
                        .build()))
            .setSpanLimits(SpanLimits.builder().setMaxNumberOfAttributes(12).setMaxNumberOfLinks(2).build())
            .addSpanProcessor(
                BatchSpanProcessor.builder(new RecordingExporter(createExporter(args[0], args[1], args[2]))).build())
            .build();
    makeSpans(provider.tracerBuilder("checkout").setInstrumentationVersion("1.2.3").build());
    provider.shutdown().join(20, TimeUnit.SECONDS);
  }

  private static SpanExporter createExporter(String protocol, String compression, String endpoint) {
    return protocol.equals("grpc")
        ? OtlpGrpcSpanExporter.builder().setEndpoint(endpoint).setCompression(compression).build()
        : OtlpHttpSpanExporter.builder().setEndpoint(endpoint).setCompression(compression).build();
  }

  /** Prints what it passes on. */
  private record RecordingExporter(SpanExporter exporter) implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      try {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        TraceRequestMarshaler.create(spans).writeJsonTo(line);
        System.out.println(line.toString(StandardCharsets.UTF_8));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      CompletableResultCode result = exporter.export(spans).join(15, TimeUnit.SECONDS);
      if (!result.isSuccess()) {
        System.err.println("the export failed: " + result.getFailureThrowable());
        Runtime.getRuntime().halt(1);
      }
      return result;
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }

  private static void makeSpans(Tracer tracer) {
    TraceState state = TraceState.builder().put("other", "b").put("vendor", "a").build();
    SpanContext caller =
        SpanContext.createFromRemoteParent(
            IdGenerator.random().generateTraceId(), "b7ad6b7169203331", TraceFlags.getSampled(), state);
    SpanContext elsewhere =
        SpanContext.create(
            IdGenerator.random().generateTraceId(), "0000000000000007", TraceFlags.getDefault(), TraceState.getDefault());
    Span root =
        tracer
            .spanBuilder("POST /checkout/:id")
            .setParent(Context.root().with(Span.wrap(caller)))
            .setSpanKind(SpanKind.SERVER)
            .addLink(caller, Attributes.builder().put("why", "retry").put("attempt", 2).build())
            .addLink(elsewhere)
            .addLink(caller)
            .startSpan();
    root.setAttribute("text", "Grüße, 世界 🧶");
    root.setAttribute("empty", "");
    root.setAttribute("whole", 42);
    root.setAttribute("largest", Long.MAX_VALUE);
    root.setAttribute("smallest", Long.MIN_VALUE);
    root.setAttribute("double", 2.0);
    root.setAttribute("fraction", 0.1);
    root.setAttribute("yes", true);
    root.setAttribute(AttributeKey.stringArrayKey("strings"), List.of("a", "", "ü"));
    root.setAttribute(AttributeKey.longArrayKey("ints"), List.of(1L, -2L));
    root.setAttribute(AttributeKey.doubleArrayKey("doubles"), List.of(1.0, 2.5));
    root.setAttribute("long", "x".repeat(70_000));
    root.setAttribute("over", "dropped");
    root.addEvent(
        "cache.miss",
        Attributes.builder().put("key", "cart:7").put("size", 3).build(),
        1_800_000_000_123_456_789L,
        TimeUnit.NANOSECONDS);
    root.recordException(new IllegalStateException("no stock"));
    Context context = Context.root().with(root);
    for (SpanKind kind :
        new SpanKind[] {SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER}) {
      Span child = tracer.spanBuilder("kind " + kind).setParent(context).setSpanKind(kind).startSpan();
      if (kind == SpanKind.CLIENT) child.setStatus(StatusCode.OK);
      child.end();
    }
    root.setStatus(StatusCode.ERROR, "out of stock: Ü");
    root.end();
  }
}
