import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { OperationMetricsResponse, RetentionResponse } from '@clew/model';
import { connect } from '#src/api-client.js';
import { findAllTraces } from '#src/export.js';

const clew = fileURLToPath(new URL('../bin/clew.js', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'clew-cli-'));
after(() => rmSync(dataDir, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a shell would, without a terminal. */
/** Without variables that this process was given for its own tests. */
const ownEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CLEW_')));

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [clew, ...args], { env: { ...ownEnv, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const freePorts = ['http', 'otlp-http', 'otlp-grpc', 'zipkin', 'jaeger-http', 'jaeger-grpc'].flatMap((name) => [
  `--${name}-port`,
  '0',
]);

/** A server on free ports, by the command; the addresses are those that it prints. */
async function serve(...args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [clew, 'serve', ...freePorts, '--data-dir', dataDir, '--log-level', 'warn', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  const addresses = new Promise<readonly string[]>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        const match = /UI and API\s+(\S+)[\s\S]+OTLP\/HTTP\s+(\S+)\n/.exec(output);
        if (match !== null) resolve(match.slice(1));
      });
    }
    child.once('exit', (code) => reject(new Error(`clew serve ended with exit code ${code}:\n${output}`)));
  });
  const [uiUrl = '', otlpUrl = ''] = await addresses;
  return {
    uiUrl,
    otlpUrl,
    /** All that was printed until it was ready. */
    greeting: output,
    /** Sends the signal and gives the exit code. */
    async end(signal: NodeJS.Signals): Promise<number | null> {
      const exited = once(child, 'exit');
      child.kill(signal);
      return (await exited)[0] as number | null;
    },
  };
}

const traceId = '5b8aa5a2d2c872e8321cf37308d69df2';
const startMs = Date.now();

/** Two services, the second one failing, as an application's exporter sends them. */
function exportBody(): string {
  const at = (offsetMs: number) => `${startMs + offsetMs}000000`;
  const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const resourceSpans = (service: string, span: object) => ({
    resource: { attributes: [attribute('service.name', service)] },
    scopeSpans: [{ spans: [{ traceId, ...span }] }],
  });
  return JSON.stringify({
    resourceSpans: [
      resourceSpans('gateway', {
        spanId: '00000000000000aa',
        name: 'GET /cart',
        kind: 2,
        startTimeUnixNano: at(0),
        endTimeUnixNano: at(100),
      }),
      resourceSpans('orders', {
        spanId: '00000000000000bb',
        parentSpanId: '00000000000000aa',
        name: 'select',
        kind: 3,
        startTimeUnixNano: at(20),
        endTimeUnixNano: at(60),
        attributes: [attribute('user-id', 'ada')],
        status: { code: 2, message: 'timeout' },
      }),
    ],
  });
}

const richTraceId = '0af7651916cd43dd8448eb211c80319c';

/** A request with every field that a span can have, in the form in which it is exported. */
function richRequest(): object {
  const at = (ns: number) => String(BigInt(startMs) * 1_000_000n + BigInt(ns));
  const all = [
    { key: 'a.string', value: { stringValue: 'text' } },
    { key: 'b.empty', value: { stringValue: '' } },
    { key: 'c.int', value: { intValue: '-9223372036854775808' } },
    { key: 'd.double', value: { doubleValue: 0.1 } },
    { key: 'e.nan', value: { doubleValue: 'NaN' } },
    { key: 'f.bool', value: { boolValue: false } },
    { key: 'g.array', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'two' }] } } },
    { key: 'h.map', value: { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } } },
    { key: 'i.bytes', value: { bytesValue: 'AP8=' } },
    { key: 'j.nothing', value: {} },
  ];
  const resource = (name: string) => ({ attributes: [{ key: 'service.name', value: { stringValue: name } }, ...all] });
  const span = (spanId: string, more: object) => ({ traceId: richTraceId, spanId, ...more });
  return {
    resourceSpans: [
      {
        resource: resource('rich'),
        scopeSpans: [
          {
            scope: { name: 'scope', version: '1.2.3', attributes: all },
            spans: [
              span('00000000000000a1', {
                traceState: 'vendor=1',
                flags: 769,
                name: 'root',
                kind: 2,
                startTimeUnixNano: at(0),
                endTimeUnixNano: at(100_000_001),
                attributes: all,
                droppedAttributesCount: 3,
                events: [
                  { timeUnixNano: at(5), name: 'first', attributes: all, droppedAttributesCount: 1 },
                  { timeUnixNano: at(-7), name: 'before the start' },
                ],
                droppedEventsCount: 4,
                links: [
                  {
                    traceId: '1'.repeat(32),
                    spanId: '2'.repeat(16),
                    traceState: 'other=2',
                    flags: 257,
                    attributes: all,
                    droppedAttributesCount: 2,
                  },
                ],
                droppedLinksCount: 5,
                status: { code: 2, message: 'went wrong' },
              }),
            ],
          },
          {
            scope: {},
            spans: [
              span('00000000000000a2', {
                parentSpanId: '00000000000000a1',
                name: 'ends before it starts',
                startTimeUnixNano: at(10),
                endTimeUnixNano: at(4),
                status: { code: 1 },
              }),
            ],
          },
        ],
      },
      {
        resource: resource('other'),
        scopeSpans: [
          {
            scope: {},
            spans: [
              span('00000000000000a3', {
                parentSpanId: '00000000000000a1',
                name: 'elsewhere',
                kind: 5,
                startTimeUnixNano: at(20),
                endTimeUnixNano: at(20),
              }),
            ],
          },
        ],
      },
    ],
  };
}

async function send(otlpUrl: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(new URL('/v1/traces', otlpUrl), { method: 'POST', headers, body });
  assert.equal(response.status, 200, await response.text());
}

describe('clew against a server', () => {
  let server: Awaited<ReturnType<typeof serve>>;
  before(async () => {
    server = await serve();
    await send(server.otlpUrl, exportBody());
    // Acknowledged is on disk; soon after it can be found.
    while ((await run(['trace', traceId], { CLEW_URL: server.uiUrl })).code !== 0);
  });
  after(() => server?.end('SIGKILL'));

  it('shows a trace as a waterfall with the address of its page, without colours into a pipe', async () => {
    const { code, stdout, stderr } = await run(['trace', traceId.toUpperCase()], {
      CLEW_URL: server.uiUrl,
      COLUMNS: '80',
    });
    assert.equal(stderr, '');
    assert.equal(code, 0);
    const lines = stdout.split('\n');
    assert.equal(
      lines[0],
      `Trace ${traceId}  100 ms · 2 spans · 2 services · 1 error · started ${new Date(startMs).toISOString()}`,
    );
    assert.deepEqual(lines.slice(3), [
      'gateway GET /cart   ████████████████████████████████████      100 ms       60 ms',
      '└─ ✗ orders select         ███████████████                     40 ms       40 ms',
      '',
      `${server.uiUrl}/trace/${traceId}`,
      '',
    ]);
  });

  it('shows limits of retention, changes them, and shows what holds now', async () => {
    const env = { CLEW_URL: server.uiUrl };
    const shown = await run(['retention'], env);
    assert.equal(shown.stderr, '');
    assert.match(
      shown.stdout,
      /^Age {9}no limit\nBytes {7}no limit\nDisk share {2}0\.8\nStored {6}2 spans, [\d.]+ KiB/,
    );
    const changed = await run(
      ['retention', 'set', '--age', '30d', '--max-bytes', '1.5GiB', '--disk-share', 'none'],
      env,
    );
    assert.match(
      changed.stdout,
      /^Age {9}30d \(set over the API\)\nBytes {7}1\.5 GiB \(set over the API\)\nDisk share {2}no limit \(set over the API\)/,
    );
    const back = await run(
      ['retention', 'set', '--age', 'default', '--max-bytes', 'default', '--disk-share', '.8'],
      env,
    );
    assert.equal(back.code, 0, back.stderr);
    const report = JSON.parse((await run(['retention', '--json'], env)).stdout) as RetentionResponse;
    assert.deepEqual(report.age, { value: null, source: 'start' });
    assert.deepEqual(report.diskShare, { value: 0.8, source: 'api' });
    const refused = await run(['retention', 'set', '--age', 'soon'], env);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^clew: The parameter age is "soon".*\(CLEW_PARAMETER_INVALID\)\n$/);
    assert.match((await run(['retention', 'set'], env)).stderr, /nothing to set/);
  });

  it('redacts an attribute and lists what was redacted', async () => {
    const env = { CLEW_URL: server.uiUrl };
    const started = await run(['redact', 'session', '--value', 'x', '--yes'], env);
    assert.match(started.stdout, /^\S+Z {2}session = x: (done|\d+ parts? to do)\n$/, started.stderr);
    assert.match((await run(['redact'], env)).stdout, /^\S+Z {2}session = x: /);
  });

  it('deletes a trace that was acknowledged a moment before, and not without being told to', async () => {
    const env = { CLEW_URL: server.uiUrl };
    const id = 'd'.repeat(32);
    const body = exportBody().replaceAll(traceId, id);
    const headers = { 'content-type': 'application/json' };
    const sent = await fetch(new URL('/v1/traces', server.otlpUrl), { method: 'POST', headers, body });
    assert.equal(sent.status, 200);
    const unasked = await run(['delete', id], env);
    assert.deepEqual([unasked.code, unasked.stdout], [1, '']);
    assert.match(unasked.stderr, /no terminal to ask on: add --yes/);
    const deleted = await run(['delete', id, '--yes'], env);
    assert.equal(deleted.stdout, `Deleted 2 spans of trace ${id}.\n`, deleted.stderr);
    assert.match((await run(['trace', id], env)).stderr, /CLEW_TRACE_NOT_FOUND/);
    assert.match((await run(['delete', id, '--yes'], env)).stderr, /CLEW_TRACE_NOT_FOUND/);
  });

  it('prints the trace as JSON with the attributes', async () => {
    const { stdout } = await run(['trace', traceId, '--json', '--server', server.uiUrl]);
    const trace = JSON.parse(stdout) as { spans: { name: string; attributes: unknown[] }[] };
    assert.deepEqual(
      trace.spans.map(({ name }) => name),
      ['GET /cart', 'select'],
    );
    assert.deepEqual(trace.spans[1]?.attributes, [{ key: 'user-id', value: { stringValue: 'ada' } }]);
  });

  it('finds the trace by each condition, and not by one that does not hold', async () => {
    const find = async (...args: string[]): Promise<string[]> => {
      const { code, stdout, stderr } = await run(['search', '--json', '--server', server.uiUrl, ...args]);
      assert.equal(code, 0, stderr);
      return (JSON.parse(stdout) as { traces: { traceId: string }[] }).traces.map((trace) => trace.traceId);
    };
    for (const [held, failing] of [
      [[], ['--service', 'payments']],
      [
        ['--service', 'orders', '--operation', 'select'],
        ['--service', 'gateway', '--operation', 'select'],
      ],
      [
        ['--attribute', 'user-id=ada', '--attribute', 'service.name=orders'],
        ['--attribute', 'user-id=ada', '--attribute', 'service.name=gateway'],
      ],
      [
        ['--min-duration', '100ms'],
        ['--min-duration', '101ms'],
      ],
      [
        ['--max-duration', '40ms'],
        ['--max-duration', '39ms'],
      ],
      [
        ['--since', '5m'],
        ['--start', String(startMs - 7_200_000), '--end', String(startMs - 3_600_000)],
      ],
    ] as const) {
      assert.deepEqual(await find(...held), [traceId], held.join(' '));
      assert.deepEqual(await find(...failing), [], failing.join(' '));
    }
  });

  it('lists what it found, and says so when there is nothing', async () => {
    const found = await run(['search', '--service', 'orders'], { CLEW_URL: server.uiUrl });
    assert.match(found.stdout, new RegExp(`^TRACE .*\n${traceId} .* 100 ms +2 +1 +gateway GET /cart `));
    assert.match(found.stdout, /\n1 trace between .*\.\nhttp.*\/search\?service=orders&start=\d{16}&end=\d{16}\n$/);
    const none = await run(['search', '--service', 'nobody'], { CLEW_URL: server.uiUrl });
    assert.equal(none.code, 0);
    assert.match(none.stdout, /^No trace between .* matches\./);
  });

  it('fails with what the server says when there is no such trace, and at once when a condition cannot be read', async () => {
    const gone = await run(['trace', 'f'.repeat(32)], { CLEW_URL: server.uiUrl });
    assert.equal(gone.code, 1);
    assert.equal(gone.stdout, '');
    assert.match(gone.stderr, /^clew: There is no trace f{32}\..*\(CLEW_TRACE_NOT_FOUND\)\n$/);
    const odd = await run(['search', '--min-duration', 'long'], { CLEW_URL: server.uiUrl });
    assert.equal(odd.code, 1);
    assert.match(odd.stderr, /--min-duration .*'long' is invalid\. Give a duration such as 1\.5s/);
  });

  it('shows services, the operations of one, and who calls whom', async () => {
    const window = ['--since', '1h', '--server', server.uiUrl];
    let services = await run(['services', ...window]);
    // They are counted some seconds after their spans have come.
    for (let i = 0; i < 100 && !services.stdout.includes('orders'); i++) {
      await sleep(200);
      services = await run(['services', ...window]);
    }
    assert.match(services.stdout, /^SERVICE +OPERATIONS +CALLS +ERRORS +MEAN\n/);
    assert.match(services.stdout, /\norders +\d+ +\d+ +/);
    const json = JSON.parse(
      (await run(['services', 'orders', '--json', ...window])).stdout,
    ) as OperationMetricsResponse;
    assert.deepEqual([...new Set(json.operations.map(({ service }) => service))], ['orders']);
    const operations = await run(['services', 'orders', ...window]);
    assert.match(operations.stdout, /^OPERATION +KIND +CALLS +ERRORS +MEAN +P50 +P95 +P99\n/);
    assert.match(
      (await run(['graph', ...window])).stdout,
      /^CLIENT +SERVER +BY +CALLS +ERRORS +MEAN\n|^No calls between/,
    );
    assert.match((await run(['services', 'nobody', ...window])).stdout, /^No calls between .*--since 24h/);
  });

  it('shows what was received and stored, as text and as JSON', async () => {
    const json = await run(['stats', '--json', '--server', server.uiUrl]);
    assert.equal(json.code, 0, json.stderr);
    const stats = JSON.parse(json.stdout) as { receivers: { spans: number }[]; store: { spans: number } };
    // Tests before this one have sent some more, and deleted some.
    assert.ok(stats.receivers[0]!.spans >= 2);
    assert.ok(stats.store.spans >= 2);
    const { stdout } = await run(['stats'], { CLEW_URL: server.uiUrl });
    assert.match(stdout, /^RECEIVER +REQUESTS +SPANS +BYTES +REFUSED\notlp-http +\d+ +\d+ +[\d.]+ (B|KiB) +none\n/);
    assert.match(stdout, /^Stored +\d+ spans in [\d.]+ KiB on disk, /m);
    assert.match(stdout, /^Oldest +\d{4}-\d\d-\d\dT\S+Z /m);
  });

  it('exports what it was sent: every field of a span, its types, resource and scope', async () => {
    const rich = richRequest();
    await send(server.otlpUrl, JSON.stringify(rich));
    let exported = { code: 1, stdout: '', stderr: '' };
    while (exported.code !== 0) exported = await run(['export', richTraceId], { CLEW_URL: server.uiUrl });
    assert.equal(exported.stderr, '');
    assert.deepEqual(JSON.parse(exported.stdout), rich);
  });

  it('exports all that a search finds, page by page, and no more than the limit', async () => {
    const count = 33;
    const spans = Array.from({ length: count }, (_, index) => ({
      traceId: (index + 1).toString(16).padStart(32, '0'),
      spanId: '00000000000000aa',
      name: 'one of many',
      // Of one millisecond, and some of one nanosecond.
      startTimeUnixNano: `${startMs - 1000}${String(index % 20).padStart(6, '0')}`,
      endTimeUnixNano: `${startMs}000000`,
    }));
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'many' } }] };
    await send(server.otlpUrl, JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }));
    const ids = async (...args: string[]): Promise<string[]> => {
      const { stdout, stderr } = await run(['export', '--service', 'many', ...args], { CLEW_URL: server.uiUrl });
      assert.equal(stderr, '');
      return [...stdout.matchAll(/"traceId":"([0-9a-f]{32})"/g)].map(([, id]) => id!);
    };
    while ((await ids('--limit', '1')).length === 0);
    const all = await ids();
    assert.equal(new Set(all).size, count);
    assert.equal((await ids('--limit', '7')).length, 7);
    // The same in pages of four.
    const paged: string[] = [];
    const options = { server: server.uiUrl, service: 'many' };
    for await (const id of findAllTraces(connect(server.uiUrl, undefined), options, 4)) paged.push(id);
    assert.deepEqual(paged.toSorted(), all.toSorted());
  });

  it('refuses a second server on the same data, and says which', async () => {
    await assert.rejects(
      serve(),
      /exit code 1:\n[\s\S]*clew: The data directory \S+ is in use .*\(CLEW_DATA_DIR_LOCKED\)\n$/,
    );
  });
});

describe('clew serve', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`closes on ${signal} with exit code 0, and leaves the data free for the next server`, async () => {
      const server = await serve();
      assert.equal(await server.end(signal), 0);
      const next = await serve();
      assert.equal(await next.end('SIGTERM'), 0);
    });
  }

  it('prints where Zipkin and Jaeger are received', async () => {
    const server = await serve();
    try {
      for (const [name, path] of [
        ['Zipkin', '/api/v2/spans'],
        ['Jaeger', '/api/traces'],
      ] as const) {
        const url = new RegExp(`\\n  ${name} +(http://127\\.0\\.0\\.1:\\d+)\\n`).exec(server.greeting)?.[1];
        assert.equal((await fetch(`${url}${path}`)).status, 405, server.greeting);
      }
    } finally {
      await server.end('SIGTERM');
    }
  });

  it('says in one line which setting is wrong', async () => {
    const flag = await run(['serve', '--http-port', '65536']);
    assert.equal(flag.code, 1);
    assert.match(flag.stderr, /^clew: --http-port is "65536", but it must be a port .*\(CLEW_CONFIG_INVALID\)\n$/);
    const variable = await run(['serve'], { CLEW_HTTP_PORT: 'x' });
    assert.match(variable.stderr, /^clew: CLEW_HTTP_PORT is "x", .*\n$/);
  });
});

describe('clew config', () => {
  const file = join(dataDir, 'clew.yaml');

  it('prints each setting with its value and origin, and no secret', async () => {
    writeFileSync(file, 'http-port: 1\nlog-level: warn\nclickhouse-url: http://ada:enigma@db:8123/clew\n');
    const env = { CLEW_CONFIG: file, CLEW_HTTP_PORT: '2', CLEW_OTLP_HTTP_PORT: '3' };
    const { code, stdout } = await run(['config', 'print', '--otlp-http-port', '4'], env);
    assert.equal(code, 0);
    assert.match(stdout, /^SETTING +VALUE +FROM\n/);
    assert.match(stdout, /^otlp-http-port +4 +--otlp-http-port$/m);
    assert.match(stdout, /^http-port +2 +CLEW_HTTP_PORT$/m);
    assert.match(stdout, new RegExp(`^log-level +warn +${file}:2$`, 'm'));
    assert.match(stdout, /^host +127\.0\.0\.1 +default$/m);
    assert.match(stdout, /^clickhouse-url +http:\/\/\*\*\*@db:8123\/clew /m);
    const json = await run(['config', 'print', '--json', '--config', file]);
    assert.doesNotMatch(stdout + json.stdout, /enigma/);
    const printed = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual(printed['log-level'], { value: 'warn', from: { kind: 'file', path: file, line: 2 } });
    assert.deepEqual(printed['spool-max-bytes'], { value: '1073741824', from: { kind: 'default' } });
  });

  it('checks a file: every fault at once with its line and exit code 1, or 0', async () => {
    writeFileSync(file, 'http-port: 65535\n');
    const good = await run(['config', 'check', file]);
    assert.deepEqual(good, { code: 0, stdout: `${file} has no faults.\n`, stderr: '' });
    writeFileSync(file, '# ports\nhttp-port: 65536\notlp-http-prot: 4318\n');
    const bad = await run(['config', 'check', file]);
    assert.equal(bad.code, 1);
    assert.equal(bad.stdout, '');
    const lines = bad.stderr.split('\n');
    assert.equal(lines[0], 'clew: the configuration has 2 faults:');
    assert.match(bad.stderr, /clew\.yaml:3: there is no key "otlp-http-prot"\. Did you mean otlp-http-port\?/);
    assert.match(bad.stderr, /clew\.yaml:2: http-port is 65536, but it must be a port/);
  });

  it('warns of variables that nothing reads, and so does serve in its log', async () => {
    const env = { CLEW_HTPP_PORT: '1' };
    const warning = 'The variable CLEW_HTPP_PORT is set, but nothing reads it. Did you mean CLEW_HTTP_PORT?';
    for (const command of ['check', 'print']) {
      const { code, stderr } = await run(['config', command], env);
      assert.deepEqual([code, stderr], [0, `clew: ${warning}\n`]);
    }
    const { stderr } = await run(['serve', '--tls-cert', '/nowhere', '--tls-key', '/nowhere'], env);
    const { level, msg } = JSON.parse(stderr.split('\n')[0]!) as { level: number; msg: string };
    assert.deepEqual([level, msg], [40, warning]);
  });

  it('serve refuses the same faults, and a flag that does not exist with the nearest one', async () => {
    const { code, stderr } = await run(['serve', '--config', file]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^clew: The configuration has 2 faults:\n.*otlp-http-prot.*\n.*65536.*\(CLEW_CONFIG_FAULTS\)\n$/,
    );
    const flag = await run(['serve', '--htpp-port', '1']);
    assert.equal(flag.code, 1);
    assert.match(flag.stderr, /unknown option '--htpp-port'\n\(Did you mean --http-port\?\)/);
  });
});

describe('clew without its server', () => {
  it('says that no server answers, and what to do', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const url = `http://127.0.0.1:${(probe.address() as AddressInfo).port}`;
    await new Promise((resolve) => probe.close(resolve));
    const { code, stdout, stderr } = await run(['search', '--server', url]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^clew: no Clew server answers at http.*\(.*ECONNREFUSED.*\): start one with "clew serve", .*\n$/,
    );
  });

  it('says when another program answers', async () => {
    const stranger = createServer((_, response) => response.writeHead(418).end('<h1>teapot</h1>')).listen(
      0,
      '127.0.0.1',
    );
    await once(stranger, 'listening');
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    try {
      const { code, stderr } = await run(['trace', traceId, '--server', url]);
      assert.equal(code, 1);
      assert.match(stderr, /answered 418 .*: is it another server\?\n$/);
    } finally {
      stranger.close();
    }
  });

  it('refuses what is no trace id, no address and no condition, before it asks a server', async () => {
    for (const [args, message] of [
      [['trace', 'orders'], /'orders' is invalid.*1 to 32 hexadecimal digits/],
      [['trace', '0'], /'0' is invalid.*not all zero/],
      [['trace', `${traceId}0`], /is invalid/],
      [['search', '--server', 'localhost:16686'], /"localhost:16686" is no address of a server/],
      [['search', '--attribute', 'user-id'], /key=value/],
      [['search', '--since', '1h', '--start', '2026-11-23'], /cannot be used with/],
      [['fly'], /unknown command 'fly'/],
    ] as const) {
      const { code, stderr } = await run(args);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, message);
    }
  });

  it('has help for each command, and loads neither what serves nor the model for it', async () => {
    const commands = [['--help'], ['serve', '--help'], ['trace', '--help'], ['search', '--help'], ['help', 'serve']];
    for (const args of commands) {
      // V8 writes down every script that the process has loaded.
      const coverage = mkdtempSync(join(dataDir, 'coverage-'));
      const { code, stdout } = await run(args, { NODE_V8_COVERAGE: coverage });
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: clew/);
      const scripts = readdirSync(coverage).map((name) => readFileSync(join(coverage, name), 'utf8'));
      assert.match(scripts.join(), /packages\/cli\/dist\/program\.js/);
      // The flags of `serve` are the server's table of settings.
      const allowed = args.includes('serve') ? '(?!config|errors|access-tokens|drop-rules|keep-rules|age|tenants)' : '';
      assert.doesNotMatch(scripts.join(), new RegExp(`packages/server/dist/${allowed}`));
      // Options are read by the parsers of texts, which load alone.
      assert.doesNotMatch(scripts.join(), /packages\/model\/dist\/(?!text\/)/);
    }
  });
});
