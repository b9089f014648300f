import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { build } from 'esbuild';
import webpack, { type Configuration } from 'webpack';
import { OtlpSink } from './otlp-sink.js';
import { casesFolder, runNode } from './run-app.js';

/*
 * An app with the SDK inside of its bundle, in a folder with nothing beside it, as on Lambda or in a small image.
 */

const entry = join(casesFolder, 'bundled.mjs');

type Bundle = (entry: string, folder: string) => Promise<string>;

const bundleWithEsbuild =
  (format: 'esm' | 'cjs', minify: boolean): Bundle =>
  async (entry, folder) => {
    const outfile = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs');
    const { warnings } = await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format,
      minify,
      outfile,
      logLevel: 'silent',
    });
    assert.deepEqual(
      warnings.map(({ text }) => text),
      [],
    );
    return outfile;
  };

/** Not minified, which takes most of a build's time and is esbuild's part above. */
const bundleWithWebpack: Bundle = async (entry, folder) => {
  const configuration: Configuration = {
    mode: 'production',
    optimization: { minimize: false },
    target: 'node',
    entry,
    output: { path: folder, filename: 'app.cjs' },
  };
  const output = await new Promise<string>((resolve, reject) => {
    webpack(configuration, (error, stats) => {
      if (error !== null) reject(error);
      else resolve(stats?.toString({ all: false, errors: true, warnings: true }) ?? '');
    });
  });
  assert.equal(output, '');
  return join(folder, 'app.cjs');
};

const bundlers: Readonly<Record<string, Bundle>> = {
  'esbuild as an ES module': bundleWithEsbuild('esm', false),
  'esbuild as an ES module, minified': bundleWithEsbuild('esm', true),
  'esbuild as CommonJS': bundleWithEsbuild('cjs', false),
  webpack: bundleWithWebpack,
};

async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clew-bundled-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

for (const [what, bundle] of Object.entries(bundlers)) {
  test(`an app bundled by ${what} runs, is traced and is quiet; process.exit() sends what is left`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const folder = await emptyFolder(t);
    const app = runNode(
      t,
      [await bundle(entry, folder)],
      { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, OTEL_BSP_SCHEDULE_DELAY: '60000', CLEW_FLUSH_TIMEOUT: '60000' },
      folder,
    );
    assert.equal(await (await fetch(await app.url())).text(), 'ok');
    assert.deepEqual(await app.exit(), { code: 0, signal: null });
    assert.match(app.stdout, /ALIVE/);
    assert.match(app.stderr, /^clew: tracing .*\n$/);
    assert.deepEqual(
      sink.spans.map(({ name, resource }) => [name, resource['telemetry.sdk.name']]),
      [['GET', 'clew']],
    );
  });
}

test('in a bundle, process.exit() sends in the other formats of OTLP, too, whose code is loaded when it is used', async (t) => {
  const folder = await emptyFolder(t);
  const source = join(folder, 'source.mjs');
  await writeFile(
    source,
    `import { span, startTracing } from ${JSON.stringify(join(import.meta.dirname, '..', 'bundle', 'index.js'))};
     startTracing(); span('last', () => undefined); process.exit(3);`,
  );
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const app = runNode(
    t,
    [await bundleWithEsbuild('esm', false)(source, folder)],
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      CLEW_FLUSH_TIMEOUT: '60000',
    },
    folder,
  );
  assert.deepEqual(await app.exit(), { code: 3, signal: null });
  assert.match(app.stderr, /^clew: tracing .*\n$/);
  assert.equal(sink.requests[0]?.headers['content-type'], 'application/json');
});

test('a thread that does not start in time is what the loss is put down to, not the collector', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const app = runNode(
    t,
    [
      '--import',
      '@clew/sdk/register',
      '--eval',
      `require('@clew/sdk').span('last', () => undefined); process.exit(3);`,
    ],
    { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, CLEW_FLUSH_TIMEOUT: '1' },
    import.meta.dirname,
  );
  assert.deepEqual(await app.exit(), { code: 3, signal: null });
  assert.match(app.stderr, /1 spans were lost: the thread that sends them did not start within 1 ms\. Await flush\(\)/);
});
