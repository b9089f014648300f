import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { onMessageWithContext, postWithContext, startTracing, type Tracing } from '@clew/sdk';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

let tracing: Tracing;

before(() => {
  process.env.OTEL_LOG_LEVEL = 'error';
  tracing = startTracing({ export: 'none' });
});
after(() => tracing.shutdown());

const incoming = propagation.extract(ROOT_CONTEXT, {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'a=1',
  baggage: 'user-id=al%20ice',
});

/** What arrives at the other end, and the context that it arrives in. */
async function passOn(post: (port: MessagePort) => void): Promise<{ value: unknown; spanId: unknown; user: unknown }> {
  const { port1, port2 } = new MessageChannel();
  const arrived = new Promise<{ value: unknown; spanId: unknown; user: unknown }>((resolve) => {
    onMessageWithContext(port2, (value) => {
      const spanId = trace.getActiveSpan()?.spanContext().spanId;
      resolve({ value, spanId, user: propagation.getActiveBaggage()?.getEntry('user-id')?.value });
    });
  });
  post(port1);
  const result = await arrived;
  port1.close();
  await once(port2, 'close');
  return result;
}

test('a message carries trace and baggage to the other thread', async () => {
  const posted = (port: MessagePort): void => context.with(incoming, () => postWithContext(port, { order: 7 }));
  assert.deepEqual(await passOn(posted), { value: { order: 7 }, spanId: 'b7ad6b7169203331', user: 'al ice' });
});

test('what is transferred is transferred', async () => {
  const buffer = new ArrayBuffer(8);
  const { value } = await passOn((port) => postWithContext(port, buffer, [buffer]));
  assert.equal((value as ArrayBuffer).byteLength, 8);
  assert.equal(buffer.byteLength, 0);
});

test('a message that was posted without a context is passed on as it is, outside of every trace', async () => {
  for (const value of ['text', null, undefined, { value: 1 }, [1]]) {
    const posted = (port: MessagePort): void => context.with(incoming, () => port.postMessage(value));
    assert.deepEqual(await passOn(posted), { value, spanId: undefined, user: undefined });
  }
});

test('listening can be stopped', async () => {
  const { port1, port2 } = new MessageChannel();
  let calls = 0;
  const stop = onMessageWithContext(port2, () => calls++);
  stop();
  port2.ref();
  const plain = once(port2, 'message');
  postWithContext(port1, 'x');
  await plain;
  assert.equal(calls, 0);
  port1.close();
});

const mainSource = `
const worker = new Worker(file);
const waiting = new Map();
onMessageWithContext(worker, ({ id, text }) => waiting.get(id)(text + ' ' + trace.getActiveSpan()?.spanContext().traceId));
let last = 0;
const server = http.createServer((request, response) => {
  waiting.set(++last, (text) => response.end(text));
  postWithContext(worker, { id: last });
}).listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
`;
const workerSource = `
onMessageWithContext(parentPort, ({ id }) => {
  trace.getTracer('w').startActiveSpan('in the worker', (span) => setTimeout(() => {
    postWithContext(parentPort, { id, text: 'done' });
    span.end();
  }, 1));
});
`;
const apps = {
  'an ES module': [
    'app.mjs',
    `import http from 'node:http';
     import { isMainThread, parentPort, Worker } from 'node:worker_threads';
     import { onMessageWithContext, postWithContext } from '@clew/sdk';
     import { trace } from '@opentelemetry/api';
     const file = new URL(import.meta.url);
     if (isMainThread) { ${mainSource} } else { ${workerSource} }`,
  ],
  'a CommonJS app': [
    'app.cjs',
    `const http = require('node:http');
     const { isMainThread, parentPort, Worker } = require('node:worker_threads');
     const { onMessageWithContext, postWithContext } = require('@clew/sdk');
     const { trace } = require('@opentelemetry/api');
     const file = __filename;
     if (isMainThread) { ${mainSource} } else { ${workerSource} }`,
  ],
} as const;

for (const [what, [fileName, source]] of Object.entries(apps)) {
  for (const flag of ['--import', '--require']) {
    test(`${what} under ${flag}: the trace runs through a worker thread and back`, async (t) => {
      const sink = await OtlpSink.start();
      t.after(() => sink.close());
      const app = runNode(t, [flag, '@clew/sdk/register', await writeApp(t, fileName, source)], {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
        OTEL_BSP_SCHEDULE_DELAY: '20',
      });
      const text = await (await fetch(await app.url())).text();
      const spans = await sink.waitFor(2);
      const served = spans.find((span) => span.name === 'GET')!;
      const worked = spans.find((span) => span.name === 'in the worker')!;
      assert.equal(worked.traceId, served.traceId);
      assert.equal(worked.parentSpanId, served.spanId);
      assert.equal(text, `done ${served.traceId}`);
    });
  }
}
