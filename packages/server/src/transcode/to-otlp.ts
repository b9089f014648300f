import {
  checkJsonElements,
  jaegerProtobufToOtlp,
  jaegerThriftToOtlp,
  otlpJsonToProtobuf,
  zipkinJsonToOtlp,
  zipkinProtobufToOtlp,
} from '@clew/wire';
import type { SpanEncoding } from '../receive/span-encoding.ts';

/** A request as OTLP protobuf, and what of it could not be said there. */
export interface OtlpRequest {
  readonly request: Uint8Array;
  readonly rejectedSpans: number;
  readonly rejectionReason: string;
}

/** @throws TooManyElementsError, and what the reader of the encoding throws for bytes that are malformed */
export function toOtlp(encoding: SpanEncoding, bytes: Uint8Array): OtlpRequest {
  switch (encoding) {
    case 'protobuf':
      return { request: bytes, rejectedSpans: 0, rejectionReason: '' };
    case 'json':
      checkJsonElements(bytes);
      return convertOtlpJson(bytes);
    case 'zipkin-json':
      checkJsonElements(bytes);
      return zipkinJsonToOtlp(bytes, Date.now() * 1_000);
    case 'zipkin-protobuf':
      return zipkinProtobufToOtlp(bytes, Date.now() * 1_000);
    case 'jaeger-thrift':
      return jaegerThriftToOtlp(bytes);
    case 'jaeger-protobuf':
      return jaegerProtobufToOtlp(bytes);
  }
}

function convertOtlpJson(bytes: Uint8Array): OtlpRequest {
  let rejectedSpans = 0;
  let rejectionReason = '';
  const request = otlpJsonToProtobuf(bytes, (spans, reason) => {
    rejectedSpans += spans;
    rejectionReason ||= reason;
  });
  return { request, rejectedSpans, rejectionReason };
}
