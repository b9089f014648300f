import { createRequire } from 'node:module';
import { isLoaderThread } from './loader-thread.ts';

/*
 * What `--require @clew/sdk/register` loads; bundled as CommonJS. Node preloads it in the thread of an app's loader hooks,
 * too, where there is nothing to trace, and where Node 22 fails to require an ES module.
 */
if (!isLoaderThread()) createRequire(import.meta.url)('./register.js');
