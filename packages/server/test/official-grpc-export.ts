import { type ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** Sends a span with OpenTelemetry's exporter for gRPC; undefined when the server took it, else what the exporter says. */
export async function exportOverGrpc(
  url: string,
  credentials: ChannelCredentials,
  authorization?: string,
): Promise<string | undefined> {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const kept = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new SimpleSpanProcessor(kept)],
  });
  provider.getTracer('test').startSpan('over gRPC').end();
  const exporter = new OTLPTraceExporter({ url, credentials, metadata, timeoutMillis: 2_000 });
  try {
    return await new Promise((resolve) => {
      exporter.export(kept.getFinishedSpans(), ({ code, error }) => resolve(code === 0 ? undefined : String(error)));
    });
  } finally {
    await exporter.shutdown();
  }
}
