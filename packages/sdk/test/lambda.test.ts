import assert from 'node:assert/strict';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LibraryApp } from './library-app.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, casesFolder, runNode } from './run-app.js';

const instrumentation = '@opentelemetry/instrumentation-aws-lambda';
const traceId = '0af7651916cd43dd8448eb211c80319c';
const event = { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } };

async function runFunction(
  t: TestContext,
  handler: 'CommonJS' | 'an ES module',
): Promise<{ app: App; sink: OtlpSink }> {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const task = await LibraryApp.create(t, [instrumentation]);
  const lambda = join(casesFolder, 'lambda');
  await mkdir(join(task.folder, 'runtime'));
  await cp(join(lambda, 'runtime.cjs'), join(task.folder, 'runtime', 'index.cjs'));
  if (handler === 'CommonJS') await cp(join(lambda, 'task', 'index.js'), join(task.folder, 'index.js'));
  else {
    const source = await readFile(join(lambda, 'task', 'index.js'), 'utf8');
    await task.write('index.mjs', source.replace('exports.handler =', 'export const handler ='));
  }
  const app = runNode(
    t,
    ['--import', '@clew/sdk/register', join(task.folder, 'runtime', 'index.cjs')],
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      CLEW_FLUSH_TIMEOUT: '60000',
      _HANDLER: 'index.handler',
      EVENT: JSON.stringify(event),
      HANDLER_IS_MODULE: String(handler === 'an ES module'),
      LAMBDA_TASK_ROOT: task.folder,
    },
    task.folder,
  );
  return { app, sink };
}

for (const handler of ['CommonJS', 'an ES module'] as const) {
  test(`a function of AWS Lambda whose handler is ${handler} has a server span below its caller, sent when it answers`, async (t) => {
    const { app, sink } = await runFunction(t, handler);
    assert.deepEqual(await app.exit(), { code: null, signal: 'SIGKILL' }, app.stderr);
    assert.equal(app.stdout, '{"statusCode":200}\n');
    assert.match(app.stderr, /^clew: tracing .*, aws-lambda\n$/);
    const [span] = sink.spans;
    assert.equal(sink.spans.length, 1);
    assert.equal(span!.name, 'fn');
    assert.equal(span!.kind, 2);
    assert.equal(span!.traceId, traceId);
    assert.equal(span!.parentSpanId, 'b7ad6b7169203331');
    assert.equal(span!.attributes['faas.invocation_id'], 'r');
  });
}

test('outside of AWS Lambda its instrumentation traces nothing, and the first line does not name it', async (t) => {
  const app = await LibraryApp.create(t, [instrumentation]);
  const run = runNode(
    t,
    ['--import', '@clew/sdk/register', await app.write('app.cjs', '')],
    { OTEL_TRACES_EXPORTER: 'none' },
    app.folder,
  );
  assert.deepEqual(await run.exit(), { code: 0, signal: null });
  assert.match(run.stderr, /HTTP server, HTTP client, fetch\n$/);
});
