// Bundles the SDK: packages/sdk/dist, some 150 small modules, into a few files in packages/sdk/bundle, which is what
// `@clew/sdk` exports. Node resolves, reads and links every module of its own at an app's start; in one file they cost
// less than half (docs/adr/0004-what-the-sdk-costs.md). Nothing is minified: stack traces stay readable. The code of
// threads is: it stands in the bundle as text, so that an app can be bundled with the SDK in it.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { repositoryRoot } from './repository.mjs';

const sdk = join(repositoryRoot, 'packages/sdk');
const dist = join(sdk, 'dist');
const output = join(sdk, 'bundle');

/** What `src/threads.ts` exports, and the files of `dist` that these threads run. */
const threads = {
  lastDeliveryThread: 'export/last-delivery-thread.js',
  detectorThread: 'resource/detector-worker.js',
  importThread: 'instrument/community-import-thread.js',
};

/** The code of a thread, in one piece that needs nothing but Node. @param {string} file @returns {Promise<string>} */
async function bundleThread(file) {
  const bundle = await rolldown({ input: join(dist, file), platform: 'node', external: [/^node:/] });
  const { output: chunks } = await bundle.generate({ format: 'esm', codeSplitting: false, minify: true });
  await bundle.close();
  const [chunk] = chunks;
  if (chunks.length !== 1) throw new Error(`${file} is not one chunk: ${chunks.map(({ fileName }) => fileName)}`);
  const foreign = chunk.imports.filter((name) => !name.startsWith('node:'));
  if (foreign.length > 0) throw new Error(`${file} imports ${foreign}, which a thread does not find in every app`);
  return chunk.code;
}

const threadCode = await Promise.all(
  Object.entries(threads).map(async ([name, file]) => {
    const code = JSON.stringify(await bundleThread(file));
    return `export const ${name} = () => new URL('data:text/javascript,' + encodeURIComponent(${code}));\n`;
  }),
);

/** @param {Record<string, string>} input Files of `dist`, by their name in the bundle. @param {'esm' | 'cjs'} [format] */
async function write(input, format = 'esm') {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, join(dist, file)])),
    platform: 'node',
    // The api must be the app's own copy: spans of the app and of its libraries meet there.
    external: [/^node:/, '@opentelemetry/api'],
    plugins: [{ name: 'threads', load: (id) => (id === join(dist, 'threads.js') ? threadCode.join('') : null) }],
  });
  await bundle.write({
    dir: output,
    format,
    sourcemap: true,
    entryFileNames: format === 'esm' ? '[name].js' : '[name].cjs',
    chunkFileNames: '[name]-[hash].js',
  });
  await bundle.close();
}

rmSync(output, { recursive: true, force: true });
await write({ index: 'index.js', register: 'register.js', doctor: 'doctor.js' });
await write({ register: 'register-by-require.js' }, 'cjs');
