import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatCondition } from '@clew/model';
import { type AttributeValue, encodeAttributes } from '@clew/wire';
import fc from 'fast-check';
import type { RawParameters } from '#src/query/parameters.js';
import { searchTraces } from '#src/query/search.js';
import { parseSearch } from '#src/query/search-request.js';
import { migrate } from '#src/store/migrations.js';
import { type EngineFixture, insertSpans, startEngineFixture, type TestSpan, traceIdOf } from './store-fixture.js';

const nowMs = 1_700_000_000_000;

let fixture: EngineFixture;

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
});

after(async () => {
  await fixture.stop();
});

/** The numbers of the traces that are found. */
async function find(raw: RawParameters): Promise<number[]> {
  const { traces } = await searchTraces(fixture.client, parseSearch({ start: String(nowMs - 20_000), ...raw }, nowMs));
  return traces.map(({ traceId }) => Number.parseInt(traceId, 16));
}

/** A map literal with one value of an attribute as OTLP has it. */
function otherOf(key: string, value: AttributeValue): string {
  const bytes = encodeAttributes(0x0a, ['', value]);
  const afterLength = (from: number): number => bytes.findIndex((byte, index) => index >= from && byte < 0x80) + 1;
  // Tag and length; an empty key; the tag of the value and its length.
  const start = afterLength(afterLength(1) + 3);
  return `map('${key}', unhex('${Buffer.from(bytes.subarray(start)).toString('hex')}'))`;
}

describe('conditions on attributes', () => {
  const spans: readonly Partial<TestSpan>[] = [
    { trace: 1, others: otherOf('accept', ['text/html', '*/*']) },
    { trace: 2, others: otherOf('numbers', [1, 2.5, -7n, 9_007_199_254_740_993n]) },
    { trace: 3, others: otherOf('flags', [true, false]) },
    { trace: 4, others: otherOf('map', { user: { id: 'u-1' }, list: ['deep'], n: 5 }) },
    { trace: 5, others: otherOf('bytes', new Uint8Array([0xde, 0xad, 0xbe, 0xef])) },
    { trace: 6, others: "map('nothing', '')" },
    { trace: 7, doubles: "map('ratio', nan)" },
    { trace: 8, doubles: "map('ratio', inf)" },
    { trace: 9, doubles: "map('ratio', -inf)" },
    { trace: 10, doubles: "map('ratio', -0.)" },
    { trace: 11, ints: "map('big', 9007199254740993)" },
    { trace: 12, doubles: "map('big', 9007199254740992)" },
    { trace: 13, doubles: "map('big', 1.2345678901234567e20)" },
    { trace: 14, strings: "map('a=b', 'x', 'c>', '5', '', 'unnamed')" },
    { trace: 15, strings: "map('plain', 'NaN')" },
    { trace: 16, others: otherOf('empty', []) },
    { trace: 17, strings: "map('accept', 'text/html')" },
    { trace: 18, others: otherOf('empties', ['', null]) },
  ];

  before(async () => {
    await insertSpans(
      fixture.client,
      spans.map((span, index) => ({
        ...{
          trace: 0,
          span: index + 1,
          service: 'attributes',
          name: 'x',
          startMs: nowMs - 1000 - index,
          durationNs: 1,
        },
        ...span,
      })),
    );
  });

  const cases: readonly [attribute: string, found: readonly number[], why: string][] = [
    ['accept=text/html', [1, 17], 'an element of an array, and a string'],
    ['accept=*/*', [1], 'another element'],
    ['accept=text/htm', [], 'a part of an element'],
    ['accept=["text/html","*/*"]', [1], 'the whole array as JSON'],
    ['accept=["text/html"]', [], 'a part of the array as JSON'],
    ['numbers=1', [2], 'an integer in an array'],
    ['numbers=2.5', [2], 'a double in an array'],
    ['numbers=-7', [2], 'a negative integer in an array'],
    ['numbers=9007199254740993', [2], 'an integer beyond 2^53 in an array'],
    ['numbers=9007199254740992', [], 'its neighbour'],
    ['numbers=7', [], 'an integer that is not in it'],
    ['numbers=[1,2.5,-7,9007199254740993]', [2], 'a whole array with an integer beyond 2^53'],
    ['numbers=[1,2.5,-7,9007199254740992]', [], 'its neighbour in the whole array'],
    ['flags=true', [3], 'a boolean in an array'],
    ['map=u-1', [4], 'a value of a map in a map'],
    ['map=deep', [4], 'an element of an array in a map'],
    ['map=5', [4], 'an integer in a map'],
    ['map={"user":{"id":"u-1"},"list":["deep"],"n":5}', [4], 'a map as JSON'],
    ['bytes=3q2+7w==', [5], 'bytes as base64'],
    ['bytes=de ad be ef', [5], 'bytes as hex'],
    ['bytes=DEADBEEF', [5], 'bytes as hex without spaces'],
    ['bytes=deadbe', [], 'a part of bytes'],
    ['nothing=', [6], 'an attribute without a value'],
    ['ratio=NaN', [7], 'not a number'],
    ['ratio=nan', [7], 'as completion writes it'],
    ['ratio=Infinity', [8], 'infinity'],
    ['ratio=inf', [8], 'as completion writes it'],
    ['ratio=-Infinity', [9], 'negative infinity'],
    ['ratio=0', [10], 'both zeros are equal'],
    ['ratio=-0', [10], 'both zeros are equal'],
    ['big=9007199254740993', [11], 'an integer that a double cannot hold'],
    ['big=9007199254740992', [12], 'a double beyond 2^53'],
    ['big=123456789012345670000', [13], 'a double as completion writes it'],
    ['big=1.2345678901234567e20', [13], 'a double with an exponent'],
    ['"a=b"=x', [14], 'a key with an equals sign'],
    ['"c>"=5', [14], 'a key that ends like an operator'],
    ['""=unnamed', [14], 'an empty key'],
    ['plain=NaN', [15], 'a string that reads like a number'],
    ['empty=[]', [16], 'an empty array as JSON'],
    ['empties=', [18], 'an empty text in an array'],
  ];
  for (const [attribute, found, why] of cases) {
    test(`${attribute} finds ${found.join(' and ') || 'nothing'}: ${why}`, async () => {
      assert.deepEqual(await find({ service: 'attributes', attribute }), found);
    });
  }

  test('arrays of any values are found by each element, and by no other value', async () => {
    const value = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.string({ minLength: 120, maxLength: 300 }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.boolean(),
    );
    const arrays = fc.sample(fc.array(value, { minLength: 1, maxLength: 4 }), 12);
    await insertSpans(
      fixture.client,
      arrays.map((values, index) => ({
        ...{ trace: 0x1000 + index, span: 1, service: 'any', name: 'x', startMs: nowMs - 1 - index, durationNs: 1 },
        others: otherOf('k', values),
      })),
    );
    for (const each of new Set([...arrays.flat(), ...fc.sample(value, 5)].map(String))) {
      const found = await find({ service: 'any', attribute: formatCondition({ key: 'k', value: each }) });
      const expected = arrays.flatMap((values, index) => (values.map(String).includes(each) ? [0x1000 + index] : []));
      assert.deepEqual(found, expected, JSON.stringify(each));
    }
  });
});

describe('conditions on fields of a span', () => {
  before(async () => {
    const at = { service: 'fields', startMs: nowMs - 1000 };
    await insertSpans(fixture.client, [
      { ...at, trace: 31, span: 1, name: 'fails', durationNs: 5, kind: 2, isError: true },
      { ...at, trace: 32, span: 2, name: 'works', durationNs: 5, kind: 3, startMs: nowMs - 1001 },
      { ...at, trace: 33, span: 3, name: 'tag', durationNs: 5, bools: "map('error', true)", startMs: nowMs - 1002 },
      { ...at, trace: 34, span: 4, name: 'backwards', durationNs: -60e9, startMs: nowMs - 1003 },
    ]);
  });

  const cases: readonly [raw: RawParameters, found: readonly number[], why: string][] = [
    [{ status: 'error' }, [31], 'the status'],
    [{ status: 'ERROR' }, [31], 'the status in capitals'],
    [{ status: 'ok' }, [], 'a status that no span has'],
    [{ kind: 'server' }, [31], 'the kind'],
    [{ kind: 'client', status: 'unset' }, [32], 'both'],
    [{ attribute: 'error=true' }, [31, 33], "Jaeger's tag, as status and as attribute"],
    [{ attribute: 'span.kind=client' }, [32], "Jaeger's tag of the kind"],
    [{ attribute: 'otel.status_code=ERROR' }, [31], 'the tag of exporters'],
    [{ attribute: 'span.kind=nothing' }, [], 'a kind that does not exist'],
    [{ minDuration: '0ns' }, [31, 32, 33, 34], 'a span that ends before it starts lasts 0'],
    [{ maxDuration: '0ns' }, [34], 'a span that ends before it starts lasts 0'],
    [{ minDuration: '1ns' }, [31, 32, 33], 'not a negative duration'],
  ];
  for (const [raw, found, why] of cases) {
    test(`${JSON.stringify(raw)} finds ${found.join(', ')}: ${why}`, async () => {
      assert.deepEqual(await find({ service: 'fields', ...raw }), found);
    });
  }

  test('a trace of spans that end before they start lasts 0', async () => {
    const search = parseSearch({ service: 'fields', maxDuration: '0ns' }, nowMs);
    const [trace] = (await searchTraces(fixture.client, search)).traces;
    assert.equal(trace?.durationNs, 0);
  });
});

describe('pages of a search', () => {
  /** A minute begins. */
  const baseMs = nowMs - (nowMs % 60_000) - 600_000;

  interface Spans {
    readonly trace: number;
    /** Nanoseconds after the beginning, of each of its spans. */
    readonly startsNs: readonly bigint[];
  }

  async function insert(service: string, traces: readonly Spans[]): Promise<void> {
    const rows = traces.flatMap(({ trace, startsNs }) =>
      startsNs.map(
        (startNs, index) =>
          `(unhex('${traceIdOf(trace)}'), unhex('${(index + 1).toString(16).padStart(16, '0')}'), '${service}', 'x',
          fromUnixTimestamp64Nano(toInt64(${BigInt(baseMs) * 1_000_000n + startNs}), 'UTC'), 1)`,
      ),
    );
    await fixture.client.command({
      query: `INSERT INTO spans (trace_id, span_id, service, name, start, duration_ns) VALUES ${rows.join(', ')}`,
    });
  }

  async function* readPages(raw: RawParameters): AsyncGenerator<readonly number[]> {
    for (let cursor: string | undefined; ; ) {
      const search = parseSearch({ ...raw, ...(cursor !== undefined && { cursor }) }, nowMs);
      const { traces, next, hasMore } = await searchTraces(fixture.client, search);
      assert.equal(hasMore, next !== undefined);
      yield traces.map(({ traceId }) => Number.parseInt(traceId, 16));
      if (next === undefined) return;
      cursor = next;
    }
  }

  async function readAll(raw: RawParameters): Promise<number[]> {
    const all: number[] = [];
    const window = { start: String(baseMs), end: String(baseMs + 200_000) };
    for await (const page of readPages({ ...window, ...raw })) all.push(...page);
    return all;
  }

  test('have all traces of one nanosecond and of one millisecond, whatever their size', async () => {
    const traces = Array.from({ length: 60 }, (_, index) => ({
      trace: 0x2000 + index,
      startsNs: [BigInt(index % 20 < 10 ? 5 : index)],
    }));
    await insert('one-ms', traces);
    for (const limit of ['7', '59', '60', '61']) {
      const all = await readAll({ service: 'one-ms', limit });
      assert.equal(all.length, 60, `limit ${limit}`);
      assert.equal(new Set(all).size, 60, `limit ${limit}`);
    }
  });

  test('have all traces, each once and in order, of any traces and pages', async () => {
    let run = 0;
    // Spread over nanoseconds, milliseconds, and the minutes in which rows are sorted and slices begin.
    const start = fc
      .tuple(fc.constantFrom(1n, 1_000_000n, 1_000_000_000n, 60_000_000_000n), fc.bigInt({ min: 0n, max: 3n }))
      .map(([unit, count]) => unit * count);
    const startsOfTrace = fc.array(start, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(startsOfTrace, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 2, max: 9 }),
        async (starts, limit) => {
          run++;
          const service = `paged-${run}`;
          const traces = starts.map((startsNs, index) => ({ trace: 0x10_0000 + run * 0x100 + index, startsNs }));
          await insert(service, traces);
          const newest = ({ startsNs }: Spans): bigint => [...startsNs].sort((a, b) => Number(b - a))[0]!;
          const expected = [...traces].sort((a, b) => Number(newest(b) - newest(a)) || a.trace - b.trace);
          const raw = { service, limit: String(limit) };
          assert.deepEqual(
            await readAll(raw),
            expected.map(({ trace }) => trace),
          );
          const repeated = await readAll({ ...raw, allowRepeats: 'true' });
          assert.deepEqual(
            [...new Set(repeated)],
            expected.map(({ trace }) => trace),
          );
        },
      ),
      { numRuns: 6 },
    );
  });

  test('with repeats, a trace that gets a newer span between two pages is not lost', async () => {
    await insert('growing', [
      { trace: 0x51, startsNs: [30n] },
      { trace: 0x52, startsNs: [20n] },
      { trace: 0x53, startsNs: [10n] },
    ]);
    const seen: number[] = [];
    for await (const page of readPages({ service: 'growing', limit: '1', allowRepeats: 'true' })) {
      if (seen.length === 0) await insert('growing', [{ trace: 0x52, startsNs: [40n] }]);
      seen.push(...page);
    }
    assert.deepEqual(seen, [0x51, 0x52, 0x53]);
  });

  test('go on in the window of the first one, also when time has passed', async () => {
    await insert('last-hour', [
      { trace: 0x61, startsNs: [1n] },
      { trace: 0x62, startsNs: [0n] },
    ]);
    const search = parseSearch({ service: 'last-hour', limit: '1' }, nowMs);
    const { next = '' } = await searchTraces(fixture.client, search);
    const later = parseSearch({ service: 'last-hour', cursor: next }, nowMs + 7_200_000);
    const { traces, start, end } = await searchTraces(fixture.client, later);
    assert.deepEqual([traces.length, start, end], [1, search.startMs, search.endMs]);
  });
});

describe('times', () => {
  for (const [name, ms] of [
    ['1970', 1],
    ['2105', 4_260_000_000_000],
    ['2106, after the 32 bits of seconds', 4_300_000_000_000],
    ['2150, after the 16 bits of days', 5_700_000_000_000],
    ['2261', 9_197_366_400_123],
    ['2262, the last millisecond', 9_223_372_036_854],
  ] as const) {
    test(`a span of ${name} is found in a window that holds it, and not in one beside it`, async () => {
      const service = `at-${ms}`;
      const span = { trace: 71, span: 1, service, name: 'x', startMs: ms, durationNs: 1 };
      await insertSpans(fixture.client, [span]);
      assert.deepEqual(await find({ service, start: '0', end: '9223372036854' }), [71]);
      assert.deepEqual(await find({ service, start: String(ms), end: String(ms) }), [71]);
      assert.deepEqual(await find({ service, start: '0', end: String(ms - 1) }), []);
    });
  }
});
