// npm run demo: the server, its UI, and the shop of examples/shop with customers in it, until Ctrl-C.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';
import { runCommand, startProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';

const help = `npm run demo [-- OPTIONS]

Installs and builds what is missing, starts Clew and a shop of several services whose customers keep buying, and prints
the address of the UI. Ctrl-C ends all of it. Data and logs are in .clew/demo.

  --duration SECONDS          ends by itself after that time
  --requests-per-second N     of the shop's customers (default 5)
  --no-install                leaves node_modules as it is
  -h, --help`;

const usualUiPort = 16686;
const usualOtlpPort = 4318;
const host = '127.0.0.1';
const folder = join(repositoryRoot, '.clew/demo');

const startTimeoutMs = 30_000;
const firstTraceTimeoutMs = 60_000;
/** A trace that crosses as many services shows that propagation works all the way down. */
const servicesOfGoodTrace = 4;

/**
 * The first port from `first` on that nobody listens on.
 *
 * @param {number} first
 * @returns {Promise<number>}
 */
async function findFreePort(first) {
  const last = first + 100;
  for (let port = first; port <= last; port++) {
    const free = await new Promise((resolve) => {
      const probe = createServer()
        .once('error', () => resolve(false))
        .listen(port, host, () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error(`all ports from ${first} to ${last} are taken: end what listens there, and run the demo again`);
}

/**
 * Starts a part of the demo with its output in a file: the terminal stays free for the address.
 *
 * @param {string} name
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ died: Promise<never> }} `died` rejects, with the end of the output, when the process ends unasked.
 */
function startPart(name, args, env = {}) {
  const log = join(folder, `${name}.log`);
  writeFileSync(log, '');
  const { exited } = startProcess(process.execPath, args, { env, onOutput: (chunk) => appendFileSync(log, chunk) });
  const died = exited.then((code) => {
    const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
    throw new Error(`${tail}\n\nthe ${name} ended with exit code ${code}: its output is above, and whole in ${log}`);
  });
  died.catch(() => {});
  return { died };
}

/**
 * Asks until the answer is good.
 *
 * @param {string} url
 * @param {number} timeoutMs
 * @param {(answer: any) => boolean} isGood
 * @returns {Promise<boolean>} False when the time ran out.
 */
async function waitForAnswer(url, timeoutMs, isGood) {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      if (response.ok && isGood(await response.json())) return true;
    } catch {
      // It does not listen yet.
    }
    await sleep(250);
  }
  return false;
}

/** @param {string} uiUrl @param {string} gatewayUrl */
function printAddress(uiUrl, gatewayUrl) {
  const lines = [
    '',
    `Clew is ready:  ${uiUrl}`,
    '',
    `The shop's customers call ${gatewayUrl}`,
    `Data and logs are in ${folder}`,
    'Ctrl-C ends all of it.',
    '',
  ];
  const width = Math.max(...lines.map((line) => line.length)) + 4;
  console.log(`\n┌${'─'.repeat(width)}┐`);
  for (const line of lines) console.log(`│  ${line.padEnd(width - 2)}│`);
  console.log(`└${'─'.repeat(width)}┘\n`);
}

/**
 * @param {{ requestsPerSecond: string, durationMs: number | undefined }} options
 * @returns {Promise<number>}
 */
async function runDemo({ requestsPerSecond, durationMs }) {
  mkdirSync(folder, { recursive: true });
  const uiPort = await findFreePort(usualUiPort);
  const otlpPort = await findFreePort(usualOtlpPort);
  if (uiPort !== usualUiPort) console.log(`Port ${usualUiPort} is taken: the UI uses ${uiPort}.`);
  if (otlpPort !== usualOtlpPort) console.log(`Port ${usualOtlpPort} is taken: spans go to ${otlpPort}.`);

  console.log('Starting the server …');
  const server = startPart('server', [
    'packages/cli/bin/clew.js',
    'serve',
    ...['--host', host, '--http-port', String(uiPort), '--otlp-http-port', String(otlpPort)],
    // Nothing in the demo speaks these: any port does, so that one that is taken is no obstacle.
    ...['--otlp-grpc-port', '0', '--zipkin-port', '0', '--jaeger-http-port', '0', '--jaeger-grpc-port', '0'],
    ...['--data-dir', join(folder, 'data')],
  ]);
  const uiUrl = `http://${host}:${uiPort}`;
  const isUp = await Promise.race([
    waitForAnswer(`${uiUrl}/clew/v1/services`, startTimeoutMs, () => true),
    server.died,
  ]);
  if (!isUp) throw new Error(`the server did not answer within ${startTimeoutMs / 1000} s: see ${folder}/server.log`);

  console.log('Starting the shop and its customers …');
  const shop = startPart('shop', ['examples/shop/dist/start.js', '--requests-per-second', requestsPerSecond], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}:${otlpPort}`,
  });
  const parts = [server.died, shop.died];

  console.log(`Waiting for the first traces across ${servicesOfGoodTrace} services …`);
  const search = `${uiUrl}/clew/v1/search?limit=100&start=${Date.now()}`;
  const hasTraces = await Promise.race([
    waitForAnswer(search, firstTraceTimeoutMs, ({ traces }) =>
      traces.some((/** @type {{ services: unknown[] }} */ { services }) => services.length >= servicesOfGoodTrace),
    ),
    ...parts,
  ]);
  if (!hasTraces) {
    throw new Error(
      `no trace across ${servicesOfGoodTrace} services arrived within ${firstTraceTimeoutMs / 1000} s: see ${folder}/*.log`,
    );
  }
  const gatewayUrl = /https?:\/\/\S+/.exec(readFileSync(join(folder, 'shop.log'), 'utf8'))?.[0] ?? '';
  printAddress(uiUrl, gatewayUrl);
  await Promise.race([...parts, durationMs === undefined ? new Promise(() => {}) : sleep(durationMs)]);
  return 0;
}

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      duration: { type: 'string' },
      'requests-per-second': { type: 'string', default: '5' },
      'no-install': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const durationMs = values.duration === undefined ? undefined : Number(values.duration) * 1_000;
  if (durationMs !== undefined && !(durationMs >= 0)) {
    throw new Error(`--duration is "${values.duration}": give a number of seconds`);
  }
  await prepare({ install: !values['no-install'] });
  return runDemo({ requestsPerSecond: values['requests-per-second'], durationMs });
});
