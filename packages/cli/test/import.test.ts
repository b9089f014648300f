import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { detailsOf, type SpanDetails, tableFromNative } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { otlpJsonToProtobuf } from '@clew/wire';
import { ImportProgress } from '#src/import-progress.js';
import { importedTrace, jaegerJson, otlpJson, zipkinJson } from './import-files.js';

const clew = fileURLToPath(new URL('../bin/clew.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'clew-import-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let server: RunningServer;

function start(dataDir: string, settings: object = {}): Promise<RunningServer> {
  const ports = { httpPort: 0, otlpHttpPort: 0, otlpGrpcPort: 0, zipkinPort: 0, jaegerHttpPort: 0, jaegerGrpcPort: 0 };
  return startServer(parseConfig({}, { dataDir: join(folder, dataDir), ...ports, logLevel: 'silent', ...settings }));
}

before(async () => {
  server = await start('data');
});
after(() => server.close());

/** `clew import` as a shell would run it, without a terminal. */
async function runImport(args: readonly string[], input: Uint8Array | string = '', url = server.otlpUrl) {
  const child = spawn(process.execPath, [clew, 'import', '--url', url, ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // The command may end before it has read all.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

let lastTrace = 0xf00;
const nextTraceId = () => (++lastTrace).toString(16).padStart(32, '0');

async function storedSpans(traceId: string, spanCount: number, { uiUrl } = server): Promise<SpanDetails[]> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
    if (response.status === 200) {
      const table = tableFromNative(new Uint8Array(await response.arrayBuffer()));
      if (table.spanCount >= spanCount) {
        return Array.from({ length: table.spanCount }, (_, row) => detailsOf(table, row));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`trace ${traceId} did not arrive`);
}

async function assertStored(traceId: string): Promise<void> {
  const spans = await storedSpans(traceId, 2);
  assert.equal(spans.length, 2);
  for (const expected of Object.values(importedTrace)) {
    const found = spans.find(({ name }) => name === expected.name)!;
    const { name, service, spanId, kind, durationNs } = found;
    assert.deepEqual({ name, service, spanId, kind, durationNs }, expected);
    assert.equal(found.startNs, 1_790_000_000_000_000_000n);
    assert.equal(found.parentSpanId, name === 'query' ? importedTrace.root.spanId : undefined);
  }
}

/** In front of a message as the collector's file exporter writes it. */
function sized(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

const protobufLines = (traceId: string) =>
  otlpJson(traceId)
    .trim()
    .split('\n')
    .map((line) => otlpJsonToProtobuf(Buffer.from(line)));

describe('clew import', () => {
  for (const [what, format, content] of [
    ['OTLP JSON lines', 'OTLP JSON', otlpJson],
    [
      'one OTLP JSON document over many lines',
      'OTLP JSON',
      (id: string) => {
        const documents = otlpJson(id)
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { resourceSpans: object[] });
        return `\ufeff${JSON.stringify({ resourceSpans: documents.flatMap((each) => each.resourceSpans) }, null, 2)}`;
      },
    ],
    ['an OTLP protobuf request', 'OTLP protobuf', (id: string) => Buffer.concat(protobufLines(id))],
    [
      'OTLP protobuf requests with their lengths',
      'OTLP protobuf',
      (id: string) => Buffer.concat(protobufLines(id).map(sized)),
    ],
    ['Jaeger JSON', 'Jaeger JSON', jaegerJson],
    ['Zipkin JSON', 'Zipkin JSON', zipkinJson],
    ['gzip of any of them, whatever its name', 'Jaeger JSON', (id: string) => gzipSync(jaegerJson(id))],
  ] as const) {
    it(`stores the spans of ${what}`, async () => {
      const traceId = nextTraceId();
      const path = file('spans.txt', content(traceId));
      assert.deepEqual(await runImport([path]), { code: 0, stdout: `${path}: 2 spans (${format})\n`, stderr: '' });
      await assertStored(traceId);
    });
  }

  it('reads standard input, and prints a summary of all files as JSON', async () => {
    const [first, second] = [nextTraceId(), nextTraceId()];
    const path = file('otlp.jsonl', otlpJson(first));
    const { code, stdout } = await runImport(['--json', path, '-'], gzipSync(zipkinJson(second)));
    assert.equal(code, 0);
    const rejections = { rejectedSpans: 0, rejectionReason: '' };
    assert.deepEqual(JSON.parse(stdout), {
      spans: 4,
      rejectedSpans: 0,
      files: [
        { file: path, format: 'OTLP JSON', spans: 2, ...rejections },
        { file: 'standard input', format: 'Zipkin JSON', spans: 2, ...rejections },
      ],
    });
    await assertStored(first);
    await assertStored(second);
  });

  it('counts the spans that cannot be read, and those that the server refuses, with the reason', async () => {
    const [zipkin, otlp] = [nextTraceId(), nextTraceId()];
    const spans = JSON.parse(zipkinJson(zipkin)) as object[][];
    const zipkinPath = file('zipkin.json', JSON.stringify([...spans, [{ traceId: 'x' }, 7]]));
    const otlpPath = file('otlp.jsonl', otlpJson(otlp) + otlpJson(otlp).replaceAll(/"spanId":"\w+"/g, '"spanId":"00"'));
    const { code, stdout } = await runImport([zipkinPath, otlpPath]);
    assert.equal(code, 0);
    assert.deepEqual(stdout.split('\n'), [
      `${zipkinPath}: 2 spans (Zipkin JSON), 2 rejected: traceId must be 1 to 32 hex digits, not all zero; got "x"`,
      `${otlpPath}: 2 spans (OTLP JSON), 2 rejected: span_id must be 8 bytes, not all zero; got 1 bytes, 00`,
      '',
    ]);
    await assertStored(zipkin);
    await assertStored(otlp);
  });

  it('loses none of a file that is many requests long', async () => {
    const traceId = nextTraceId();
    const spans = Array.from({ length: 20_000 }, (_, i) => ({
      traceId,
      id: (i + 1).toString(16),
      timestamp: 1_790_000_000_000_000,
      tags: { text: 'x'.repeat(500) },
    }));
    const path = file('large.json', JSON.stringify(spans));
    assert.equal((await runImport([path])).stdout, `${path}: 20000 spans (Zipkin JSON)\n`);
    const stored = await storedSpans(traceId, spans.length);
    assert.equal(new Set(stored.map(({ spanId }) => spanId)).size, spans.length);
  });

  for (const [what, content, message] of [
    [
      'JSON that is cut off',
      () => otlpJson(nextTraceId()).slice(0, -20),
      /: malformed JSON in line 2: the text ends in/,
    ],
    [
      'an element that is malformed',
      () => '[\n{"traceId":"1","id":"1"},\n{"id":nul}]',
      /: malformed JSON in line 3: null must be there; got "n"/,
    ],
    [
      'OTLP JSON that is malformed inside',
      () => `\n${otlpJson(nextTraceId()).replace('"kind":3', '"kind":nul')}`,
      /: malformed JSON in line 3: null must be there; got "n" after ".*"kind\\":"/,
    ],
    [
      'Jaeger JSON with a trace that is none',
      () => '{"data":[\n5]}',
      /what begins in line 2 cannot be read: a trace must be an object; got 5/,
    ],
    [
      'other objects',
      () => '{"resourceLogs":[],"x":1}',
      /: unexpected JSON in line 1: an object without resourceSpans or .* or data or errors; it has resourceLogs, x/,
    ],
    ['text', () => 'hello', /: it is neither JSON of spans nor OTLP protobuf: it begins with "h"/],
    ['other bytes', () => Buffer.from([1, 2, 3, 4, 5, 6]), /: it is neither JSON of spans nor OTLP protobuf$/],
    ['nothing', () => '', /: there is nothing in it/],
    [
      'protobuf that is cut off',
      () => protobufLines(nextTraceId())[0]!.subarray(0, -3),
      /: the file ends at byte \d+, in the middle of a message/,
    ],
    [
      'protobuf of something else',
      () => Buffer.from([0x0a, 0x02, 0x08, 0x01, 0x12, 0x00]),
      /: at byte 4 there is no field of an OTLP request/,
    ],
    [
      'protobuf that is malformed inside',
      () => Buffer.from([0x0a, 0x02, 0x12, 0x7f]),
      /: malformed protobuf at byte 2: a field of 127 bytes where 0 are left/,
    ],
    ['gzip that is cut off', () => gzipSync(jaegerJson(nextTraceId())).subarray(0, -10), /: unexpected end of file/],
  ] as const) {
    it(`refuses ${what}, and says where and why`, async () => {
      const path = file('broken', content());
      const { code, stdout, stderr } = await runImport([path]);
      assert.equal(code, 1, stderr);
      assert.equal(stdout, '');
      assert.ok(stderr.startsWith(`clew: ${path}: `), stderr);
      assert.match(stderr.trimEnd(), message);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    });
  }

  it('says how much of a file was imported before the place where it is broken', async () => {
    const traceId = nextTraceId();
    const long = Array.from({ length: 12_000 }, (_, i) =>
      JSON.stringify({ traceId, id: (i + 1).toString(16), timestamp: 1, tags: { text: 'x'.repeat(1_000) } }),
    );
    const path = file('broken', `[${long.join(',\n')},\n{]`);
    const { code, stderr } = await runImport([path]);
    assert.equal(code, 1);
    const match = /malformed JSON in line 12001: .*; (\d+) spans of it were imported before\n$/.exec(stderr);
    assert.ok(match !== null, stderr);
    const imported = Number(match[1]);
    assert.ok(imported > 0 && imported < 12_000, stderr);
    assert.equal((await storedSpans(traceId, imported)).length, imported);
  });

  it('prints the files that are in when a later one is broken, as text and as JSON', async () => {
    const good = file('good.json', zipkinJson(nextTraceId()));
    const broken = file('broken', 'hello');
    const { code, stdout, stderr } = await runImport([good, broken]);
    assert.deepEqual([code, stdout], [1, `${good}: 2 spans (Zipkin JSON)\n`]);
    assert.match(stderr, /broken: it is neither JSON of spans nor OTLP protobuf/);
    const asJson = await runImport(['--json', good, broken]);
    assert.equal(asJson.code, 1);
    const { spans, files } = JSON.parse(asJson.stdout) as { spans: number; files: { file: string }[] };
    assert.deepEqual([spans, files.map((each) => each.file)], [2, [good]]);
  });

  it('sends nothing when one of the files cannot be read', async () => {
    const traceId = nextTraceId();
    const path = file('good.json', zipkinJson(traceId));
    const missing = await runImport([path, join(folder, 'missing.json')]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /^clew: cannot read .*missing\.json: ENOENT/);
    assert.match((await runImport([path, folder])).stderr, /cannot read .*: it is a directory\n$/);
    assert.match((await runImport([path, '-', '-'])).stderr, /"-" is standard input: give it once\n$/);
    assert.equal((await fetch(`${server.uiUrl}/clew/v1/traces/${traceId}`)).status, 404);
  });

  it('says that no server takes spans there, or that the address is none', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const path = file('good.json', zipkinJson(nextTraceId()));
    const nobody = await runImport([path], '', `http://127.0.0.1:${port}`);
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.stderr,
      /no server takes spans at http:\S+\/v1\/traces \(.*ECONNREFUSED.*\); start one with "clew serve"/,
    );
    assert.match((await runImport([path], '', 'localhost:4318')).stderr, /"localhost:4318" is no address of a server/);
  });

  it('sends a request in halves to a server that takes only small ones', async () => {
    const small = await start('small', { maxRequestBytes: 1_024 });
    try {
      const traceId = nextTraceId();
      const spans = Array.from({ length: 100 }, (_, i) => ({
        traceId,
        id: (i + 1).toString(16),
        timestamp: 1,
        tags: { a: 'b' },
      }));
      const huge = { traceId, id: 'fff', timestamp: 1, tags: { text: 'x'.repeat(2_000) } };
      const path = file('small.json', JSON.stringify([...spans, huge]));
      const { stdout } = await runImport([path], '', small.otlpUrl);
      assert.match(stdout, /: 100 spans \(Zipkin JSON\), 1 rejected: The body has \d+ bytes; the limit is 1024/);
      assert.equal((await storedSpans(traceId, 100, small)).length, 100);
    } finally {
      await small.close();
    }
  });

  it('sends a token to a server that asks for one, and says how to give it', async () => {
    const guarded = await start('guarded', { ingestTokens: 'let-me-send-1234567890' });
    try {
      const traceId = nextTraceId();
      const path = file('guarded.json', JSON.stringify([{ traceId, id: '1', timestamp: 1 }]));
      const refused = await runImport([path], '', guarded.otlpUrl);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /A bearer token is needed.*; give a token with CLEW_TOKEN or --token/);
      const { stdout } = await runImport([path, '--token', 'let-me-send-1234567890'], '', guarded.otlpUrl);
      assert.match(stdout, /: 1 span /);
    } finally {
      await guarded.close();
    }
  });
});

describe('the progress of an import', () => {
  const source = { name: 'a.json', sizeBytes: 1_000, readBytes: () => 250 };

  it('is one line on a terminal, after a second and five times a second at most, and is taken away', () => {
    let nowMs = 0;
    const written: string[] = [];
    const progress = new ImportProgress({ isTTY: true, write: (text: string) => written.push(text) > 0 }, () => nowMs);
    for (const at of [999, 1_000, 1_199, 1_200]) {
      nowMs = at;
      progress.add(source, 500);
    }
    progress.add({ ...source, sizeBytes: undefined }, 500);
    nowMs = 2_000;
    progress.add({ ...source, sizeBytes: undefined }, 500);
    progress.end();
    assert.deepEqual(written, [
      '\r\x1b[Ka.json: 25 %, 1000 spans, 1000/s',
      '\r\x1b[Ka.json: 25 %, 2000 spans, 1667/s',
      '\r\x1b[Ka.json: 3000 spans, 1500/s',
      '\r\x1b[K',
    ]);
  });

  it('is nothing where there is no terminal', () => {
    let nowMs = 0;
    const progress = new ImportProgress({ isTTY: false, write: () => assert.fail('written') }, () => nowMs);
    nowMs = 5_000;
    progress.add(source, 1);
    progress.end();
  });
});
