import type { HttpProtocol } from './http-receiver.ts';
import { OtlpError } from './otlp-error.ts';
import { textAnswers } from './text-answers.ts';

/** What Jaeger's clients send to a collector without an agent: Thrift's binary protocol over HTTP. */
export const jaegerThriftProtocol: HttpProtocol = {
  name: 'Jaeger Thrift',
  path: '/api/traces',
  encodings: { 'application/x-thrift': 'jaeger-thrift', 'application/vnd.apache.thrift.binary': 'jaeger-thrift' },
  explainOtherPath: (path) =>
    `There is nothing at ${path}. Jaeger's spans are received at POST /api/traces?format=jaeger.thrift.`,
  ...textAnswers,
  checkQuery: (query) => {
    // Clients in some languages leave it out.
    const format = query.get('format') ?? 'jaeger.thrift';
    if (format === 'jaeger.thrift') return;
    throw new OtlpError(400, `format is ${JSON.stringify(format)}, but only jaeger.thrift is received here.`);
  },
};
