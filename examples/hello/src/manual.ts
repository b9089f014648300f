/**
 * The same service as auto.ts with nothing done behind the scenes: every step of tracing one request, against the
 * public API.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AlwaysOnSampler,
  ClewTracerProvider,
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@clew/sdk';
import {
  context,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  trace,
} from '@opentelemetry/api';

// 1. A provider with a sampler that records everything; it exports to OTEL_EXPORTER_OTLP_ENDPOINT by itself.
const provider = new ClewTracerProvider({ resource: { 'service.name': 'my-service' }, sampler: new AlwaysOnSampler() });

// 2. A propagator for trace context and baggage. `register` makes both known to @opentelemetry/api.
const propagator = new CompositePropagator([new W3CTraceContextPropagator(), new W3CBaggagePropagator()]);
provider.register(propagator);

// 3. A tracer, named for the code that makes the spans.
const tracer = trace.getTracer('hello', '0.1.0');

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // 4. The context that came with the request: the caller's span and its baggage.
  const incoming = propagation.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);

  // 5. A span for this request in that context, and a context in which it is the active one.
  const span = tracer.startSpan('GET /', { kind: SpanKind.SERVER }, incoming);
  span.setAttribute('component', 'http-server');
  await context.with(trace.setSpan(incoming, span), () => answer(span, response));
}

async function answer(span: Span, response: ServerResponse): Promise<void> {
  // 6. A child span: the parent is found in the active context.
  const work = tracer.startSpan('work');
  await sleep(100);
  work.end();

  // 7. Baggage travels beside the trace.
  const userId = propagation.getActiveBaggage()?.getEntry('user-id')?.value ?? 'unknown';
  const { traceId, spanId, traceFlags } = span.spanContext();
  console.log(`User ID: ${userId} trace_id=${traceId} span_id=${spanId}`);

  // 8. The span ends; from here on it can no longer change.
  span.end();

  // 9. The caller learns which trace its request became.
  const identity = `00-${traceId}-${spanId}-0${traceFlags}`;
  response.setHeader('Server-Timing', `trace;desc=${identity}`);
  response.setHeader('traceresponse', identity);
  response.end('Hello from my-service!\n');
}

const server = createServer((request, response) => {
  if (request.url === '/') void handle(request, response);
  else response.writeHead(404).end();
});
server.listen(Number(process.env.PORT ?? 3000));

// 10. Spans that wait for their batch are sent before the process ends.
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void provider.shutdown();
});
