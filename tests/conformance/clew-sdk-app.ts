import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

// An app that @clew/sdk traces: prints the id of the one trace that it makes.

const tracer = trace.getTracer('checkout', '1.2.3');
const root = tracer.startSpan('POST /checkout', {
  kind: SpanKind.SERVER,
  attributes: { text: 'Grüße', whole: 42, fraction: 0.1, yes: true, list: ['a', 'b'] },
});
root.addEvent('cache.miss', { key: 'cart:7' });
const context = trace.setSpan(ROOT_CONTEXT, root);
tracer.startSpan('charge', { kind: SpanKind.CLIENT, links: [{ context: root.spanContext() }] }, context).end();
root.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
root.end();
process.stdout.write(root.spanContext().traceId);
