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

for (const [runtime, started, missing] of [
  ['bun', 'HTTP client', 'this is Bun, not Node: the HTTP server, fetch and libraries are not traced'],
  ['deno', 'HTTP server, HTTP client', 'this is Deno, not Node: fetch and libraries are not traced'],
] as const) {
  test(`a runtime that calls itself ${runtime} is not said to trace what it does not, and signals still flush`, async (t) => {
    // Both say so in this place, beside the version of Node that they resemble.
    const versions = `const value = { ...process.versions, ${runtime}: '1.0.0' };
Object.defineProperty(process, 'versions', { value });`;
    const args = ['--require', await writeApp(t, 'runtime.cjs', versions), ...register];
    const app = await noticesOf(t, "console.log(process.listenerCount('SIGTERM'));", {}, args);
    const [first, second] = app.notices;
    assert.match(first!, new RegExp(`; ${started}$`));
    assert.match(second!, new RegExp(missing));
    // Without a listener, neither gives a signal to anybody.
    assert.equal(app.stdout, '1\n');
  });
}

test('what is turned off is missing in that line', async (t) => {
  const off = { OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'undici' };
  assert.match((await noticesOf(t, '', off)).notices[0]!, /; fetch$/);
  const all = { ...off, OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'undici' };
  assert.match((await noticesOf(t, '', all)).notices[0]!, /; nothing is instrumented$/);
});

const otlp = { OTEL_TRACES_EXPORTER: 'otlp' };
const invalid: readonly [variable: string, value: string, notice: RegExp, env?: Record<string, string>][] = [
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
  [
    'OTEL_TRACES_SAMPLER_ARG',
    '1.5',
    /ARG=1\.5 is ignored .* a ratio from 0 to 1/,
    { OTEL_TRACES_SAMPLER: 'traceidratio' },
  ],
  ['OTEL_TRACES_SAMPLER_ARG', 'half', /ARG=half is ignored/, { OTEL_TRACES_SAMPLER: 'parentbased_probability' }],
  ['OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', '1k', /=1k is ignored and the default used/],
  ['OTEL_BSP_SCHEDULE_DELAY', '5s', /=5s is ignored and the default used/, otlp],
  ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '0', /=0 is ignored .* a number from 1/, otlp],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '-5', /=-5 is ignored/, otlp],
  ['OTEL_BSP_EXPORT_TIMEOUT', 'Infinity', /=Infinity is ignored/, otlp],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s', /=10s is ignored/, otlp],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'brotli', /=brotli is ignored: gzip or none/, otlp],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'thrift', /=thrift is ignored: http\/protobuf, http\/json, grpc/, otlp],
  ['OTEL_EXPORTER_OTLP_INSECURE', '1', /=1 is taken as false/, { ...otlp, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a' }],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector 4318', /=collector 4318 is ignored: .*URL is needed/, otlp],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=b,secret', /entry 2 of OTEL_EXPORTER_OTLP_HEADERS is ignored: it has no "="/, otlp],
  [
    'HTTPS_PROXY',
    'socks5://a',
    /HTTPS_PROXY is ignored: an http/,
    { ...otlp, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a' },
  ],
  ['CLEW_RESPONSE_HEADERS', 'off', /=off is taken as true: only false is false, in any case/],
  ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/no/such.pem', /=\/no\/such\.pem is ignored: ENOENT/, otlp],
  ['OTEL_TRACES_EXPORTER', 'otlp,pigeon', /"pigeon" in OTEL_TRACES_EXPORTER is ignored: otlp, zipkin, console or none/],
  ['OTEL_NODE_RESOURCE_DETECTORS', 'env,moon', /names moon, which is unknown and ignored: env, host/],
  ['OTEL_NODE_RESOURCE_DETECTORS', 'all,moon', /names moon, which is unknown and ignored/],
  ['OTEL_NODE_RESOURCE_DETECTORS', 'none,moon', /names moon, which is unknown and ignored/],
  ['OTEL_NODE_DISABLED_INSTRUMENTATIONS', 'fs,moon,pg', /names moon, which turns nothing off/],
  [
    'OTEL_CONFIG_FILE',
    '/etc/otel.yaml',
    /OTEL_CONFIG_FILE=\/etc\/otel\.yaml is ignored: this SDK reads no configuration file/,
  ],
  ['CLEW_FLUSH_TIMEOUT', 'never', /=never is ignored/, otlp],
  ['CLEW_MAX_QUEUE_BYTES', '16MB', /=16MB is ignored/, otlp],
  ['CLEW_REPORT_RUNNING_AFTER', '30 s', /=30 s is ignored/, otlp],
  ['CLEW_LOG_CORRELATION', 'bunyan', /=bunyan is ignored: "bunyan" is none of pino, winston, console/],
  ['CLEW_SAMPLING_RULES', '[', /CLEW_SAMPLING_RULES is ignored/],
];
for (const [variable, value, notice, env] of invalid) {
  test(`${variable}=${value} is said to be wrong, once, and what is used instead`, async (t) => {
    const { notices } = await noticesOf(t, '', { ...env, [variable]: value });
    assert.equal(notices.filter((line) => line.includes(variable)).length, 1);
    assert.match(notices.join('\n'), notice);
  });
}

test('an empty variable is as one that is not set', async (t) => {
  const empty = Object.fromEntries(invalid.map(([variable], index) => [variable, index % 2 === 0 ? '' : ' ']));
  const { notices } = await noticesOf(t, '', empty);
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /http:\/\/localhost:4318\/v1\/traces; sampler ParentBased/);
});

test('OTEL_SDK_DISABLED=FALSE is a proper false', async (t) => {
  assert.equal((await noticesOf(t, '', { OTEL_SDK_DISABLED: 'FALSE' })).notices.length, 1);
});

test('names are understood in any case, numbers with spaces around them', async (t) => {
  const { notices } = await noticesOf(t, '', {
    OTEL_SERVICE_NAME: 'cart',
    OTEL_LOG_LEVEL: 'INFO',
    OTEL_TRACES_EXPORTER: 'OTLP',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'HTTP/JSON',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'GZIP',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318',
    OTEL_TRACES_SAMPLER: 'ParentBased_TraceIdRatio',
    OTEL_TRACES_SAMPLER_ARG: ' 0.5 ',
    OTEL_PROPAGATORS: 'TraceContext, B3',
    OTEL_BSP_SCHEDULE_DELAY: ' 10 ',
  });
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /cart to http:\/\/collector\.example:4318\/v1\/traces; sampler ParentBased.*0\.5/);
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
