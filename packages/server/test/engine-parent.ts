/** A program that starts an engine and says its process id; `engine.test.ts` kills it. */
import { startEngine } from '#src/engine/engine.js';
import { createLogger } from '#src/log.js';

const engine = await startEngine({ dataDir: process.argv[2]!, log: createLogger('silent') });
process.send?.({ pid: engine.pid });
