import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-ports.js';

const clew = fileURLToPath(new URL('../bin/clew.js', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'clew-own-traces-'));
after(() => rmSync(dataDir, { recursive: true, force: true }));

interface OwnSpan {
  readonly name: string;
  readonly scope: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

interface ExportBody {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly OwnSpan[] }[];
  }[];
}

test('a server that is started with the SDK traces migrations, inserts and queries, and nothing on the way of spans', async () => {
  const spans: OwnSpan[] = [];
  const collector = createServer(async (request, response) => {
    const chunks = (await request.toArray()) as Buffer[];
    const body = JSON.parse(Buffer.concat(chunks).toString()) as ExportBody;
    for (const { scopeSpans } of body.resourceSpans) {
      for (const { scope, spans: some } of scopeSpans)
        spans.push(...some.map((span) => ({ ...span, scope: scope.name })));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');

  const child = spawn(process.execPath, ['--import', import.meta.resolve('@clew/sdk/register'), clew, 'serve'], {
    env: {
      ...process.env,
      ...freePorts,
      CLEW_DATA_DIR: dataDir,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_SERVICE_NAME: 'clew',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let output = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      output += chunk;
      if (output.includes('Health')) break;
    }
    const [uiUrl, otlpUrl] = output.match(/http:\/\/\S+/g)!;
    const span = {
      traceId: 'ab'.repeat(16),
      spanId: 'cd'.repeat(8),
      name: 'x',
      startTimeUnixNano: '1790000000000000000',
    };
    const exported = await fetch(`${otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
    });
    assert.equal(exported.status, 200);
    assert.equal((await fetch(`${uiUrl}/clew/v1/services`)).status, 200);
    assert.equal((await fetch(`${uiUrl}/clew/v1/traces/${'1'.repeat(32)}`)).status, 404);

    const own = (): readonly OwnSpan[] => spans.filter(({ scope }) => scope === 'clew');
    const find = (name: string): OwnSpan | undefined => own().find((each) => each.name === name);
    const wanted = [
      'migrate',
      'insert resources',
      'insert spans',
      'query /clew/v1/services',
      'query /clew/v1/traces/:traceId',
    ];
    while (!wanted.every((name) => find(name) !== undefined)) await sleep(20);
    assert.deepEqual([...new Set(own().map(({ name }) => name))].sort(), [...wanted].sort());

    // A query's span stands under that of its request, which the SDK has made.
    const query = find('query /clew/v1/services')!;
    while (!spans.some(({ spanId }) => spanId === query.parentSpanId)) await sleep(20);
    const missing = find('query /clew/v1/traces/:traceId')!;
    assert.equal(missing.status?.code, 2);
    const code = missing.attributes.find(({ key }) => key === 'error.type');
    assert.deepEqual(code?.value, { stringValue: 'CLEW_TRACE_NOT_FOUND' });
    assert.equal(query.status?.code ?? 0, 0);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
    collector.closeAllConnections();
    collector.close();
  }
});
