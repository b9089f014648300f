import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { detailsOf, keyValueToJson, tableFromNative } from '@clew/model';
import { type KeyValue, otlpJsonToProtobuf } from '@clew/wire';
import { createLogger } from '#src/log.js';
import { listAttributeValues } from '#src/query/attribute-catalog.js';
import { openTrace } from '#src/query/trace.js';
import type { DataControl } from '#src/retain/data-control.js';
import { Redactions } from '#src/retain/redactions.js';
import { Rollup } from '#src/rollup/rollup.js';
import { insertBlocks } from '#src/store/insert.js';
import { migrate } from '#src/store/migrations.js';
import { TraceTranscoder } from '#src/transcode/trace-transcoder.js';
import { openDataControl } from './data-fixture.js';
import { type EngineFixture, fetchLines, startEngineFixture, traceIdOf } from './store-fixture.js';

let fixture: EngineFixture;
let data: DataControl;
let nextTrace = 1;
const startMs = Date.parse('2026-11-25T12:00:00Z');

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
  data = await openDataControl({ client: fixture.client, dataDir: fixture.dataDir });
});

after(async () => {
  await fixture.stop();
});

interface Attribute {
  readonly key: string;
  readonly value: object;
}

const text = (key: string, stringValue: string): Attribute => ({ key, value: { stringValue } });

/** Stores a trace of one span whose every place for attributes has these; gives its id. */
async function store(attributes: readonly Attribute[], timeMs = startMs): Promise<string> {
  const traceId = traceIdOf(nextTrace++);
  const ns = `${timeMs}000000`;
  const span = {
    traceId,
    spanId: '00000000000000aa',
    name: 'GET /',
    kind: 3,
    startTimeUnixNano: ns,
    endTimeUnixNano: ns,
    attributes,
    events: [
      { timeUnixNano: ns, name: 'one', attributes },
      { timeUnixNano: ns, name: 'two', attributes: [] },
    ],
    links: [{ traceId, spanId: '00000000000000bb', attributes }],
  };
  const scope = { name: 'test', attributes };
  // A resource of its own for every trace: what is shared is looked at apart.
  const resource = { attributes: [text('service.name', 'shop'), text('id', traceId), ...attributes] };
  const transcoder = new TraceTranscoder();
  const json = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] });
  transcoder.transcode(otlpJsonToProtobuf(new TextEncoder().encode(json)));
  const blocks = transcoder.takeBlocks()!;
  await insertBlocks(fixture.client, 'resources', [blocks.resources], `${traceId}-resources`);
  await insertBlocks(fixture.client, 'spans', [blocks.spans], `${traceId}-spans`);
  return traceId;
}

/** The attributes of the span as its readers see them, in the order of their keys. */
async function read(traceId: string) {
  const native = Buffer.concat(await (await openTrace(fixture.client, traceId)).toArray());
  const details = detailsOf(tableFromNative(new Uint8Array(native)), 0);
  const byKey = (attributes: readonly KeyValue[]) =>
    attributes.map(keyValueToJson).sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    span: byKey(details.attributes),
    scope: byKey(details.scope.attributes),
    events: details.events.map(({ attributes }) => byKey(attributes)),
    links: details.links.map(({ attributes }) => byKey(attributes)),
    resource: byKey(details.resource).filter(({ key }) => key !== 'id' && key !== 'service.name'),
  };
}

async function redact(body: object): Promise<void> {
  const { id } = await data.redact(body);
  for (;;) {
    const { redactions } = await data.listRedactions();
    const redaction = redactions.find((each) => each.id === id)!;
    assert.equal(redaction.error, null);
    if (redaction.isDone) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const hidden = (key: string): Attribute => text(key, '[redacted]');

/** Every table of the database is looked at, so that one that is added cannot be forgotten. */
async function findTablesWith(value: string): Promise<string[]> {
  const tables = await fetchLines(
    fixture.client,
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name",
  );
  assert.ok(tables.length > 10);
  const found: string[] = [];
  for (const table of tables) {
    const { stream } = await fixture.client.exec({ query: `SELECT * FROM ${table} FORMAT Native` });
    if (Buffer.concat(await stream.toArray()).includes(value)) found.push(table);
  }
  return found;
}

describe('a redaction', () => {
  const values: readonly object[] = [
    { stringValue: 'ada@example.org' },
    { stringValue: '' },
    { stringValue: 'x\n'.repeat(500) },
    { intValue: -1 },
    { doubleValue: 0.5 },
    { boolValue: true },
    { arrayValue: { values: [{ stringValue: 'a' }] } },
    { bytesValue: 'AAo=' },
    {},
  ];
  test('replaces values of every type wherever an attribute can be, and nothing beside them', async () => {
    const others = [text('a', 'secret'), { key: 'n', value: { intValue: '7' } }, text('z', 'line\n\nline')];
    const traces: string[] = [];
    for (const value of values)
      traces.push(await store([others[0]!, { key: 'secret', value }, others[1]!, others[2]!]));
    await redact({ key: 'secret' });
    const expected = [others[0], others[1], hidden('secret'), others[2]];
    for (const [i, traceId] of traces.entries()) {
      const found = { span: expected, scope: expected, events: [expected, []], links: [expected], resource: expected };
      assert.deepEqual(await read(traceId), found, JSON.stringify(values[i]).slice(0, 40));
    }
  });

  test('a list that is too long is cut off where its rest may hold the attribute, and kept where it may not', async () => {
    const many = Array.from({ length: 300 }, (_, i) => text(`k${String(i).padStart(4, '0')}`, 'v'));
    const early = await store([text('pin', '1234'), ...many]);
    const late = await store([...many, text('pin', '1234')]);
    await redact({ key: 'pin' });
    assert.deepEqual((await read(early)).events[0], [...many, hidden('pin')]);
    const [cut] = (await read(late)).events;
    assert.deepEqual(cut, many.slice(0, 256));
    assert.deepEqual((await read(late)).span, [...many, hidden('pin')], 'maps know no such bound');
  });

  test('leaves keys alone that only look like it, and what stands inside another value', async () => {
    const attributes = [
      text('token', 'kept'),
      text('user.tokens', 'kept'),
      text('Token', 'kept'),
      { key: 'map', value: { kvlistValue: { values: [text('user.token', 'inside')] } } },
      text('note', 'user.token'),
    ];
    const traceId = await store(attributes);
    const before = await read(traceId);
    await redact({ key: 'user.token' });
    assert.deepEqual(await read(traceId), before);
  });

  test('of a value replaces that one, of whatever type it is', async () => {
    const plain = await store([text('user.id', '42')]);
    const number = await store([{ key: 'user.id', value: { intValue: 42 } }]);
    const double = await store([{ key: 'user.id', value: { doubleValue: 42 } }]);
    const other = await store([text('user.id', '421')]);
    await redact({ key: 'user.id', value: '42' });
    for (const traceId of [plain, number, double]) {
      const { span, events, resource } = await read(traceId);
      assert.deepEqual([span, events[0], resource], Array(3).fill([hidden('user.id')]), traceId);
    }
    const { span, events, resource } = await read(other);
    assert.deepEqual([span, events[0], resource], Array(3).fill([text('user.id', '421')]));
  });

  test('of a window includes its ends, and leaves resources as they are: they belong to spans of any time', async () => {
    const at = [startMs - 1, startMs, startMs + 5, startMs + 6];
    const traces: string[] = [];
    for (const timeMs of at) traces.push(await store([text('card', '4111')], timeMs));
    await redact({ key: 'card', start: startMs, end: startMs + 5 });
    const found: string[] = [];
    for (const traceId of traces) {
      const { span, resource } = await read(traceId);
      found.push((span[0]!.value as { stringValue: string }).stringValue);
      assert.deepEqual(resource, [text('card', '4111')]);
    }
    assert.deepEqual(found, ['4111', '[redacted]', '[redacted]', '4111']);
  });

  test('a key with quotes, braces and backslashes is a key', async () => {
    const key = 'it\'s {a:String} \\ "key" \u{1f9f6}';
    const traceId = await store([text(key, 'x')]);
    await redact({ key });
    assert.deepEqual((await read(traceId)).events[0], [hidden(key)]);
    assert.deepEqual((await read(traceId)).span, [hidden(key)]);
  });

  test('is found by a search as what it is now, and no longer as what it was', async () => {
    await store([text('email', 'ada@example.org')]);
    await redact({ key: 'email' });
    const count = (value: string) =>
      fetchLines(fixture.client, `SELECT count() FROM spans WHERE attr_string['email'] = '${value}'`);
    assert.deepEqual(await count('ada@example.org'), ['0']);
    assert.deepEqual(await count('[redacted]'), ['1']);
  });

  test('leaves the value in no table, whatever is computed from spans, and nothing beside it is lost', async () => {
    const secret = 'alice@example.com';
    const rollup = new Rollup({ client: fixture.client, log: createLogger('silent') });
    for (const key of ['user.mail', 'peer.service', 'db.namespace']) {
      await store([text(key, secret), text('db.system.name', 'redis'), text('beside', 'kept')]);
    }
    await rollup.run();
    const valuesOf = async (key: string) => {
      const window = { startMs: startMs - 1, endMs: startMs + 1, prefix: '', limit: 100 };
      return (await listAttributeValues(fixture.client, { ...window, key })).values.map(({ value }) => value);
    };
    assert.deepEqual(await valuesOf('user.mail'), [secret]);
    const tables = await findTablesWith(secret);
    for (const table of ['attribute_values', 'resources', 'service_edges', 'spans'])
      assert.ok(tables.includes(table), table);
    await redact({ key: 'user.mail' });
    await redact({ key: 'peer.service', value: secret });
    await redact({ key: 'db.namespace', value: secret });
    assert.deepEqual(await findTablesWith(secret), []);
    const edges = () =>
      fetchLines(
        fixture.client,
        "SELECT server, calls FROM service_edges FINAL WHERE connection_type = 'database' ORDER BY server",
      );
    assert.deepEqual(await edges(), ['[redacted]\t2', 'redis\t1']);
    await rollup.run();
    assert.deepEqual(await findTablesWith(secret), []);
    assert.deepEqual(await valuesOf('user.mail'), ['[redacted]']);
    assert.deepEqual(await valuesOf('beside'), ['kept']);
    await rollup.stop();
  });

  test('that an older version has left without its catalogue is finished after the start', async () => {
    const path = join(fixture.dataDir, 'redactions-of-an-older-version.json');
    await fixture.client.command({
      query:
        "INSERT INTO attribute_values VALUES ('2026-11-25', 'old.key', 'string', 'bob'), ('2026-11-25', 'n', 'double', '42')",
    });
    const records = ['old.key', 'n'].map((key, i) => ({
      id: String(i).repeat(16),
      key,
      start: null,
      end: null,
      value: key === 'n' ? '4.2e1' : null,
      createdMs: 1,
    }));
    await writeFile(path, JSON.stringify(records));
    const redactions = await Redactions.open(fixture.client, path, createLogger('silent'));
    assert.deepEqual(
      (await redactions.list()).redactions.map(({ isDone }) => isDone),
      [false, false],
    );
    redactions.resume();
    while ((await redactions.list()).redactions.some(({ isDone }) => !isDone));
    await redactions.stop();
    // Spans of tests before this one have other values under the second key.
    const left = "SELECT count() FROM attribute_values WHERE (key, value) IN (('old.key', 'bob'), ('n', '42'))";
    assert.deepEqual(await fetchLines(fixture.client, left), ['0']);
  });

  test('is remembered over a restart, the newest first', async () => {
    const known = (await data.listRedactions()).redactions;
    const again = await openDataControl({ client: fixture.client, dataDir: fixture.dataDir });
    assert.deepEqual((await again.listRedactions()).redactions, known);
    assert.ok(known.length > 1);
    assert.deepEqual(
      known,
      known.toSorted((one, other) => other.createdMs - one.createdMs),
    );
    assert.ok(known.every(({ isDone, partsToDo }) => isDone && partsToDo === 0));
  });

  for (const [body, message] of [
    [{}, /key is undefined/],
    [{ key: '' }, /key is "".*1 to 1000/],
    [{ key: 'k'.repeat(1001) }, /key is/],
    [{ key: 'k', value: 1 }, /value is 1/],
    [{ key: 'k', start: '2026' }, /start is "2026"/],
    [{ key: 'k', start: 2, end: 1 }, /start is 2.*at most the end, 1/],
    [{ key: 'k', keys: [] }, /no parameter keys/],
    [[], /body is/],
  ] as const) {
    test(`${JSON.stringify(body).slice(0, 40)} is refused`, async () => {
      await assert.rejects(data.redact(body), { status: 400, message });
    });
  }
});
