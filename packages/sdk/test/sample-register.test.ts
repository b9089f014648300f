import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

let sink: OtlpSink;
before(async () => {
  sink = await OtlpSink.start();
});
after(() => sink.close());

test('rules of the environment are matched with the path of a request', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { once } from 'node:events';
    import { createServer, get } from 'node:http';
    const server = createServer((request, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    for (const path of ['/health', '/users/1', '/users/1/orders', '/other?x=/health']) {
      const [response] = await once(get({ port: server.address().port, path, agent: false }), 'response');
      await once(response.resume(), 'end');
    }
    server.close();`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    // Rules for all spans: the client's have no path, and are refused by the sampler that stands behind the rules.
    OTEL_TRACES_SAMPLER: 'always_off',
    CLEW_SAMPLING_RULES: JSON.stringify([
      { route: '/health', decision: 'drop' },
      { route: '/users/:id', decision: 'drop' },
      { attributes: { 'http.request.method': 'GET' }, route: '/*', ratio: 1 },
    ]),
  });
  assert.equal((await app.exit()).code, 0);
  assert.deepEqual(
    sink.spans.map(({ attributes }) => attributes['url.path']),
    ['/users/1/orders', '/other'],
  );
});

test('a presumption about trace ids, and baggage that is not sent, are said once each', async (t) => {
  const path = await writeApp(
    t,
    'app.mjs',
    `import { createTraceState, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
    const tracer = trace.getTracer('t');
    // Explicit randomness needs no presumption.
    const traceState = createTraceState('ot=rv:0123456789abcd');
    const explicit = { traceId: 'f'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, traceState };
    tracer.startSpan('s', {}, trace.setSpanContext(ROOT_CONTEXT, explicit));
    for (const flags of [3, 2, 1, 0]) {
      const spanContext = { traceId: 'f'.repeat(32), spanId: 'b'.repeat(16), traceFlags: flags };
      tracer.startSpan('s', {}, trace.setSpanContext(ROOT_CONTEXT, spanContext));
      if (flags === 2) console.error('now without the random flag');
    }
    const entries = Object.fromEntries(Array.from({ length: 66 }, (_, index) => ['k' + index, { value: 'v' }]));
    const carrier = {};
    propagation.inject(propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries)), carrier);
    propagation.inject(propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ ['a b']: { value: 'secret' } })), {});
    console.log(carrier.baggage.split(',').length);`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_LOG_LEVEL: 'warn',
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_TRACES_SAMPLER: 'probability',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  });
  assert.equal((await app.exit()).code, 0);
  assert.equal(app.stdout.trim(), '64');
  assert.equal(app.notices.length, 2);
  assert.match(app.stderr, /^now without the random flag\nclew: the probability sampler takes the trace ids/);
  assert.match(app.notices[1]!, /the baggage entry "k64" is not sent: at most 64 entries and 8192 bytes/);
});
