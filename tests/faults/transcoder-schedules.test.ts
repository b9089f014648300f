import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { otlpJsonToProtobuf, readNativeBlocks, stringAt } from '@clew/wire';
import { countFromEnv, createRandom, seed } from './random.ts';

// Threads of the transcoder that die, run late or are given up with work of several tenants in flight, in an order that
// the seed decides: what a tenant was promised is written once, for this tenant, and nothing else is.

const server = new URL('../../../packages/server/dist/', import.meta.url);
const { GroupCommit } = (await import(
  new URL('spool/group-commit.js', server).href
)) as typeof import('../../packages/server/dist/spool/group-commit.js');
const { TranscoderPool } = (await import(
  new URL('transcode/transcoder-pool.js', server).href
)) as typeof import('../../packages/server/dist/transcode/transcoder-pool.js');
const { createLogger } = (await import(
  new URL('log.js', server).href
)) as typeof import('../../packages/server/dist/log.js');

type Encoding = 'protobuf' | 'json' | 'jaeger-protobuf';
interface Request {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A request of one span with this name. */
function good(name: string): Request {
  const span = { traceId: '1'.padStart(32, '0'), spanId: '1'.padStart(16, '0'), name };
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  return { encoding: 'protobuf', bytes: new Uint8Array(otlpJsonToProtobuf(Buffer.from(json))) };
}

/** A span of Jaeger's with 900,000 empty logs: 2 MB, and more heap than a thread may have here. */
function deadly(): Request {
  const wrap = (content: Buffer): Buffer => {
    const { length } = content;
    return Buffer.concat([
      Buffer.of(0x0a, (length & 0x7f) | 0x80, ((length >>> 7) & 0x7f) | 0x80, length >>> 14),
      content,
    ]);
  };
  const logs = Buffer.alloc(1_800_000, Buffer.of(0x4a, 0));
  return { encoding: 'jaeger-protobuf', bytes: new Uint8Array(wrap(wrap(logs))) };
}

/** Tens of thousands of resources without a span: more CPU time than a request may take here. */
function endless(): Request {
  const attributes = Array.from({ length: 15 }, (_, i) => ({ key: `key.${i}`, value: { doubleValue: i + 0.5 } }));
  const resource = JSON.stringify({ resource: { attributes } });
  const json = `{"resourceSpans":[${new Array(40_000).fill(resource).join(',')}]}`;
  return { encoding: 'json', bytes: new Uint8Array(Buffer.from(json)) };
}

const malformed = (): Request => ({ encoding: 'protobuf', bytes: Uint8Array.of(0x0a, 0xff) });

describe('threads that die with requests of several tenants in flight', () => {
  const steps = countFromEnv('CLEW_FAULT_STEPS', 120);

  it(`lose, double and mix up nothing that was acknowledged, over ${steps} requests`, async (t: TestContext) => {
    t.diagnostic(`seed ${seed}`);
    const random = createRandom('transcoder');
    const pool = new TranscoderPool({
      log: createLogger('silent'),
      maxThreads: 2,
      maxRequestBytes: 2 ** 26,
      limits: { baseMs: 700, msPerMiB: 0, maxHeapMiB: 64 },
    });
    const tenants = ['red', 'blue', 'green'].map((name) => {
      const written: string[] = [];
      const commits = new GroupCommit({
        transcoders: pool.createQueue(),
        append: async (blocks) => {
          await sleep(random.below(3));
          for (const { columns, rowCount } of readNativeBlocks(blocks.spans)) {
            for (let row = 0; row < rowCount; row++) written.push(stringAt(columns.get('name')!, row));
          }
        },
        maxPendingBytes: 2 ** 30,
      });
      return { name, commits, written, acknowledged: [] as string[], outcomes: new Map<string, number>() };
    });
    const answers: Promise<void>[] = [];
    for (let step = 0; step < steps; step++) {
      const tenant = tenants[random.below(tenants.length)]!;
      const name = `${tenant.name} ${step}`;
      const dice = random.below(40);
      const request = dice === 0 ? endless() : dice <= 2 ? deadly() : dice === 3 ? malformed() : good(name);
      const note = (outcome: string) => tenant.outcomes.set(outcome, (tenant.outcomes.get(outcome) ?? 0) + 1);
      answers.push(
        tenant.commits.add(request).then(
          (result) => {
            note('acknowledged');
            assert.equal(result.acceptedSpans, 1);
            tenant.acknowledged.push(name);
          },
          (error: Error) => {
            note(error.name);
            const isGood = dice > 3;
            // A good request may be told to come back, never that it is bad.
            const expected = isGood
              ? ['TranscoderUnavailableError']
              : ['TranscoderUnavailableError', 'RefusedRequestError'];
            assert.ok(expected.includes(error.name), `${name}: ${error.name} ${error.message}`);
          },
        ),
      );
      if (random.below(4) === 0) await sleep(random.below(20));
    }
    await Promise.all(answers);
    for (const { name, written, acknowledged, outcomes } of tenants) {
      t.diagnostic(`${name}: ${JSON.stringify(Object.fromEntries(outcomes))}`);
      assert.deepEqual([...written].sort(), [...acknowledged].sort());
    }
    t.diagnostic(`threads that ended: ${JSON.stringify(pool.endedThreads)}`);
    // Whatever happened before, each tenant is served again.
    for (const { name, commits } of tenants) assert.equal((await commits.add(good(`${name} again`))).acceptedSpans, 1);
    await pool.close();
  });
});
