import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LibraryApp, loadStatements, waysToStart } from './library-app.js';
import { type App, runNode } from './run-app.js';

/** The body of an app that logs outside and inside a span, and says which span that was. */
function inSpan(log: string): string {
  return `
    const tracer = api.trace.getTracer('test');
    tracer.startActiveSpan('work', (span) => {
      const { traceId, spanId, traceFlags } = span.spanContext();
      process.stderr.write('span=' + JSON.stringify({ trace_id: traceId, span_id: spanId, trace_flags: '0' + traceFlags }) + '\\n');
      ${log}
      span.end();
    });`;
}

interface Outcome {
  readonly run: App;
  /** Lines of stdout. */
  readonly lines: readonly string[];
  /** What a line in the span must carry. */
  readonly fields: { readonly trace_id: string; readonly span_id: string; readonly trace_flags: string };
}

async function runApp(
  t: TestContext,
  options: {
    readonly packages?: readonly string[];
    readonly source: string;
    readonly extension?: 'mjs' | 'cjs';
    readonly flag?: string;
    readonly env?: Record<string, string>;
    readonly bindings?: Readonly<Record<string, string>>;
  },
): Promise<Outcome> {
  const { packages = [], source, extension = 'mjs', flag = '--import', env = {}, bindings = {} } = options;
  const app = await LibraryApp.create(t, packages);
  const loads = loadStatements(extension, { api: '@opentelemetry/api', ...bindings });
  const path = await app.write(`app.${extension}`, `${loads}\n${source}`);
  const run = runNode(t, [flag, '@clew/sdk/register', path], { OTEL_TRACES_EXPORTER: 'none', ...env }, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
  const fields = JSON.parse(/span=(.*)/.exec(run.stderr)![1]!) as Outcome['fields'];
  return { run, lines: run.stdout.trimEnd().split('\n'), fields };
}

function fieldsOf(line: string | undefined): unknown {
  const { trace_id, span_id, trace_flags } = JSON.parse(line!) as Record<string, unknown>;
  return { trace_id, span_id, trace_flags };
}

const none = { trace_id: undefined, span_id: undefined, trace_flags: undefined };

const loggers = {
  pino: { bindings: { pino: 'pino' }, make: 'const logger = pino(pino.destination({ sync: true }));' },
  winston: {
    bindings: { winston: 'winston' },
    make: 'const logger = winston.createLogger({ transports: [new winston.transports.Console()] });',
  },
} as const;

for (const [name, { bindings, make }] of Object.entries(loggers)) {
  for (const { flag, form, extension } of waysToStart) {
    for (const packages of [[name], [name, `@opentelemetry/instrumentation-${name}`]]) {
      const by = packages.length === 1 ? 'by us' : "by the community's package";
      test(`a line of ${name} carries its span once, ${by}, in ${form} under ${flag}`, async (t) => {
        const source = `${make}\nlogger.info('outside');\n${inSpan("logger.info('inside'); logger.child({ a: 1 }).warn('child');")}`;
        const { lines, fields, run } = await runApp(t, { packages, source, extension, flag, bindings });
        assert.equal(lines.length, 3);
        assert.deepEqual(lines.map(fieldsOf), [none, fields, fields]);
        for (const line of lines.slice(1)) assert.equal(line.split('"trace_id"').length, 2, line);
        assert.equal(run.notices.length, 1, run.stderr);
      });
    }
  }
}

test("pino's named exports are the correlated ones, and the fields of an app's own mixin win", async (t) => {
  const source = `
    import { pino, destination } from 'pino';
    const logger = pino({ mixin: (merged, level) => ({ level_seen: level, trace_flags: 'mine' }) }, destination({ sync: true }));
    ${inSpan("logger.info('inside');")}`;
  const { lines, fields } = await runApp(t, { packages: ['pino'], source });
  assert.deepEqual(fieldsOf(lines[0]), { ...fields, trace_flags: 'mine' });
  assert.equal((JSON.parse(lines[0]!) as { level_seen: number }).level_seen, 30);
});

test('pino that a CommonJS library required first is correlated where an ES module imports it later', async (t) => {
  for (const packages of [
    ['pino', 'pg'],
    ['pino', 'pg', '@opentelemetry/instrumentation-pg', '@opentelemetry/instrumentation-pino'],
  ]) {
    const app = await LibraryApp.create(t, packages);
    await app.write('first.cjs', "require('pg');\nrequire('pino');\n");
    const path = await app.write(
      'app.mjs',
      `import './first.cjs';\nimport pino from 'pino';\nimport api from '@opentelemetry/api';\n` +
        `const logger = pino(pino.destination({ sync: true }));\n${inSpan("logger.info('inside');")}`,
    );
    const run = runNode(t, ['--import', '@clew/sdk/register', path], { OTEL_TRACES_EXPORTER: 'none' }, app.folder);
    assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
    assert.deepEqual(fieldsOf(run.stdout), JSON.parse(/span=(.*)/.exec(run.stderr)![1]!));
  }
});

test('a field that a line of winston has already stays as the app set it', async (t) => {
  const { bindings, make } = loggers.winston;
  const source = `${make}\n${inSpan("logger.info('inside', { trace_id: 'mine' });")}`;
  const { lines } = await runApp(t, { packages: ['winston'], source, bindings });
  assert.deepEqual(fieldsOf(lines[0]), { ...none, trace_id: 'mine' });
});

test('console is left as it is unless it is asked for', async (t) => {
  const { lines } = await runApp(t, { source: inSpan("console.log('inside');") });
  assert.deepEqual(lines, ['inside']);
});

for (const { flag, form, extension } of waysToStart) {
  test(`with CLEW_LOG_CORRELATION=console, what ${form} writes in a span under ${flag} ends in it, and JSON stays JSON`, async (t) => {
    const source = `console.log('outside');${inSpan(`
      console.log('user %s', 'alice', { a: 1 });
      console.log(JSON.stringify({ message: 'json' }));
      console.log('{}');
      console.log(JSON.stringify({ trace_id: 'mine' }));
      console.log();
      console.info('{ no json }');`)}`;
    const env = { CLEW_LOG_CORRELATION: 'console' };
    const { lines, fields } = await runApp(t, { source, flag, extension, env });
    const tail = `trace_id=${fields.trace_id} span_id=${fields.span_id} trace_flags=${fields.trace_flags}`;
    assert.deepEqual(lines, [
      'outside',
      `user alice { a: 1 } ${tail}`,
      JSON.stringify({ ...fields, message: 'json' }),
      JSON.stringify(fields),
      '{"trace_id":"mine"}',
      '',
      `{ no json } ${tail}`,
    ]);
  });
}

test('CLEW_LOG_CORRELATION=none leaves every logger as it is, the instrumentation of one, too', async (t) => {
  for (const packages of [['pino'], ['pino', '@opentelemetry/instrumentation-pino']]) {
    const source = `${loggers.pino.make}\n${inSpan("logger.info('inside');")}`;
    const env = { CLEW_LOG_CORRELATION: 'none' };
    const { lines } = await runApp(t, { packages, source, env, bindings: loggers.pino.bindings });
    assert.deepEqual(lines.map(fieldsOf), [none]);
  }
});

test('a logger that CLEW_LOG_CORRELATION cannot mean is named once, and the default stands', async (t) => {
  const source = `${loggers.pino.make}\n${inSpan("logger.info('inside');")}`;
  const env = { CLEW_LOG_CORRELATION: 'pino,log4j' };
  const { lines, fields, run } = await runApp(t, {
    packages: ['pino'],
    source,
    env,
    bindings: loggers.pino.bindings,
  });
  assert.deepEqual(lines.map(fieldsOf), [fields]);
  assert.match(
    run.notices[0]!,
    /CLEW_LOG_CORRELATION=pino,log4j is ignored: "log4j" is none of pino, winston, console/,
  );
});
