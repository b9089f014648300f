import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

/** One service, whose `/` asks itself for `/inner` once its own body has arrived. */
const service = `
const server = http.createServer((request, response) => {
  if (request.url === '/inner') {
    response.end(JSON.stringify(request.headers));
    return;
  }
  request.resume();
  request.on('end', () => {
    trace.getActiveSpan()?.addEvent('end of body');
    const target = 'http://127.0.0.1:' + server.address().port + '/inner';
    const answer = (text) => { trace.getActiveSpan()?.addEvent('answer'); response.end(text); };
    if (request.url === '/fetch') fetch(target).then((inner) => inner.text()).then(answer);
    else get(target, (inner) => { let text = ''; inner.on('data', (chunk) => { text += chunk; }); inner.on('end', () => answer(text)); });
  });
}).listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
`;

const apps = {
  'an ES module': [
    'app.mjs',
    `import http, { get } from 'node:http';\nimport { trace } from '@opentelemetry/api';\n${service}`,
  ],
  'a CommonJS app': [
    'app.cjs',
    `const http = require('node:http');\nconst { get } = http;\nconst { trace } = require('@opentelemetry/api');\n${service}`,
  ],
} as const;

for (const [what, [fileName, source]] of Object.entries(apps)) {
  for (const flag of ['--import', '--require']) {
    for (const client of ['http', 'fetch']) {
      test(`${what} under ${flag} is traced from server through ${client} to server, with context in req.on('end')`, async (t) => {
        const sink = await OtlpSink.start();
        t.after(() => sink.close());
        const app = runNode(t, [flag, '@clew/sdk/register', await writeApp(t, fileName, source)], {
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
          OTEL_BSP_SCHEDULE_DELAY: '20',
          OTEL_SERVICE_NAME: 'one',
        });
        const url = await app.url();
        const response = await fetch(`${url}/${client}`, { method: 'POST', body: 'x'.repeat(200_000) });
        const innerHeaders = (await response.json()) as Record<string, string>;
        const spans = await sink.waitFor(3);
        const named = (path: string): SinkSpan => spans.find((span) => span.attributes['url.path'] === path)!;
        const outer = named(`/${client}`);
        const inner = named('/inner');
        const sent = spans.find((span) => span.kind === kind.client)!;
        assert.equal(spans.length, 3);
        assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([outer.traceId]));
        assert.equal(outer.parentSpanId, '');
        assert.equal(sent.parentSpanId, outer.spanId);
        assert.equal(inner.parentSpanId, sent.spanId);
        assert.equal(innerHeaders.traceparent, `00-${sent.traceId}-${sent.spanId}-03`);
        assert.deepEqual(
          outer.events.map((event) => event.name),
          ['end of body', 'answer'],
        );
        assert.equal(outer.resource['service.name'], 'one');
        assert.match(
          app.notices.join('\n'),
          /^clew: tracing one to http:\/\/127\.0\.0\.1:\d+\/v1\/traces; sampler [^\n]+$/,
        );
        assert.equal(app.stderr, `${app.notices.join('\n')}\n`);
      });
    }
  }
}

test('the start line is kept back by OTEL_LOG_LEVEL none and error', async (t) => {
  for (const level of ['none', 'error', 'NONE']) {
    const app = runNode(t, ['--import', '@clew/sdk/register', '-e', '0'], { OTEL_LOG_LEVEL: level });
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.equal(app.stderr, '');
  }
});

test('OTEL_SDK_DISABLED=true traces nothing and says nothing, but the propagators work', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
     const context = propagation.extract(ROOT_CONTEXT, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
     console.log(trace.getSpanContext(context).spanId, trace.getTracer('t').startSpan('s').isRecording());`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], { OTEL_SDK_DISABLED: 'True' });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(app.stdout, 'b7ad6b7169203331 false\n');
  assert.equal(app.stderr, '');
});

test('only true disables: OTEL_SDK_DISABLED=1 does not, and is said to be wrong', async (t) => {
  const app = runNode(t, ['--import', '@clew/sdk/register', '-e', '0'], { OTEL_SDK_DISABLED: '1' });
  await app.exit();
  assert.match(app.notices[0]!, /OTEL_SDK_DISABLED=1 is taken as false/);
  assert.match(app.notices[1]!, /^clew: tracing /);
});

test('the thread that runs the loader hooks of an app, and preloads what --require names, is not traced', async (t) => {
  const hooks = 'export const resolve = (specifier, context, next) => next(specifier, context);';
  const path = await writeApp(
    t,
    'app.mjs',
    `import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    await import('node:os');`,
  );
  const app = runNode(t, ['--require', '@clew/sdk/register', path], { OTEL_TRACES_EXPORTER: 'none' });
  assert.deepEqual(await app.exit(), { code: 0, signal: null }, app.stderr);
  assert.equal(app.notices.length, 1, app.stderr);
});
