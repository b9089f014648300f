import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { AlwaysOnSampler, ClewTracerProvider } from '@clew/sdk';
import { type Attributes, ROOT_CONTEXT, type Span, type SpanContext } from '@opentelemetry/api';
import type { SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

let sink: OtlpSink;
before(async () => {
  sink = await OtlpSink.start();
});
after(() => sink.close());
beforeEach(() => {
  sink.clear();
  process.env.OTEL_LOG_LEVEL = 'none';
});

const linked: SpanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
const numbered = (count: number): Attributes =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));

/** What is sent of a span under the limits of the environment, or those of the code. */
async function send(
  fill: (span: Span) => void,
  env: Readonly<Record<string, string>>,
  limits: ConstructorParameters<typeof ClewTracerProvider>[0] = {},
): Promise<SinkSpan> {
  for (const [name, value] of Object.entries(env)) process.env[name] = value;
  try {
    const provider = new ClewTracerProvider({
      sampler: new AlwaysOnSampler(),
      export: { url: `${sink.endpoint}/v1/traces` },
      ...limits,
    });
    const span = provider.getTracer('t').startSpan('s', {}, ROOT_CONTEXT);
    fill(span);
    span.end();
    await provider.shutdown();
    return sink.spans.at(-1)!;
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
  }
}

/** Every variable with the span's fields that it limits: with how many of 10, and how many are dropped. */
const counts: readonly [env: Record<string, string>, attributes: number, ofEvent: number, ofLink: number][] = [
  [{}, 10, 10, 10],
  [{ OTEL_ATTRIBUTE_COUNT_LIMIT: '4' }, 4, 4, 4],
  [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '4' }, 4, 10, 10],
  [{ OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: '4' }, 10, 4, 10],
  [{ OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: '4' }, 10, 10, 4],
  [{ OTEL_ATTRIBUTE_COUNT_LIMIT: '4', OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '6' }, 6, 4, 4],
  [{ OTEL_ATTRIBUTE_COUNT_LIMIT: '4', OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: '6' }, 4, 6, 4],
  [{ OTEL_ATTRIBUTE_COUNT_LIMIT: '4', OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: '6' }, 4, 4, 6],
  [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '0', OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: '0' }, 0, 0, 10],
  [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '10' }, 10, 10, 10],
  [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '', OTEL_ATTRIBUTE_COUNT_LIMIT: ' ' }, 10, 10, 10],
  [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: 'four', OTEL_ATTRIBUTE_COUNT_LIMIT: '-1' }, 10, 10, 10],
];
for (const [env, attributes, ofEvent, ofLink] of counts) {
  test(`of ten attributes each, a span keeps ${attributes}, an event ${ofEvent} and a link ${ofLink} with ${JSON.stringify(env)}`, async () => {
    const span = await send((open) => {
      open
        .setAttributes(numbered(10))
        .addEvent('e', numbered(10))
        .addLink({ context: linked, attributes: numbered(10) });
    }, env);
    assert.deepEqual(span.attributes, numbered(attributes));
    assert.equal(span.droppedAttributes, 10 - attributes);
    assert.deepEqual(span.events[0]!.attributes, numbered(ofEvent));
    assert.equal(span.events[0]!.droppedAttributes, 10 - ofEvent);
    assert.deepEqual(span.links[0]!.attributes, numbered(ofLink));
    assert.equal(span.links[0]!.droppedAttributes, 10 - ofLink);
  });
}

test('of ten events and links, the first that the limits allow are kept, the others are counted', async () => {
  const env = { OTEL_SPAN_EVENT_COUNT_LIMIT: '3', OTEL_SPAN_LINK_COUNT_LIMIT: '0' };
  const span = await send((open) => {
    for (let index = 0; index < 10; index++) open.addEvent(`e${index}`).addLink({ context: linked });
  }, env);
  assert.deepEqual(
    span.events.map(({ name }) => name),
    ['e0', 'e1', 'e2'],
  );
  assert.deepEqual([span.droppedEvents, span.links.length, span.droppedLinks], [7, 0, 10]);
});

test('an attribute that is set again is no new one, even at the limit', async () => {
  const span = await send((open) => open.setAttributes(numbered(2)).setAttribute('k1', 'again'), {
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '2',
  });
  assert.deepEqual([span.attributes, span.droppedAttributes], [{ k0: 0, k1: 'again' }, 0]);
});

const lengths: readonly [why: string, value: unknown, kept: unknown][] = [
  ['a text of four characters stays', 'abcd', 'abcd'],
  ['a text of five is cut', 'abcde', 'abcd'],
  ['the texts of an array are cut, each by itself', ['abcde', 'ab'], ['abcd', 'ab']],
  ['the texts of a map are cut, however deep', { a: { b: ['abcde'] } }, { a: { b: ['abcd'] } }],
  ['numbers and booleans stay', [123_456, true], [123_456, true]],
  ['bytes stay', new Uint8Array([1, 2, 3, 4, 5]), Buffer.from([1, 2, 3, 4, 5])],
  ['half of a character is not left over', 'abc😀', 'abc'],
  ['a whole character at the end stays', 'ab😀c', 'ab😀'],
];
for (const [why, value, kept] of lengths) {
  test(`with a limit of four characters ${why}`, async () => {
    for (const env of [
      { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '4' },
      { OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '4', OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '1' },
    ]) {
      const span = await send((open) => {
        open.setAttribute('v', value as string).addEvent('e', { v: value as string });
        open.addLink({ context: linked, attributes: { v: value as string } });
      }, env);
      assert.deepEqual(
        [span.attributes.v, span.events[0]!.attributes.v, span.links[0]!.attributes.v],
        [kept, kept, kept],
      );
      // What is cut is not dropped.
      assert.equal(span.droppedAttributes, 0);
    }
  });
}

test('limits that the code gives win over the environment, one by one', async () => {
  const env = { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '1', OTEL_SPAN_EVENT_COUNT_LIMIT: '1' };
  const span = await send(
    (open) => open.setAttributes({ a: 'abcdef', b: 2, c: 3 }).addEvent('one').addEvent('two'),
    env,
    { limits: { attributes: 2, attributeValueChars: 3 } },
  );
  assert.deepEqual([span.attributes, span.droppedAttributes], [{ a: 'abc', b: 2 }, 1]);
  assert.deepEqual([span.events.length, span.droppedEvents], [1, 1]);
});

test('that something was dropped is said once for each kind, with the variable that allows more', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { trace } from '@opentelemetry/api';
     const context = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
     for (const name of ['first', 'second']) {
       const span = trace.getTracer('t').startSpan(name);
       for (const k of 'abcd') {
         span.setAttribute(k, 1).addEvent(k, { a: 1, b: 2, c: 3 }).addLink({ context, attributes: { a: 1, b: 2, c: 3 } });
       }
       span.end();
     }`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_ATTRIBUTE_COUNT_LIMIT: '2',
    OTEL_SPAN_EVENT_COUNT_LIMIT: '1',
    OTEL_SPAN_LINK_COUNT_LIMIT: '3',
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.deepEqual(app.notices.slice(1).sort(), [
    'clew: the span "first" has more than 1 events: the rest is dropped, and counted in the span. OTEL_SPAN_EVENT_COUNT_LIMIT allows more. Said once',
    'clew: the span "first" has more than 2 attributes of a link: the rest is dropped, and counted in the span. OTEL_LINK_ATTRIBUTE_COUNT_LIMIT allows more. Said once',
    'clew: the span "first" has more than 2 attributes of an event: the rest is dropped, and counted in the span. OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT allows more. Said once',
    'clew: the span "first" has more than 2 attributes: the rest is dropped, and counted in the span. OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT allows more. Said once',
    'clew: the span "first" has more than 3 links: the rest is dropped, and counted in the span. OTEL_SPAN_LINK_COUNT_LIMIT allows more. Said once',
  ]);
});
