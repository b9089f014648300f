// Bundles the SDK: packages/sdk/dist, some 150 small modules, into a few files in packages/sdk/bundle, which is what
// `@clew/sdk` exports. Node resolves, reads and links every module of its own at an app's start; in one file they cost
// less than half (docs/adr/0004-what-the-sdk-costs.md). Nothing is minified: stack traces stay readable.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { repositoryRoot } from './repository.mjs';

const sdk = join(repositoryRoot, 'packages/sdk');
const output = join(sdk, 'bundle');

/** @param {Record<string, string>} input Files of `dist`, by their name in the bundle. @param {'esm' | 'cjs'} [format] */
async function write(input, format = 'esm') {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, join(sdk, 'dist', file)])),
    platform: 'node',
    // The api must be the app's own copy: spans of the app and of its libraries meet there.
    external: [/^node:/, '@opentelemetry/api'],
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
await write({
  index: 'index.js',
  register: 'register.js',
  doctor: 'doctor.js',
  // Threads: started by their file's name, which must lie beside the module that starts them.
  'last-delivery-thread': 'export/last-delivery-thread.js',
  'detector-worker': 'resource/detector-worker.js',
});
// By itself: what it shares with the others would be one more file that every app loads at its start.
await write({ 'community-import-thread': 'instrument/community-import-thread.js' });
await write({ register: 'register-by-require.js' }, 'cjs');
