import type { HttpProtocol } from './http-receiver.ts';
import { textAnswers } from './text-answers.ts';

/** Zipkin's API v2, JSON and protobuf: https://zipkin.io/zipkin-api/ */
export const zipkinProtocol: HttpProtocol = {
  name: 'Zipkin v2',
  path: '/api/v2/spans',
  encodings: { 'application/json': 'zipkin-json', 'application/x-protobuf': 'zipkin-protobuf' },
  // As Zipkin's own collector has it: whatever does not say that it is protobuf is JSON.
  otherwise: 'zipkin-json',
  explainOtherPath: (path) =>
    path === '/api/v1/spans'
      ? 'Zipkin v1 is not spoken here. Have the client send the format v2 to POST /api/v2/spans.'
      : `There is nothing at ${path}. Zipkin's spans are received at POST /api/v2/spans.`,
  ...textAnswers,
};
