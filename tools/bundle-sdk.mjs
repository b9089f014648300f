// Bundles the SDK: packages/sdk/dist, some 150 small modules, into a few files in packages/sdk/bundle, which is what
// `@clew/sdk` exports. Node resolves, reads and links every module of its own at an app's start; in one file they cost
// less than half (docs/adr/0004-what-the-sdk-costs.md). Nothing is minified: stack traces stay readable.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { repositoryRoot } from './repository.mjs';

const sdk = join(repositoryRoot, 'packages/sdk');
const output = join(sdk, 'bundle');

const bundle = await rolldown({
  input: {
    index: join(sdk, 'dist/index.js'),
    register: join(sdk, 'dist/register.js'),
    doctor: join(sdk, 'dist/doctor.js'),
    // Threads: started by their file's name, which must lie beside the module that starts them.
    'last-delivery-thread': join(sdk, 'dist/export/last-delivery-thread.js'),
    'detector-worker': join(sdk, 'dist/resource/detector-worker.js'),
  },
  platform: 'node',
  // The api must be the app's own copy: spans of the app and of its libraries meet there.
  external: [/^node:/, '@opentelemetry/api'],
});
rmSync(output, { recursive: true, force: true });
await bundle.write({
  dir: output,
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
