import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode, writeApp } from './run-app.js';

/** Runs an app under the SDK until it ends; `run` holds what it wrote, `spans` what arrived. */
async function runApp(
  t: import('node:test').TestContext,
  fileName: string,
  source: string,
  { before = [], env = {} }: { before?: readonly string[]; env?: Record<string, string> } = {},
): Promise<{ run: App; spans: readonly SinkSpan[] }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(t, fileName, source);
  const run = runNode(t, ['--import', '@clew/sdk/register', ...before.flatMap((file) => ['--import', file]), path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    ...env,
  });
  const { code } = await run.exit();
  assert.equal(code, 0, run.stderr);
  return { run, spans: sink.spans };
}

const oneRequest = `
  const http = require('node:http');
  const server = http.createServer((request, response) => response.end('x')).listen(0, '127.0.0.1', async () => {
    const url = 'http://127.0.0.1:' + server.address().port;
    await (await fetch(url + '/by-fetch')).text();
    await new Promise((resolve) => http.get(url + '/by-http', (response) => response.resume().on('end', resolve)));
    server.closeAllConnections();
    server.close();
  });`;

test("the official HTTP and undici instrumentations with the app's own hooks: one span a side, in one trace", async (t) => {
  const hooks = await writeApp(
    t,
    'hooks.mjs',
    `import { registerInstrumentations } from '@opentelemetry/instrumentation';
     import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
     import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
     const requestHook = (span) => span.setAttribute('tenant', 'acme');
     registerInstrumentations({
       instrumentations: [new HttpInstrumentation({ requestHook }), new UndiciInstrumentation({ requestHook })],
     });`,
  );
  const { run, spans } = await runApp(t, 'app.cjs', oneRequest, { before: [hooks] });
  assert.deepEqual(spans.map((span) => span.kind).sort(), [kind.server, kind.server, kind.client, kind.client]);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 2, 'a trace for each request of the client');
  for (const span of spans) assert.equal(span.attributes.tenant, 'acme', `${span.kind} ${span.name}`);
  const lines = run.notices.filter((line) => line.includes('enables'));
  assert.equal(lines.length, 2, run.stderr);
  assert.match(lines[0]!, /the app enables @opentelemetry\/instrumentation-http itself/);
});

test('with only one of them the other side stays ours, and the trace is one', async (t) => {
  const hooks = await writeApp(
    t,
    'hooks.mjs',
    `import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
     new UndiciInstrumentation({ requestHook: (span) => span.setAttribute('tenant', 'acme') });`,
  );
  const { spans } = await runApp(t, 'app.cjs', oneRequest, { before: [hooks] });
  assert.equal(spans.length, 4);
  assert.equal(spans.filter((span) => span.attributes.tenant === 'acme').length, 1);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 2);
});

test("beside Sentry, the app's spans are children of the server's span", async (t) => {
  const { spans } = await runApp(
    t,
    'app.cjs',
    `const Sentry = require('@sentry/node');
     Sentry.init({ dsn: 'http://a@127.0.0.1:9/1', skipOpenTelemetrySetup: true });
     const http = require('node:http');
     const { trace } = require('@opentelemetry/api');
     const server = http.createServer((request, response) => {
       trace.getTracer('app').startSpan('inside').end();
       request.resume().on('end', () => {
         trace.getTracer('app').startSpan('later').end();
         response.end();
       });
     });
     server.listen(0, '127.0.0.1', async () => {
       for (let n = 0; n < 2; n++) await (await fetch('http://127.0.0.1:' + server.address().port)).text();
       server.closeAllConnections();
       server.close(() => setTimeout(() => process.exit(0), 50));
     });`,
  );
  const servers = spans.filter((span) => span.kind === kind.server);
  assert.equal(servers.length, 2);
  for (const name of ['inside', 'later']) {
    const parents = spans.filter((span) => span.name === name).map((span) => span.parentSpanId);
    assert.deepEqual(parents.sort(), servers.map((span) => span.spanId).sort(), name);
  }
});

test('a proxy that passes its Host on names the server that it asks, and the caller gets one trace header', async (t) => {
  const { run, spans } = await runApp(
    t,
    'app.mjs',
    `import http from 'node:http';
     import httpProxy from 'http-proxy';
     const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
     const up = http.createServer((request, response) => response.end('up'));
     const upPort = await listen(up);
     const proxy = httpProxy.createProxyServer({ target: 'http://127.0.0.1:' + upPort });
     const front = http.createServer((request, response) => proxy.web(request, response));
     const frontPort = await listen(front);
     const headers = await new Promise((resolve) =>
       http.get({ port: frontPort, host: '127.0.0.1', path: '/p' }, (answer) =>
         answer.resume().on('end', () => resolve(answer.rawHeaders))));
     const count = (name) => headers.filter((item, index) => index % 2 === 0 && item.toLowerCase() === name).length;
     console.log('up=' + upPort, 'counts=' + count('traceresponse') + count('server-timing'));
     for (const server of [up, front]) { server.closeAllConnections(); server.close(); }`,
  );
  const upPort = Number(/up=(\d+)/.exec(run.stdout)![1]);
  const toUp = spans.filter((span) => span.kind === kind.client && span.attributes['network.peer.port'] === upPort);
  assert.equal(toUp.length, 1);
  assert.equal(toUp[0]!.attributes['server.port'], upPort);
  assert.equal(toUp[0]!.attributes['url.full'], `http://127.0.0.1:${upPort}/p`);
  assert.match(run.stdout, /counts=11/);
});

const frameworks: Readonly<Record<string, string>> = {
  'writeHead with an object': `http.createServer((q, r) => r.writeHead(200, { 'X-Resp': 'v' }).end())`,
  'writeHead with an array': `http.createServer((q, r) => r.writeHead(200, ['X-Resp', 'v']).end())`,
  Fastify: `(await (async () => {
    const app = (await import('fastify')).fastify();
    app.get('/', async (request, reply) => reply.header('x-resp', 'v').send('ok'));
    await app.ready();
    return app.server;
  })())`,
  Hono: `(await (async () => {
    const { Hono } = await import('hono');
    const { createAdaptorServer } = await import('@hono/node-server');
    const app = new Hono();
    app.get('/', (c) => c.text('ok', 200, { 'x-resp': 'v' }));
    return createAdaptorServer({ fetch: app.fetch });
  })())`,
};
for (const [name, server] of Object.entries(frameworks)) {
  test(`a response header that the environment names is captured, however it was set: ${name}`, async (t) => {
    const { spans } = await runApp(
      t,
      'app.mjs',
      `import http from 'node:http';
       const server = ${server};
       server.listen(0, '127.0.0.1', async () => {
         await (await fetch('http://127.0.0.1:' + server.address().port)).text();
         server.closeAllConnections();
         server.close();
       });`,
      { env: { OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE: 'X-Resp' } },
    );
    const span = spans.find((each) => each.kind === kind.server);
    assert.deepEqual(span!.attributes['http.response.header.x-resp'], ['v']);
  });
}

for (const [value, expected] of [
  ['', 'trace;desc='],
  ['true', 'trace;desc='],
  ['FALSE', 'none'],
] as const) {
  test(`CLEW_RESPONSE_HEADERS=${value} ${expected === 'none' ? 'keeps the trace out of' : 'leaves the trace on'} responses`, async (t) => {
    const source = `import http from 'node:http';
      const server = http.createServer((request, response) => response.end()).listen(0, '127.0.0.1', async () => {
        const { headers } = await fetch('http://127.0.0.1:' + server.address().port);
        console.log('header=' + (headers.get('server-timing') ?? headers.get('traceresponse') ?? 'none'));
        server.closeAllConnections();
        server.close();
      });`;
    const { run } = await runApp(t, 'app.mjs', source, { env: { CLEW_RESPONSE_HEADERS: value } });
    assert.ok(run.stdout.startsWith(`header=${expected}`), run.stdout);
  });
}

test('query parameters that CLEW_REDACTED_QUERY_PARAMETERS names are redacted beside those that always are', async (t) => {
  const { spans } = await runApp(
    t,
    'app.mjs',
    `import http from 'node:http';
     const server = http.createServer((request, response) => response.end()).listen(0, '127.0.0.1', async () => {
       await (await fetch('http://127.0.0.1:' + server.address().port + '/?api.key=a&apiXkey=b&sig=c&x=d')).text();
       server.closeAllConnections();
       server.close();
     });`,
    { env: { CLEW_REDACTED_QUERY_PARAMETERS: 'api.key, other' } },
  );
  const wanted = 'api.key=REDACTED&apiXkey=b&sig=REDACTED&x=d';
  assert.equal(spans.find((span) => span.kind === kind.server)!.attributes['url.query'], wanted);
  assert.ok(String(spans.find((span) => span.kind === kind.client)!.attributes['url.full']).endsWith(`/?${wanted}`));
});
