import type { SpanProtocol } from './text-receiver.ts';

/** Zipkin's API v2, JSON and protobuf: https://zipkin.io/zipkin-api/ */
export const zipkinProtocol: SpanProtocol = {
  name: 'Zipkin v2',
  path: '/api/v2/spans',
  encodings: { 'application/json': 'zipkin-json', 'application/x-protobuf': 'zipkin-protobuf' },
  explainOtherPath: (path) =>
    path === '/api/v1/spans'
      ? 'Zipkin v1 is not spoken here. Have the client send the format v2 to POST /api/v2/spans.'
      : `There is nothing at ${path}. Zipkin's spans are received at POST /api/v2/spans.`,
};
