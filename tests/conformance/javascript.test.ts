import { after, before, describe, it } from 'node:test';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { expectStored, startTestServer, type TestServer } from './clew-server.js';
import { exportOfficialSpans } from './javascript-spans.js';

let clew: TestServer;

before(async () => {
  clew = await startTestServer();
});

after(() => clew.stop());

const exporters: Readonly<Record<string, (compression: CompressionAlgorithm) => SpanExporter>> = {
  'OTLP/gRPC': (compression) => new GrpcExporter({ url: clew.server.otlpGrpcUrl, compression }),
  'OTLP/HTTP with protobuf': (compression) =>
    new ProtobufExporter({ url: `${clew.server.otlpUrl}/v1/traces`, compression }),
  'OTLP/HTTP with JSON': (compression) => new JsonExporter({ url: `${clew.server.otlpUrl}/v1/traces`, compression }),
};

describe("what OpenTelemetry's JavaScript SDK exports is stored span by span", () => {
  for (const [protocol, create] of Object.entries(exporters)) {
    for (const compression of [CompressionAlgorithm.NONE, CompressionAlgorithm.GZIP]) {
      it(`over ${protocol}, compression ${compression}`, async () => {
        await expectStored(clew.server, await exportOfficialSpans(create(compression)));
      });
    }
  }
});
