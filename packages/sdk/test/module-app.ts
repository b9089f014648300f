import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { LibraryApp } from './library-app.js';
import { writeModuleInstrumentation, writeModuleLibrary } from './module-library.js';
import type { SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode } from './run-app.js';

export interface Ended {
  readonly run: App;
  readonly spans: readonly SinkSpan[];
  /** The names of spans by the instrumentation of `moduledb`, in order. */
  readonly names: readonly string[];
  /** States by instrumentation. */
  readonly report: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>;
}

export interface RunOptions {
  readonly file?: string;
  /** Flags of Node that load the SDK, and what else is to be loaded before the app. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export const importSdk = ['--import', '@clew/sdk/register'];

/** Runs an app to its end. */
export async function runModuleApp(
  t: TestContext,
  app: LibraryApp,
  source: string,
  options: RunOptions = {},
): Promise<Ended> {
  const { file = 'app.mjs', flags = importSdk, env = {} } = options;
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const clew = file.endsWith('.mjs') ? "import * as clew from '@clew/sdk';" : "const clew = require('@clew/sdk');";
  const report = "process.on('exit', () => console.log('report=' + JSON.stringify(clew.instrumentationReport())));";
  const path = await app.write(file, `${clew}\n${report}\n${source}`);
  const run = runNode(t, [...flags, path], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, ...env }, app.folder);
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stdout + run.stderr);
  const entries = JSON.parse(/report=(.*)/.exec(run.stdout)![1]!) as { name: string; state: string; reason?: string }[];
  const { spans } = sink;
  return {
    run,
    spans,
    names: spans
      .filter(({ scope }) => scope === '@opentelemetry/instrumentation-moduledb')
      .map(({ name }) => name)
      .sort(),
    report: Object.fromEntries(entries.map(({ name, state, reason }) => [name, { state, ...(reason && { reason }) }])),
  };
}

export async function createModuleApp(
  t: TestContext,
  form: Parameters<typeof writeModuleLibrary>[1] = 'module',
): Promise<LibraryApp> {
  const app = await LibraryApp.create(t);
  await writeModuleLibrary(app, form);
  await writeModuleInstrumentation(app);
  return app;
}

/** Gives an app one more library, which is an ES module, so that imports are hooked. */
export async function addModule(app: LibraryApp): Promise<void> {
  await app.write('node_modules/otherdb/package.json', '{ "name": "otherdb", "type": "module" }');
  await app.write('node_modules/@opentelemetry/instrumentation-otherdb/index.js', '');
}

/** Calls all of the library's functions, under names of `mark`. */
export const callAll = (library: string, mark = ''): string =>
  `${library}.query('q${mark}'); ${library}.default('d${mark}'); new ${library}.Client().query('m${mark}');`;

export const spansOfCalls = (mark = ''): string[] =>
  ['default d', 'method m', 'named q', 'send d', 'send m', 'send q'].map((name) => name + mark);
