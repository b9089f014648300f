import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { LibraryApp, waysToStart } from './library-app.js';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode } from './run-app.js';

/** A server that answers as OpenAI's does, and the `traceparent` of each request. */
async function startModel(t: TestContext): Promise<{ url: string; parents: (string | undefined)[] }> {
  const parents: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    parents.push(request.headers.traceparent as string | undefined);
    const message = { role: 'assistant', content: 'fine' };
    const choices = [{ index: 0, finish_reason: 'stop', message }];
    response.setHeader('content-type', 'application/json');
    request
      .resume()
      .on('end', () => response.end(JSON.stringify({ id: 'c', object: 'chat.completion', model: 'm', choices })));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, parents };
}

for (const { flag, form, extension } of waysToStart) {
  test(`openai, which is an ES module for those who import it, is traced in ${form} under ${flag}`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const model = await startModel(t);
    const app = await LibraryApp.create(t, ['openai', '@opentelemetry/instrumentation-openai']);
    const ask = `async function ask(OpenAI, question) {
      const client = new OpenAI({ apiKey: 'none', baseURL: process.env.MODEL });
      const { choices } = await client.chat.completions.create({ model: question, messages: [{ role: 'user', content: '?' }] });
      console.log(choices[0].message.content);
    }`;
    const isModule = extension === 'mjs';
    const source = isModule
      ? `import OpenAI, { OpenAI as Named } from 'openai';
        await ask(OpenAI, 'first'); await ask(Named, 'second');`
      : `const OpenAI = require('openai');
        ask(OpenAI, 'first').then(() => import('openai')).then((all) => ask(all.default, 'second'));`;
    const path = await app.write(`app.${extension}`, `${source}\n${ask}`);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, MODEL: model.url };
    const run = runNode(t, [flag, '@clew/sdk/register', path], env, app.folder);
    assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
    assert.equal(run.stdout, 'fine\nfine\n');
    const chats = sink.spans.filter(({ scope }) => scope === '@opentelemetry/instrumentation-openai');
    assert.deepEqual(
      chats.map(({ name, kind: spanKind }) => [name, spanKind]),
      [
        ['chat first', kind.client],
        ['chat second', kind.client],
      ],
    );
    const requests = chats.map(({ spanId }) => sink.spans.filter(({ parentSpanId }) => parentSpanId === spanId));
    assert.deepEqual(
      requests.map((each) => each.map(({ name }) => name)),
      [['POST'], ['POST']],
    );
    assert.deepEqual(
      model.parents.map((parent) => parent?.slice(0, -2)),
      requests.map(([request]) => `00-${request!.traceId}-${request!.spanId}-`),
    );
    assert.equal(run.notices.length, 1, run.stderr);
  });
}

test('middleware of Koa, whose ES module passes on what is CommonJS, makes one span each', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const instrumentations = ['koa', 'openai'].map((name) => `@opentelemetry/instrumentation-${name}`);
  // With openai there, imports are hooked.
  const app = await LibraryApp.create(t, ['koa', 'openai', ...instrumentations]);
  const path = await app.write(
    'app.mjs',
    `import Koa from 'koa';
    const app = new Koa();
    app.use(async function first(context, next) { await next(); });
    app.use(async function second(context) { context.body = 'done'; });
    const server = app.listen(0, '127.0.0.1', async () => {
      console.log(await (await fetch('http://127.0.0.1:' + server.address().port)).text());
      server.close();
      server.closeAllConnections();
    });`,
  );
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint };
  const run = runNode(t, ['--import', '@clew/sdk/register', path], env, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
  assert.equal(run.stdout, 'done\n');
  const middleware = sink.spans.filter(({ scope }) => scope === '@opentelemetry/instrumentation-koa');
  assert.deepEqual(middleware.map(({ name }) => name).sort(), ['middleware - first', 'middleware - second']);
});
