/**
 * `node --import @clew/sdk/register app.js` (or `--require`): traces the app, configured by the environment.
 */
import { startTracing } from './start.ts';

startTracing();
