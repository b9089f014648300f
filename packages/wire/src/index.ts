export { formatB3, parseB3, parseB3Headers } from './headers/b3.ts';
export {
  type BaggageMember,
  formatBaggage,
  maxBaggageBytes,
  maxBaggageMembers,
  parseBaggage,
} from './headers/baggage.ts';
export type { Caller, CallerDecision } from './headers/caller.ts';
export { formatJaeger, parseJaeger } from './headers/jaeger.ts';
export { parseRandomness, readOtelSubkey, writeOtelSubkey } from './headers/otel-tracestate.ts';
export {
  formatTraceparent,
  parseTraceparent,
  randomFlag,
  sampledFlag,
  type TraceParent,
} from './headers/traceparent.ts';
export {
  formatTracestate,
  maxTracestateChars,
  maxTracestateMembers,
  parseTracestate,
  Tracestate,
  type TracestateMember,
} from './headers/tracestate.ts';
export { formatXRay, parseXRay } from './headers/xray.ts';
export { isSpanId, isTraceId, type SpanId, type TraceId } from './ids.ts';
export { addJaegerJsonTrace } from './jaeger/jaeger-json.ts';
export { jaegerProtobufToOtlp } from './jaeger/jaeger-protobuf.ts';
export { jaegerThriftToOtlp } from './jaeger/jaeger-thrift.ts';
export { MalformedThriftError } from './jaeger/thrift-reader.ts';
export { type JsonElement, parseElement, readJsonElements } from './json/json-elements.ts';
export { JsonNumber } from './json/json-reader.ts';
export { JsonText, MalformedJsonError } from './json/json-text.ts';
export { bytesAt, hexAt, type NativeColumn, type NumberArray, stringAt } from './native/column.ts';
export type { ColumnWriter } from './native/column-writer.ts';
export { FixedColumnWriter } from './native/fixed-column-writer.ts';
export { GrowingBytes } from './native/growing-bytes.ts';
export { LowCardinalityColumnWriter } from './native/low-cardinality-column-writer.ts';
export { NestedColumnWriter } from './native/nested-column-writer.ts';
export { MalformedBlockError, type NativeBlock, readNativeBlocks } from './native/read-block.ts';
export { StringColumnWriter } from './native/string-column-writer.ts';
export { type BlockColumns, writeNativeBlock } from './native/write-block.ts';
export { type JsonAnyValue, type JsonKeyValue, keyValueToJson } from './otlp/attribute-json.ts';
export {
  type AnyValue,
  checkAnyValue,
  checkKeyValue,
  type KeyValue,
  maxValueDepth,
  readAnyValue,
  readKeyValueList,
} from './otlp/attribute-value.ts';
export { BufferFullError, ByteWriter } from './otlp/byte-writer.ts';
export { MalformedOtlpJsonError, otlpJsonToProtobuf, type RejectSpans } from './otlp/json-to-protobuf.ts';
export { formatJson, toAttributeValue } from './otlp/json-values.ts';
export { MalformedProtobufError, ProtobufReader } from './otlp/protobuf-reader.ts';
export {
  type ReadEvent,
  type ReadLink,
  type ReadResourceSpans,
  type ReadScopeSpans,
  type ReadSpan,
  readTraceRequest,
} from './otlp/read-spans.ts';
export { type RequestPart, splitTraceRequest } from './otlp/split-request.ts';
export {
  type ConvertedSpans,
  InvalidSpanError,
  RefusedSpansError,
  TraceRequestBuilder,
} from './otlp/trace-request-builder.ts';
export {
  type AttributeValue,
  Double,
  encodeAttributes,
  type FlatAttributes,
  maxWrittenDepth,
  writeAttributes,
} from './otlp/write-attributes.ts';
export { encodeResource, encodeScope, encodeTraceRequest, type ScopeSpansSource } from './otlp/write-request.ts';
export { type EventSource, type LinkSource, type SpanSource, writeSpan } from './otlp/write-span.ts';
export {
  checkJsonElements,
  ElementCounts,
  type ElementKind,
  maxJsonElements,
  requestLimits,
  TooManyElementsError,
} from './request-limits.ts';
export { readZipkinJsonSpan } from './zipkin/zipkin-json.ts';
export { ZipkinBatch, zipkinJsonToOtlp, zipkinProtobufToOtlp } from './zipkin/zipkin-to-otlp.ts';
