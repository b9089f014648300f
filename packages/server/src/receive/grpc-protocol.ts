import type { ExportResult } from './export-request.ts';
import { encodeExportResponse } from './otlp-response.ts';
import type { SpanEncoding } from './span-encoding.ts';
import { requireSpan } from './text-answers.ts';

/** A protocol that takes spans by one unary method. */
export interface GrpcProtocol {
  /** As it is written in messages. */
  readonly name: string;
  /** `package.Service` */
  readonly service: string;
  readonly method: string;
  /** Of the request's message. */
  readonly encoding: SpanEncoding;
  /** The response's message for spans that are on disk; throws an OtlpError where it has no way to say what was left out. */
  readonly encodeResponse: (result: ExportResult) => Uint8Array;
}

/** OTLP/gRPC (opentelemetry-proto, `collector/trace/v1`). */
export const otlpGrpcProtocol: GrpcProtocol = {
  name: 'OTLP/gRPC',
  service: 'opentelemetry.proto.collector.trace.v1.TraceService',
  method: 'Export',
  encoding: 'protobuf',
  encodeResponse: ({ rejectedSpans, rejectionReason }) =>
    encodeExportResponse('protobuf', rejectedSpans, rejectionReason),
};

/**
 * What Jaeger's agents and collectors send to a collector (jaeger-idl, `api_v2/collector.proto`). A `PostSpansResponse` has
 * no fields: that some spans were left out cannot be said.
 */
export const jaegerGrpcProtocol: GrpcProtocol = {
  name: 'Jaeger gRPC',
  service: 'jaeger.api_v2.CollectorService',
  method: 'PostSpans',
  encoding: 'jaeger-protobuf',
  encodeResponse: (result) => {
    requireSpan(result);
    return new Uint8Array(0);
  },
};
