import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { OtlpSink } from './otlp-sink.js';

let sink: OtlpSink;
let tracing: Tracing;

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'none';
  sink = await OtlpSink.start();
  tracing = startTracing({ export: { url: `${sink.endpoint}/v1/traces` } });
});
after(async () => {
  await tracing.shutdown();
  await sink.close();
});

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('a getter that throws');
    },
    ownKeys: () => {
      throw new Error('keys that throw');
    },
  },
);
/** Stands for it until the call: fast-check could not print it. */
const hostileMark = 'hostile';
const cycle: Record<string, unknown> = {};
cycle.self = cycle;

/** What a program may pass by mistake. */
const garbage = fc.oneof(
  fc.anything({ maxDepth: 2, withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
  fc.constantFrom<unknown[]>(
    ...[undefined, null, Number.NaN, Number.POSITIVE_INFINITY, -1, 2 ** 60, Symbol('s'), 10n, hostileMark, cycle],
    ...[() => 1, new Date(Number.NaN), [Number.NaN, 1], [1], new Error('e'), '', '\ud800', 'x'.repeat(5_000)],
    ...[ROOT_CONTEXT, { traceId: 'x', spanId: 'y', traceFlags: 300 }, { context: null }, [null], { code: 7 }],
  ),
);

/** Objects that calls have given back, for later calls. */
interface State {
  readonly spans: ReturnType<typeof trace.wrapSpanContext>[];
  readonly contexts: (typeof ROOT_CONTEXT)[];
}

type Call = (state: State, pick: number, args: readonly unknown[]) => void;

const spanAt = (state: State, pick: number): Record<string, (...args: unknown[]) => unknown> =>
  state.spans[pick % state.spans.length] as never;
const contextAt = (state: State, pick: number): typeof ROOT_CONTEXT => state.contexts[pick % state.contexts.length]!;

const spanMethods = [
  ...['setAttribute', 'setAttributes', 'addEvent', 'addLink', 'addLinks', 'setStatus', 'updateName'],
  ...['recordException', 'isRecording', 'spanContext', 'end'],
] as const;

const tracerOf = (args: readonly unknown[]): { startSpan(...args: unknown[]): never; startActiveSpan: never } =>
  trace.getTracerProvider().getTracer(args[0] as never, args[1] as never, args[2] as never) as never;

const calls: readonly Call[] = [
  ...spanMethods.map((method): Call => {
    return (state, pick, args) => void spanAt(state, pick)[method]!(...args);
  }),
  (state, _pick, args) => void state.spans.push(tracerOf([]).startSpan(...args)),
  (state, pick, [name, options]) =>
    void state.spans.push(tracerOf([]).startSpan(name, options, contextAt(state, pick))),
  (state, _pick, args) => void state.spans.push(tracerOf(args).startSpan('named')),
  (state, pick) => void state.contexts.push(trace.setSpan(contextAt(state, pick), spanAt(state, pick) as never)),
  (state, pick, [value]) => void state.contexts.push(contextAt(state, pick).setValue(Symbol.for('k'), value)),
  (state, pick) => void state.contexts.push(contextAt(state, pick).deleteValue(Symbol.for('k'))),
  (state, pick, [value]) => void contextAt(state, pick).getValue(value as never),
  (state, pick) => context.with(contextAt(state, pick), () => void state.spans.push(tracerOf([]).startSpan('within'))),
  (state, pick, [value]) => void context.bind(contextAt(state, pick), value),
  (state, pick, [carrier]) => propagation.inject(contextAt(state, pick), isPlain(carrier) ? carrier : {}),
  (state, pick, [a, b, c]) =>
    void state.contexts.push(
      propagation.extract(contextAt(state, pick), { traceparent: text(a), tracestate: text(b), baggage: text(c) }),
    ),
  (state, pick, [value]) =>
    void state.contexts.push(
      propagation.setBaggage(contextAt(state, pick), propagation.createBaggage({ key: { value: text(value) } })),
    ),
];

/** The api itself writes on the carrier; one that cannot be written to is the caller's. */
function isPlain(carrier: unknown): carrier is Record<string, string> {
  return typeof carrier === 'object' && carrier !== null && carrier !== hostile && Object.isExtensible(carrier);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
}

const step = fc.tuple(fc.nat(calls.length - 1), fc.nat(1_000), fc.array(garbage, { maxLength: 4 }));

/** Makes the calls on fresh objects; throws what a call throws, with its place. */
function makeCalls(steps: readonly (readonly [index: number, pick: number, args: readonly unknown[]])[]): void {
  const state: State = { spans: [trace.getTracer('t').startSpan('first')], contexts: [ROOT_CONTEXT] };
  for (const [index, pick, args] of steps) {
    const given = args.map((arg) => (arg === hostileMark ? hostile : arg));
    try {
      calls[index]!(state, pick, given);
    } catch (error) {
      throw new Error(`call ${index} has thrown`, { cause: error });
    }
  }
  for (const span of state.spans) span.end();
}

for (const [sequences, minLength, maxLength] of [
  [100_000, 1, 5],
  [1_000, 20, 60],
] as const) {
  test(`${sequences} sequences of ${minLength} to ${maxLength} calls of the api in any order, with any arguments, never throw`, async () => {
    sink.clear();
    let made = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength, maxLength, size: 'max' }), (steps) => {
        makeCalls(steps);
        made++;
      }),
      { numRuns: sequences },
    );
    assert.equal(made, sequences);
    // What has been recorded can be read by a collector, too.
    await tracing.forceFlush();
    assert.ok(sink.spans.length > 1_000, `${sink.spans.length} spans`);
  });
}
