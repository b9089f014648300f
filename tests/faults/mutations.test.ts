import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { otlpJsonToProtobuf } from '@clew/wire';
import {
  type ClewServer,
  enginePid,
  isAlive,
  killAll,
  listSetAside,
  readMemory,
  type ServerAddresses,
  type StartingServer,
  spawnServer,
  waitForEmptySpool,
} from './clew-server.ts';
import { mutateJson, mutateProtobuf } from './inner-mutations.ts';
import { mutate } from './mutations.ts';
import { createTrace, expectAllOnce, sendNext } from './numbered-spans.ts';
import { Pipeline } from './pipeline.ts';
import { countFromEnv, createRandom, type Random, seed } from './random.ts';

const total = countFromEnv('CLEW_FAULT_MUTATIONS', 10_000);
const connections = 4;

/** Of the server's process, at any time; with nothing to do it holds about 150. */
const maxServerMib = 600;
/** Of the engine's; docs/reliability.md has what is measured. */
const maxEngineMib = 1500;

interface Format {
  readonly name: string;
  readonly contentType: string;
  readonly url: (addresses: ServerAddresses) => string;
  /** Real requests, to be mutated. */
  readonly requests: readonly Buffer[];
  /** A change inside of a request whose frame stays whole. */
  readonly mutateInside: (request: Buffer, random: Random) => Buffer;
}

const startNs = 1_790_000_000_000_000_000n;
const everyKind = [
  { key: 'http.request.method', value: { stringValue: 'GET' } },
  { key: 'http.response.status_code', value: { intValue: '200' } },
  { key: 'ratio', value: { doubleValue: 0.25 } },
  { key: 'cached', value: { boolValue: true } },
  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: -1 }] } } },
  { key: 'map', value: { kvlistValue: { values: [{ key: 'inner', value: { bytesValue: 'AAEC' } }] } } },
];

function otlpRequest(spanCount: number): string {
  const spans = Array.from({ length: spanCount }, (_, i) => ({
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: (i + 1).toString(16).padStart(16, '0'),
    parentSpanId: i === 0 ? '' : '0000000000000001',
    traceState: 'a=b',
    name: `GET /orders/${i}`,
    kind: 2,
    startTimeUnixNano: String(startNs + BigInt(i)),
    endTimeUnixNano: String(startNs + 5_000_000n),
    attributes: everyKind,
    events: [{ timeUnixNano: String(startNs), name: 'exception', attributes: everyKind.slice(0, 2) }],
    links: [{ traceId: '5b8efff798038103d269b633813fc60d', spanId: '00000000000000aa', attributes: everyKind }],
    status: { code: 2, message: 'failed' },
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'orders' } }, ...everyKind] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 's', version: '1' }, spans }] }] });
}

const zipkinSpans = JSON.stringify([
  {
    traceId: '463ac35c9f6413ad48485a3953bb6124',
    id: 'a2fb4a1d1a96d312',
    kind: 'SERVER',
    name: 'get /orders',
    timestamp: 1_790_000_000_000_000,
    duration: 431_295,
    localEndpoint: { serviceName: 'orders', ipv4: '10.0.0.1', port: 8080 },
    annotations: [{ timestamp: 1_790_000_000_000_001, value: 'miss' }],
    tags: { 'http.method': 'GET', error: 'boom' },
  },
]);

/** A batch of Jaeger in Thrift's binary protocol, with one span that has every field. */
const jaegerBatch = Buffer.from(
  [
    '0c00010b0001000000066f72646572730f00020c000000010b0001000000026970080002000000000b00030000000831302e',
    '302e302e3100000f00020c000000010a000148485a3953bb61240a0002463ac35c9f6413ad0a0003a2fb4a1d1a96d3120a00',
    '0400200000000000010b0005000000036765740f00060c00000001080001000000010a000200000000000000050a00030000',
    '0000000000060a0004000000000000000700080007000000030a000800065c5c3b2a10000a0009000000000006954f0f000a',
    '0c000000030b0001000000056572726f720800020000000202000501000b00010000000164080002000000010400043fe000',
    '0000000000000b0001000000046c6f6e67080002000000030a0006ffffffffffffffff000f000b0c000000010a000100065c',
    '5c3b2a10000f00020c000000010b0001000000056576656e74080002000000000b0003000000046d69737300000000',
  ].join(''),
  'hex',
);

/** Nothing of Thrift frames a whole: a bit within a text, a number or a length. */
function flipBit(request: Buffer, random: Random): Buffer {
  const flipped = Buffer.from(request);
  flipped[random.below(flipped.length)]! ^= 1 << random.below(8);
  return flipped;
}

const formats: readonly Format[] = [
  {
    name: 'OTLP protobuf',
    contentType: 'application/x-protobuf',
    url: ({ otlpUrl }) => `${otlpUrl}/v1/traces`,
    requests: [1, 3].map((count) => Buffer.from(otlpJsonToProtobuf(Buffer.from(otlpRequest(count))))),
    mutateInside: mutateProtobuf,
  },
  {
    name: 'OTLP JSON',
    contentType: 'application/json',
    url: ({ otlpUrl }) => `${otlpUrl}/v1/traces`,
    requests: [1, 3].map((count) => Buffer.from(otlpRequest(count))),
    mutateInside: mutateJson,
  },
  {
    name: 'Zipkin JSON',
    contentType: 'application/json',
    url: ({ zipkinUrl }) => `${zipkinUrl}/api/v2/spans`,
    requests: [Buffer.from(zipkinSpans)],
    mutateInside: mutateJson,
  },
  {
    name: 'Jaeger Thrift',
    contentType: 'application/x-thrift',
    url: ({ jaegerUrl }) => `${jaegerUrl}/api/traces`,
    requests: [jaegerBatch],
    mutateInside: flipBit,
  },
];

describe(`${total} mutated payloads`, () => {
  let dataDir: string;
  let starting: StartingServer | undefined;
  let server: ClewServer;

  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'clew-mutations-'));
    starting = spawnServer(dataDir);
    server = await starting.ready;
  });

  after(async () => {
    if (starting !== undefined) await killAll(starting);
    rmSync(dataDir, { recursive: true, force: true });
  });

  for (const format of formats) {
    it(`in ${format.name} are taken or refused, without a crash, and the next good request is served`, async (t: TestContext) => {
      const random = createRandom(format.name);
      const answers = new Map<number, number>();
      const startedAt = Date.now();
      const sendShare = async (): Promise<void> => {
        const pipeline = new Pipeline(format.url(server), format.contentType);
        const statuses: Promise<unknown>[] = [];
        for (let i = 0; i < total / formats.length / connections; i++) {
          const request = format.requests[random.below(format.requests.length)]!;
          const body = random.below(3) === 0 ? mutate(request, random) : format.mutateInside(request, random);
          const { status } = await pipeline.post(body);
          statuses.push(status.then((code) => answers.set(code, (answers.get(code) ?? 0) + 1)));
        }
        await Promise.all(statuses);
        pipeline.close();
      };
      await Promise.all(Array.from({ length: connections }, sendShare));
      const sentMs = Date.now() - startedAt;
      t.diagnostic(`CLEW_FAULT_SEED=${seed} answers: ${JSON.stringify(Object.fromEntries(answers))}`);
      const unexpected = [...answers.keys()].filter((status) => ![200, 202, 400, 503].includes(status));
      assert.deepEqual(unexpected, [], JSON.stringify(server.log.at(-1)));
      const taken = (answers.get(200) ?? 0) + (answers.get(202) ?? 0);
      assert.ok(taken > total / formats.length / 5, 'nearly all was refused: nothing gets past the first check');
      assert.ok(isAlive(server.child), 'the server has ended');
      const good = createTrace();
      assert.equal(await sendNext(server.otlpUrl, good), 200);
      await waitForEmptySpool(dataDir);
      await expectAllOnce(server.uiUrl, [good]);
      t.diagnostic(`answered in ${sentMs} ms, stored in ${Date.now() - startedAt} ms`);
    });
  }

  it('left the server and its engine small, alive, and with nothing to complain of', (t: TestContext) => {
    const ofServer = readMemory(server.child.pid!);
    const ofEngine = readMemory(enginePid(server)!);
    t.diagnostic(`server ${JSON.stringify(ofServer)}, engine ${JSON.stringify(ofEngine)}`);
    assert.ok(ofServer.peakMib < maxServerMib, `the server held ${ofServer.peakMib} MiB`);
    assert.ok(ofEngine.peakMib < maxEngineMib, `the engine held ${ofEngine.peakMib} MiB`);
    assert.deepEqual(server.log, []);
    assert.deepEqual(listSetAside(dataDir), []);
  });
});
