import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type App, runNode, writeApp } from './run-app.js';

const register = ['--import', '@clew/sdk/register'];

/** The notices of an app that ends at once. */
async function noticesOf(t: TestContext, source: string, env: Record<string, string>, args = register): Promise<App> {
  const app = runNode(t, [...args, await writeApp(t, 'app.mjs', source)], { OTEL_TRACES_EXPORTER: 'none', ...env });
  await app.exit();
  return app;
}

test('one line says at the start: service, endpoint, sampler, what is instrumented', async (t) => {
  const app = await noticesOf(t, '', {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_SERVICE_NAME: 'cart',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318',
    OTEL_TRACES_SAMPLER: 'always_off',
    OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'http,undici',
  });
  assert.deepEqual(app.notices, [
    'clew: tracing cart to http://collector.example:4318/v1/traces; sampler AlwaysOffSampler; HTTP server, HTTP client, fetch',
  ]);
});

test('what is turned off is missing in that line', async (t) => {
  const off = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'undici' };
  assert.match((await noticesOf(t, '', off)).notices[0]!, /; fetch$/);
  const all = { ...off, OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'undici' };
  assert.match((await noticesOf(t, '', all)).notices[0]!, /; nothing is instrumented$/);
});

const invalid: readonly [variable: string, value: string, notice: RegExp][] = [
  ['OTEL_SDK_DISABLED', 'yes', /OTEL_SDK_DISABLED=yes is taken as false: only true is true, in any case/],
  [
    'OTEL_LOG_LEVEL',
    'loud',
    /OTEL_LOG_LEVEL=loud is unknown, info is used: none, error, warn, info, debug, verbose, all/,
  ],
  ['OTEL_TRACES_SAMPLER', 'sometimes', /OTEL_TRACES_SAMPLER=sometimes .*always_on/],
  ['OTEL_PROPAGATORS', 'tracecontext,pigeon', /OTEL_PROPAGATORS .*pigeon.*tracecontext/],
  [
    'OTEL_SPAN_EVENT_COUNT_LIMIT',
    '-1',
    /OTEL_SPAN_EVENT_COUNT_LIMIT=-1 is ignored and the default used: a number from 0 is needed/,
  ],
  [
    'OTEL_RESOURCE_ATTRIBUTES',
    'a=%E0%A4%A,b=1',
    /OTEL_RESOURCE_ATTRIBUTES is ignored as a whole: "a=%E0%A4%A" is not key=value/,
  ],
];
for (const [variable, value, notice] of invalid) {
  test(`${variable}=${value} is said to be wrong, once, and what is used instead`, async (t) => {
    const { notices } = await noticesOf(t, '', { [variable]: value });
    assert.equal(notices.filter((line) => line.includes(variable)).length, 1);
    assert.match(notices.join('\n'), notice);
  });

  test(`an empty ${variable} is as one that is not set`, async (t) => {
    assert.equal((await noticesOf(t, '', { [variable]: ' ' })).notices.length, 1);
  });
}

test('OTEL_SDK_DISABLED=FALSE is a proper false', async (t) => {
  assert.equal((await noticesOf(t, '', { OTEL_SDK_DISABLED: 'FALSE' })).notices.length, 1);
});

test('OTEL_LOG_LEVEL=warn keeps the start line back and lets warnings through', async (t) => {
  const { notices } = await noticesOf(t, '', { OTEL_LOG_LEVEL: 'warn', OTEL_SDK_DISABLED: 'yes' });
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /OTEL_SDK_DISABLED=yes/);
});

test('a second startTracing with options is said to be ignored; one without is not', async (t) => {
  const twice = `import { startTracing } from '@clew/sdk'; startTracing(); startTracing({ responseHeaders: false });`;
  const { notices } = await noticesOf(t, twice, {});
  assert.equal(notices.length, 2);
  assert.match(notices[1]!, /startTracing was called a second time.* the new options are ignored/);
});

test('an SDK that starts after this one is named with the place where it does', async (t) => {
  const { notices } = await noticesOf(
    t,
    `import { ProxyTracerProvider, trace } from '@opentelemetry/api';
     trace.setGlobalTracerProvider(new ProxyTracerProvider());`,
    {},
  );
  assert.equal(notices.length, 2);
  assert.match(
    notices[1]!,
    /a second SDK has tried to start \(at .*app\.mjs:\d+:\d+\) and was ignored: start only one/,
  );
});

test('an SDK that was started before this one is said to be there', async (t) => {
  const { notices } = await noticesOf(
    t,
    `import { ProxyTracerProvider, trace } from '@opentelemetry/api';
     trace.setGlobalTracerProvider(new ProxyTracerProvider());
     (await import('@clew/sdk')).startTracing();`,
    {},
    [],
  );
  assert.match(notices[0]!, /something else has registered with @opentelemetry\/api before/);
});

test("what the api and instrumentations complain of is a notice, once; the app's own logger takes over", async (t) => {
  const { notices, stdout } = await noticesOf(
    t,
    `import { diag } from '@opentelemetry/api';
     for (let index = 0; index < 3; index++) diag.warn('a patch failed', new Error('no such method'));
     diag.info('nobody asked');
     diag.setLogger({ warn: (text) => console.log('mine: ' + text), error() {}, info() {}, debug() {}, verbose() {} });
     diag.warn('another patch failed');`,
    {},
  );
  assert.deepEqual(notices.slice(1), ['clew: a patch failed no such method']);
  assert.match(stdout, /mine: another patch failed\n$/);
});

/** An app with a copy of the api of its own, of this version, loaded by `load`. */
async function appWithCopy(t: TestContext, version: string, source: string): Promise<string> {
  const path = await writeApp(t, 'app.mjs', source);
  const original = dirname(dirname(dirname(createRequire(import.meta.url).resolve('@opentelemetry/api'))));
  const copy = join(dirname(path), 'node_modules', '@opentelemetry', 'api');
  await mkdir(dirname(copy), { recursive: true });
  await cp(original, copy, { recursive: true, dereference: true });
  for (const file of ['package.json', join('build', 'src', 'version.js')]) {
    const text = await readFile(join(copy, file), 'utf8');
    assert.match(text, /1\.9\.\d+/);
    await writeFile(join(copy, file), text.replace(/1\.9\.\d+/, version));
  }
  return path;
}

const useCopy = `import { trace } from '@opentelemetry/api';
  console.log(trace.getTracer('t').startSpan('s').isRecording());`;

for (const [version, isTraced, effect] of [
  ['1.8.0', true, /They work together/],
  ['1.10.0', false, /are LOST/],
] as const) {
  test(`a second copy of @opentelemetry/api ${version} is found, and whether its spans are lost`, async (t) => {
    const path = await appWithCopy(t, version, `${useCopy} setTimeout(() => {}, 600_000);`);
    const app = runNode(t, [...register, path], { OTEL_TRACES_EXPORTER: 'none' });
    const [line] = await app.waitForText(/two copies of @opentelemetry\/api are loaded.*\n/);
    assert.match(line, new RegExp(`and ${version.replaceAll('.', '\\.')} in .*app-\\w+`));
    assert.match(line, effect);
    assert.equal(app.stdout, `${isTraced}\n`);
  });
}

test('a copy of another version that was used before the SDK started is said to take all spans with it', async (t) => {
  const path = await appWithCopy(
    t,
    '1.8.0',
    `import { diag, DiagLogLevel } from '@opentelemetry/api';
     diag.setLogger({ warn() {}, error() {}, info() {}, debug() {}, verbose() {} }, DiagLogLevel.NONE);
     (await import('@clew/sdk')).startTracing();`,
  );
  const app = runNode(t, [path], { OTEL_TRACES_EXPORTER: 'none' });
  await app.exit();
  assert.match(
    app.notices[0]!,
    /another copy of @opentelemetry\/api, version 1\.8\.0, was used before this SDK started/,
  );
});
