/**
 * `node --import @clew/sdk/register app.js` (or `--require`): traces the app, configured by the environment.
 */
import { pinRegistrationForChildren } from './child-options.ts';
import { startTracing } from './start.ts';

pinRegistrationForChildren();
startTracing();
