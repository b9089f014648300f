import type { OtlpEncoding } from './otlp-response.ts';

/** How the spans of a request are encoded: in one of OTLP's two ways, or in a format that is converted to it. */
export type SpanEncoding = OtlpEncoding | 'zipkin-json' | 'zipkin-protobuf' | 'jaeger-thrift' | 'jaeger-protobuf';
