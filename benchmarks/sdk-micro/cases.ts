import {
  type Attributes,
  context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/** CPU of one call, in microseconds, by the name of the case. */
export type Costs = Readonly<Record<string, number>>;

export interface Subject {
  /** Records every span. */
  readonly tracer: Tracer;
  /** Records none. */
  readonly unsampled: Tracer;
  /** Encodes what has ended, as OTLP protobuf, and forgets it; called after every 512 spans. */
  readonly encodeEnded: () => void;
}

const warmUpCalls = 60_000;
const measuredCalls = 300_000;
const batch = 512;

const tenAttributes: Attributes = {
  'http.request.method': 'GET',
  'url.scheme': 'http',
  'url.path': '/orders/42',
  'server.address': 'orders.example',
  'server.port': 8080,
  'client.address': '10.2.3.4',
  'network.protocol.version': '1.1',
  'user_agent.original': 'curl/8.5.0',
  'http.route': '/orders/:id',
  'http.response.status_code': 200,
};

const headers = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03',
  tracestate: 'vendor=abc,other=def',
  baggage: 'user-id=42,tenant=acme',
};

/** Measures all cases, with the SDK registered as the global one. */
export function measureCases({ tracer, unsampled, encodeEnded }: Subject): Costs {
  const parent = propagation.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const active = trace.setSpan(parent, tracer.startSpan('active', {}, parent));
  let ended = 0;
  const finish = (span: Span): void => {
    span.end();
    if (++ended % batch === 0) encodeEnded();
  };
  return {
    'start, end, encode; 0 attributes': measure(() =>
      finish(tracer.startSpan('GET', { kind: SpanKind.SERVER }, parent)),
    ),
    'start, end, encode; 10 attributes': measure(() =>
      finish(tracer.startSpan('GET', { kind: SpanKind.SERVER, attributes: tenAttributes }, parent)),
    ),
    'start, end; unsampled, 10 attributes': measure(() =>
      unsampled.startSpan('GET', { kind: SpanKind.SERVER, attributes: tenAttributes }, parent).end(),
    ),
    'context.with(setSpan)': measure(() => context.with(trace.setSpan(active, trace.getSpan(active)!), noop)),
    inject: measure(() => propagation.inject(active, {}, defaultTextMapSetter)),
    extract: measure(() => propagation.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)),
  };
}

function noop(): void {}

function measure(call: () => void): number {
  for (let made = 0; made < warmUpCalls; made++) call();
  const start = process.cpuUsage();
  for (let made = 0; made < measuredCalls; made++) call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / measuredCalls;
}
