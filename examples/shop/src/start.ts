/** Starts the shop and its customers from the command line: `node dist/start.js --help`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { problemNames } from './problems.ts';
import { startShop } from './shop.ts';

const usage = `Usage: node dist/start.js [options]

Starts a shop of seven processes, traced by @clew/sdk, and customers who use it.

  --requests-per-second N   of all customers together (default 5)
  --duration SECONDS        stop after this time (default: on Ctrl-C)
  --seed N                  what the customers do; the same seed, the same visits (default 1)
  --no-load                 no customers: the services alone
  --no-tracing              without the SDK
  --verbose                 the services tell what they do
  --help

SHOP_PROBLEMS chooses the problems that are built in: all (default), none, or names joined by commas:
  ${problemNames.join(', ')}
OTEL_EXPORTER_OTLP_ENDPOINT says where traces go (default http://localhost:4318).`;

function readNumber(option: string, text: string, minimum: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < minimum) {
    throw new Error(`--${option} is "${text}"; give a number of at least ${minimum}`);
  }
  return value;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      'requests-per-second': { type: 'string', default: '5' },
      duration: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'no-load': { type: 'boolean', default: false },
      'no-tracing': { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const load = {
    requestsPerSecond: readNumber('requests-per-second', values['requests-per-second'], 0.1),
    seed: readNumber('seed', values.seed, 0),
  };
  return {
    help: values.help,
    durationMs: values.duration === undefined ? undefined : readNumber('duration', values.duration, 0) * 1_000,
    shop: {
      load: values['no-load'] ? undefined : load,
      tracing: !values['no-tracing'],
      verbose: values.verbose,
    },
  };
}

function waitForSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    // Listening on, not once: npm and the terminal may both send Ctrl-C, and the second must not cut the stop short.
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => resolve(undefined));
  });
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const signal = waitForSignal();
  const shop = await startShop(options.shop);
  if (options.shop.verbose) {
    for (const { name, pid, url } of shop.processes) console.log(`${name.padEnd(21)} | ${url}, process ${pid}`);
  }
  console.log(`shop ready at ${shop.gatewayUrl}`);
  const death = await Promise.race([
    signal,
    shop.died,
    ...(options.durationMs === undefined ? [] : [sleep(options.durationMs, undefined, { ref: false })]),
  ]);
  const summary = await shop.stop();
  if (summary) {
    const { requests, ok, clientErrors, serverErrors, failed } = summary;
    console.log(
      `shop stopped after ${requests} requests: ${ok} ok, ${clientErrors} 4xx, ${serverErrors} 5xx, ${failed} failed`,
    );
  }
  if (death === undefined) return 0;
  console.error(`shop: ${death}; the others were stopped`);
  return 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`shop: ${(error as Error).message}`);
  process.exitCode = 1;
}
