import type { JsonAnyValue, JsonKeyValue } from '@clew/wire';
import {
  createTraceState,
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import type { ExportedSpan } from './exported-span.js';

/** Makes spans with all that a span can have in the official SDK, sends them, and gives them as they were sent. */
export async function exportOfficialSpans(exporter: SpanExporter): Promise<ExportedSpan[]> {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({ 'service.name': 'orders', 'process.pid': 4711, 'host.ratio': 0.25, spot: true }),
    spanLimits: { attributeCountLimit: 16, eventCountLimit: 3, linkCountLimit: 2, attributePerEventCountLimit: 2 },
    spanProcessors: [new SimpleSpanProcessor(memory), new BatchSpanProcessor(exporter)],
  });
  makeSpans(provider);
  await provider.forceFlush();
  const exported = memory.getFinishedSpans().map(describe);
  await provider.shutdown();
  return exported;
}

function makeSpans(provider: BasicTracerProvider): void {
  const tracer = provider.getTracer('checkout', '1.2.3', { schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' });
  const unnamed = provider.getTracer('');
  const caller: SpanContext = {
    traceId: randomId(16),
    spanId: randomId(8),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
    traceState: createTraceState('vendor=a,other=b'),
  };
  const root = tracer.startSpan(
    'POST /checkout/:id',
    {
      kind: SpanKind.SERVER,
      links: [
        { context: { ...caller, spanId: randomId(8) }, attributes: { why: 'retry', attempt: 2 } },
        { context: { traceId: randomId(16), spanId: randomId(8), traceFlags: TraceFlags.NONE } },
        { context: { ...caller, spanId: randomId(8) } },
      ],
    },
    trace.setSpanContext(ROOT_CONTEXT, caller),
  );
  root.setAttributes({
    text: 'Grüße, 世界 🧶',
    empty: '',
    whole: 42,
    negative: -7,
    largest: Number.MAX_SAFE_INTEGER,
    smallest: Number.MIN_SAFE_INTEGER,
    fraction: 0.1,
    tiny: 5e-324,
    yes: true,
    no: false,
    strings: ['a', '', 'ü'],
    numbers: [1, 2.5, -3],
    booleans: [true, false],
    none: [],
    long: 'x'.repeat(70_000),
    last: 'kept',
    over: 'dropped',
  });
  root.addEvent('cache.miss', { key: 'cart:7', size: 3 }, new Date(Date.now() - 5));
  root.recordException(new TypeError('no stock'));
  for (const name of ['third', 'fourth']) root.addEvent(name, { a: 1, b: 2, dropped: 3 });
  const context = trace.setSpan(ROOT_CONTEXT, root);
  for (const kind of [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
    const child = unnamed.startSpan(`kind ${kind}`, { kind }, context);
    child.setStatus(kind === SpanKind.CLIENT ? { code: SpanStatusCode.OK } : { code: SpanStatusCode.UNSET });
    child.end();
  }
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock: Ü' });
  root.end();
  // A trace of its own, whose end is before its start.
  const odd = tracer.startSpan('', { root: true, startTime: [1_800_000_000, 999_999_999] });
  odd.end([1_800_000_000, 0]);
}

function randomId(bytes: number): string {
  return Array.from({ length: bytes }, () => (1 + Math.floor(Math.random() * 255)).toString(16).padStart(2, '0')).join(
    '',
  );
}

function describe(span: ReadableSpan): ExportedSpan {
  const { traceId, spanId, traceState, traceFlags } = span.spanContext();
  const parent = span.parentSpanContext;
  return {
    traceId,
    spanId,
    parentSpanId: parent?.spanId ?? '',
    traceState: traceState?.serialize() ?? '',
    flags: traceFlags | 0x100 | (parent?.isRemote === true ? 0x200 : 0),
    name: span.name,
    kind: span.kind + 1,
    startNs: nanoseconds(span.startTime),
    endNs: nanoseconds(span.endTime),
    attributes: attributesOf(span.attributes),
    events: span.events.map((event) => ({
      timeNs: nanoseconds(event.time),
      name: event.name,
      attributes: attributesOf(event.attributes ?? {}),
      dropped: event.droppedAttributesCount ?? 0,
    })),
    links: span.links.map((link) => ({
      traceId: link.context.traceId,
      spanId: link.context.spanId,
      traceState: link.context.traceState?.serialize() ?? '',
      attributes: attributesOf(link.attributes ?? {}),
      dropped: link.droppedAttributesCount ?? 0,
    })),
    statusCode: span.status.code,
    statusMessage: span.status.message ?? '',
    droppedAttributes: span.droppedAttributesCount,
    droppedEvents: span.droppedEventsCount,
    droppedLinks: span.droppedLinksCount,
    resource: attributesOf(span.resource.attributes),
    scopeName: span.instrumentationScope.name,
    scopeVersion: span.instrumentationScope.version ?? '',
    scopeAttributes: [],
  };
}

function nanoseconds([seconds, nanos]: HrTime): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}

function attributesOf(attributes: object): JsonKeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValueOf(value) }));
}

/** JavaScript has one type of number: integral ones are integers, as the exporters have it. */
function anyValueOf(value: unknown): JsonAnyValue {
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueOf) } };
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
