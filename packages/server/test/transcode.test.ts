import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MalformedProtobufError, otlpJsonToProtobuf, readKeyValueList } from '@clew/wire';
import { SpanKind, TraceFlags } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { Session } from 'chdb';
import fc from 'fast-check';
import { readMigrations } from '#src/store/migrations.js';
import { TraceTranscoder } from '#src/transcode/trace-transcoder.js';

let directory: string;
let session: Session;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clew-transcode-'));
  session = new Session(join(directory, 'db'));
  await session.queryAsync('CREATE DATABASE IF NOT EXISTS clew');
  await session.queryAsync('USE clew');
  for (const { statements } of readMigrations())
    for (const statement of statements) await session.queryAsync(statement);
});

after(() => {
  session.close();
  rmSync(directory, { recursive: true });
});

/** Inserts what the transcoder holds into empty tables, as the loader does. */
async function store(transcoder: TraceTranscoder): Promise<void> {
  const blocks = transcoder.takeBlocks();
  assert.ok(blocks);
  for (const table of ['spans', 'resources'] as const) {
    const path = join(directory, `${table}.native`);
    writeFileSync(path, blocks[table]);
    await session.queryAsync(`TRUNCATE TABLE ${table}`);
    await session.queryAsync(`INSERT INTO ${table} SELECT * FROM file('${path}', Native)`);
  }
}

async function select(sql: string): Promise<Record<string, unknown>[]> {
  const result = await session.queryAsync(`${sql} SETTINGS output_format_json_quote_64bit_integers = 1`, {
    format: 'JSONEachRow',
  });
  return result
    .text()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Spans as the official SDK makes them. */
function recordSpans(): ReadableSpan[] {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop', 'process.pid': 12, ratio: 0.5, on: true, l: ['a'] }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('scope', '1.2.3');
  const root = tracer.startSpan('GET /cart', {
    kind: SpanKind.SERVER,
    startTime: [1_790_000_000, 123_456_789],
    attributes: { 'http.request.method': 'GET', 'http.response.status_code': 200, ratio: 0.25, cached: false },
  });
  const child = tracer.startSpan('work é', {
    root: true,
    startTime: [1_790_000_000, 223_456_789],
    links: [{ context: root.spanContext(), attributes: { why: 'caused' } }],
    attributes: { tags: ['x', 'y'], negative: -3, large: 2 ** 53 - 1 },
  });
  child.addEvent('exception', { 'exception.message': 'no', attempt: 2 }, [1_790_000_000, 230_000_000]);
  child.addEvent('second', {}, [1_790_000_000, 240_000_000]);
  child.setStatus({ code: 2, message: 'failed' });
  child.end([1_790_000_001, 0]);
  root.end([1_790_000_000, 323_456_790]);
  return exporter.getFinishedSpans();
}

/** Bytes of a request with one span, from OTLP JSON fields. */
function requestOf(...spans: Record<string, unknown>[]): Uint8Array {
  const request = { resourceSpans: [{ scopeSpans: [{ spans }] }] };
  return otlpJsonToProtobuf(new TextEncoder().encode(JSON.stringify(request)));
}

const traceId = '5b8efff798038103d269b633813fc60c';
const spanId = 'eee19b7ec3c1b174';

describe('the transcoder', () => {
  it('stores every field of every span that the official SDK exports', async () => {
    const spans = recordSpans();
    const transcoder = new TraceTranscoder();
    const request = ProtobufTraceSerializer.serializeRequest(spans);
    assert.ok(request);
    assert.deepEqual(transcoder.transcode(request), {
      acceptedSpans: 2,
      rejectedSpans: 0,
      rejectionReason: '',
      rejectedBy: {},
      droppedBy: {},
    });
    await store(transcoder);
    const [child, root] = spans;
    const rows = await select(`
      SELECT lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, lower(hex(parent_span_id)) AS parent, trace_state,
        bitAnd(flags, 255) AS trace_flags, name, kind, toUnixTimestamp64Nano(start) AS start_ns, duration_ns, status_code,
        status_message, service, scope_name, scope_version, scope_attributes, attr_string, attr_int, attr_double, attr_bool,
        mapKeys(attr_other) AS other_keys, arrayMap(t -> toUnixTimestamp64Nano(t), event_time) AS event_ns, event_name,
        arrayMap(b -> hex(b), event_attributes) AS event_bytes, event_dropped_attributes_count,
        arrayMap(i -> lower(hex(i)), link_trace_id) AS link_traces, arrayMap(i -> lower(hex(i)), link_span_id) AS link_spans,
        arrayMap(b -> hex(b), link_attributes) AS link_bytes, link_trace_state
      FROM spans ORDER BY start`);
    assert.equal(rows.length, 2);
    const [rootRow, childRow] = rows;
    assert.ok(root && child && rootRow && childRow);
    const { event_bytes: noEvents, link_bytes: noLinks, ...rootFields } = rootRow;
    assert.deepEqual([noEvents, noLinks], [[], []]);
    assert.deepEqual(rootFields, {
      trace: root.spanContext().traceId,
      span: root.spanContext().spanId,
      parent: '0000000000000000',
      trace_state: '',
      trace_flags: TraceFlags.SAMPLED,
      name: 'GET /cart',
      kind: 2,
      start_ns: '1790000000123456789',
      duration_ns: '200000001',
      status_code: 0,
      status_message: '',
      service: 'shop',
      scope_name: 'scope',
      scope_version: '1.2.3',
      scope_attributes: '',
      attr_string: { 'http.request.method': 'GET' },
      attr_int: { 'http.response.status_code': '200' },
      attr_double: { ratio: 0.25 },
      attr_bool: { cached: false },
      other_keys: [],
      event_ns: [],
      event_name: [],
      event_dropped_attributes_count: [],
      link_traces: [],
      link_spans: [],
      link_trace_state: [],
    });
    const { event_bytes: eventBytes, link_bytes: linkBytes, ...childFields } = childRow;
    assert.deepEqual(childFields, {
      trace: child.spanContext().traceId,
      span: child.spanContext().spanId,
      parent: '0000000000000000',
      trace_state: '',
      trace_flags: TraceFlags.SAMPLED,
      name: 'work é',
      kind: 1,
      start_ns: '1790000000223456789',
      duration_ns: '776543211',
      status_code: 2,
      status_message: 'failed',
      service: 'shop',
      scope_name: 'scope',
      scope_version: '1.2.3',
      scope_attributes: '',
      attr_string: {},
      attr_int: { negative: '-3', large: '9007199254740991' },
      attr_double: {},
      attr_bool: {},
      other_keys: ['tags'],
      event_ns: ['1790000000230000000', '1790000000240000000'],
      event_name: ['exception', 'second'],
      event_dropped_attributes_count: [0, 0],
      link_traces: [root.spanContext().traceId],
      link_spans: [root.spanContext().spanId],
      link_trace_state: [''],
    });
    const lists = [...(eventBytes as string[]), ...(linkBytes as string[])].map((hex) =>
      readKeyValueList(Buffer.from(hex, 'hex')),
    );
    assert.deepEqual(lists, [
      [
        { key: 'exception.message', value: { type: 'string', value: 'no' } },
        { key: 'attempt', value: { type: 'int', value: 2n } },
      ],
      [],
      [{ key: 'why', value: { type: 'string', value: 'caused' } }],
    ]);
  });

  it('stores a resource once, with its attributes by type and whole, and refers to it by hash', async () => {
    const transcoder = new TraceTranscoder();
    const request = ProtobufTraceSerializer.serializeRequest(recordSpans());
    assert.ok(request);
    transcoder.transcode(request);
    transcoder.transcode(request);
    await store(transcoder);
    const rows = await select(
      'SELECT resource_hash, service, attr_string, attr_int, attr_double, attr_bool, mapKeys(attr_other) AS other, hex(attributes) AS bytes FROM resources',
    );
    assert.equal(rows.length, 1);
    const { resource_hash: hash, bytes, ...fields } = rows[0]!;
    assert.deepEqual(fields, {
      service: 'shop',
      attr_string: { 'service.name': 'shop' },
      attr_int: { 'process.pid': '12' },
      attr_double: { ratio: 0.5 },
      attr_bool: { on: true },
      other: ['l'],
    });
    assert.deepEqual(
      readKeyValueList(Buffer.from(bytes as string, 'hex')).map(({ key, value }) => [key, value.type]),
      [
        ['service.name', 'string'],
        ['process.pid', 'int'],
        ['ratio', 'double'],
        ['on', 'bool'],
        ['l', 'array'],
      ],
    );
    assert.deepEqual(await select('SELECT DISTINCT resource_hash, count() AS spans FROM spans GROUP BY ALL'), [
      { resource_hash: hash, spans: '4' },
    ]);
  });

  it('stores the schema URLs and the dropped counts of resource and scope', async () => {
    const transcoder = new TraceTranscoder();
    const scope = { name: 's', droppedAttributesCount: 4_294_967_295 };
    const resourceSpans = [
      {
        resource: { droppedAttributesCount: 3 },
        schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
        scopeSpans: [
          { scope, schemaUrl: 'https://opentelemetry.io/schemas/1.27.0', spans: [{ traceId, spanId, name: 'a' }] },
          { spans: [{ traceId, spanId, name: 'b' }] },
        ],
      },
      { scopeSpans: [{ spans: [{ traceId, spanId, name: 'c' }] }] },
    ];
    transcoder.transcode(otlpJsonToProtobuf(new TextEncoder().encode(JSON.stringify({ resourceSpans }))));
    await store(transcoder);
    const none = { scope_dropped_attributes_count: 0, scope_schema_url: '' };
    const resource = { schema_url: 'https://opentelemetry.io/schemas/1.30.0', dropped_attributes_count: 3 };
    assert.deepEqual(
      await select(`SELECT spans.name AS name, scope_dropped_attributes_count, scope_schema_url, resources.schema_url AS schema_url,
        resources.dropped_attributes_count AS dropped_attributes_count
        FROM spans JOIN resources USING resource_hash ORDER BY name`),
      [
        {
          name: 'a',
          scope_dropped_attributes_count: 4_294_967_295,
          scope_schema_url: 'https://opentelemetry.io/schemas/1.27.0',
          ...resource,
        },
        { name: 'b', ...none, ...resource },
        { name: 'c', ...none, schema_url: '', dropped_attributes_count: 0 },
      ],
    );
  });

  it('finds the resource when it stands behind its spans', async () => {
    // Field 2 (scope_spans) before field 1 (resource) inside of ResourceSpans.
    const resource = {
      resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'late' } }] } }],
    };
    const content = Buffer.concat([
      stripHeader(requestOf({ traceId, spanId })),
      stripHeader(otlpJsonToProtobuf(new TextEncoder().encode(JSON.stringify(resource)))),
    ]);
    const transcoder = new TraceTranscoder();
    transcoder.transcode(Buffer.concat([Buffer.from([0x0a, content.length]), content]));
    await store(transcoder);
    assert.deepEqual(await select('SELECT service FROM spans'), [{ service: 'late' }]);
  });

  it('calls a service without a name unknown_service', async () => {
    const transcoder = new TraceTranscoder();
    transcoder.transcode(requestOf({ traceId, spanId }));
    await store(transcoder);
    assert.deepEqual(await select('SELECT service FROM spans'), [{ service: 'unknown_service' }]);
  });

  for (const [what, span, reason, field] of [
    [
      'a trace id of 15 bytes',
      { traceId: traceId.slice(2), spanId },
      /trace_id must be 16 bytes.*15 bytes, 8efff7/,
      'trace_id',
    ],
    ['a trace id of zeros', { traceId: '0'.repeat(32), spanId }, /trace_id.*not all zero/, 'trace_id'],
    ['no span id', { traceId }, /span_id must be 8 bytes, not all zero; got nothing/, 'span_id'],
    ['a span id of 9 bytes', { traceId, spanId: `${spanId}00` }, /span_id must be 8 bytes/, 'span_id'],
    [
      'a parent of 4 bytes',
      { traceId, spanId, parentSpanId: '01020304' },
      /parent_span_id must be 8 bytes or empty/,
      'parent_span_id',
    ],
    ['a start beyond 2262', { traceId, spanId, startTimeUnixNano: String(2n ** 63n) }, /beyond 2262/, 'time'],
  ] as const) {
    it(`rejects a span with ${what}, says why, and keeps the others`, async () => {
      const transcoder = new TraceTranscoder();
      // What an earlier request was rejected for is not counted again.
      transcoder.transcode(requestOf({ spanId }));
      const result = transcoder.transcode(
        requestOf({ traceId, spanId, name: 'before' }, { ...span, name: 'bad' }, { traceId, spanId, name: 'after' }),
      );
      assert.equal(result.acceptedSpans, 2);
      assert.equal(result.rejectedSpans, 1);
      assert.match(result.rejectionReason, reason);
      assert.deepEqual(result.rejectedBy, { [field]: 1 });
      await store(transcoder);
      assert.deepEqual(await select('SELECT name FROM spans ORDER BY name'), [{ name: 'after' }, { name: 'before' }]);
    });
  }

  it('keeps the last time that fits, a negative duration, and a span without an end as duration 0', async () => {
    const last = String(2n ** 63n - 1n);
    const transcoder = new TraceTranscoder();
    transcoder.transcode(
      requestOf(
        { traceId, spanId, startTimeUnixNano: last, endTimeUnixNano: last },
        { traceId, spanId, startTimeUnixNano: '2000000000000000000', endTimeUnixNano: '1999999999999999999' },
        { traceId, spanId, startTimeUnixNano: '4294967296', endTimeUnixNano: '4294967295' },
        { traceId, spanId, startTimeUnixNano: '1' },
      ),
    );
    await store(transcoder);
    assert.deepEqual(
      await select('SELECT reinterpretAsInt64(start) AS s, duration_ns AS d FROM spans ORDER BY s DESC'),
      [
        { s: last, d: '0' },
        { s: '2000000000000000000', d: '-1' },
        { s: '4294967296', d: '-1' },
        { s: '1', d: '0' },
      ],
    );
  });

  it('takes spans of a thousand days in one request; one of another day is rejected, one of the first is not', () => {
    const of = (day: number) => ({ traceId, spanId, startTimeUnixNano: String(BigInt(day) * 86_400_000_000_000n) });
    const days = Array.from({ length: 1_000 }, (_, day) => of(day));
    const transcoder = new TraceTranscoder();
    const result = transcoder.transcode(requestOf(...days, of(1_000), of(0)));
    assert.deepEqual([result.acceptedSpans, result.rejectedBy], [1_001, { time: 1 }]);
    assert.match(result.rejectionReason, /start on more than 1000 days; send smaller batches/);
    assert.equal(transcoder.transcode(requestOf(of(1_000))).rejectedSpans, 0);
  });

  it('leaves out links that point nowhere and counts them as dropped', async () => {
    const transcoder = new TraceTranscoder();
    transcoder.transcode(
      requestOf({
        traceId,
        spanId,
        droppedLinksCount: 2,
        links: [
          { traceId, spanId },
          { traceId: '00', spanId },
        ],
      }),
    );
    await store(transcoder);
    assert.deepEqual(await select('SELECT length(link_trace_id) AS links, dropped_links_count AS dropped FROM spans'), [
      { links: '1', dropped: 3 },
    ]);
  });

  it('takes back all spans of a request that breaks off, and goes on with the next', async () => {
    const whole = ProtobufTraceSerializer.serializeRequest(recordSpans());
    assert.ok(whole);
    const transcoder = new TraceTranscoder();
    transcoder.transcode(requestOf({ traceId, spanId, name: 'before' }));
    for (let length = 1; length < whole.length; length++) {
      assert.throws(() => transcoder.transcode(whole.subarray(0, length)), MalformedProtobufError, `cut at ${length}`);
    }
    transcoder.transcode(requestOf({ traceId, spanId, name: 'after' }));
    await store(transcoder);
    assert.deepEqual(await select('SELECT name FROM spans ORDER BY name'), [{ name: 'after' }, { name: 'before' }]);
  });

  it('makes blocks that the engine takes of whatever mutated bytes it accepts', async () => {
    const whole = ProtobufTraceSerializer.serializeRequest(recordSpans());
    assert.ok(whole);
    const transcoder = new TraceTranscoder();
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = whole.slice();
          for (const [position, byte] of changes) bytes[position] = byte;
          try {
            accepted += transcoder.transcode(bytes).acceptedSpans;
          } catch (error) {
            assert.ok(error instanceof MalformedProtobufError, String(error));
          }
        },
      ),
      { numRuns: 3000 },
    );
    await store(transcoder);
    assert.deepEqual(await select('SELECT count() AS spans FROM spans'), [{ spans: String(accepted) }]);
  });

  it('keeps no resource of requests whose spans were all rejected', async () => {
    const transcoder = new TraceTranscoder();
    transcoder.transcode(requestOf({ spanId }));
    assert.equal(transcoder.takeBlocks(), null);
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'kept' } }] };
    const request = { resourceSpans: [{ resource, scopeSpans: [{ spans: [{ traceId, spanId }] }] }] };
    transcoder.transcode(otlpJsonToProtobuf(new TextEncoder().encode(JSON.stringify(request))));
    await store(transcoder);
    assert.deepEqual(await select('SELECT service FROM resources'), [{ service: 'kept' }]);
  });

  it('has nothing to take after everything was taken', () => {
    const transcoder = new TraceTranscoder();
    assert.equal(transcoder.takeBlocks(), null);
    transcoder.transcode(requestOf({ traceId, spanId }));
    assert.equal(transcoder.takeBlocks()?.spanCount, 1);
    assert.equal(transcoder.takeBlocks(), null);
  });
});

/** The content of the first field of a message whose tag is one byte. */
function stripHeader(message: Uint8Array): Uint8Array {
  let position = 1;
  while (message[position++]! > 0x7f);
  return message.subarray(position);
}
