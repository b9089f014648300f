import type { HttpProtocol } from './http-receiver.ts';
import { contentTypes, encodeExportResponse, encodeStatus, type OtlpEncoding } from './otlp-response.ts';

/**
 * OTLP/HTTP: protobuf or JSON. Every error is a `google.rpc.Status` in the encoding of the request.
 */
export const otlpHttpProtocol: HttpProtocol = {
  name: 'OTLP',
  path: '/v1/traces',
  encodings: {
    'application/x-protobuf': 'protobuf',
    'application/json': 'json',
    'application/protobuf': 'protobuf',
  },
  explainOtherPath: (path) => `There is nothing at ${path}. Traces are received at POST /v1/traces.`,
  answer: ({ rejectedSpans, rejectionReason }, requested) => {
    const encoding = requested as OtlpEncoding;
    const body = encodeExportResponse(encoding, rejectedSpans, rejectionReason);
    return { status: 200, contentType: contentTypes[encoding], body };
  },
  describeError: (error, mediaType) => {
    const encoding = mediaType === contentTypes.json ? 'json' : 'protobuf';
    return { contentType: contentTypes[encoding], body: encodeStatus(encoding, error) };
  },
};
