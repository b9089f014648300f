import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Traffic } from '../ingest/traffic.ts';
import { type Figure, printReport, quantile } from '../report.ts';
import type { Attack } from './attacker.ts';
import { tokenOf } from './tenants.ts';

// One tenant, beta, sends at a modest rate; another, or somebody without a token, attacks. How long beta waits for its
// acknowledgements with each attack, beside how long it waits without, measured just before on the same server, which is
// new for each attack. The attacker would have a machine of its own: it gets what CPU the server leaves.

const seconds = Number(process.argv[2] ?? 20);
const requestsPerSecond = 20;

const attacks: readonly Attack[] = [
  'as many ordinary names',
  'colliding names',
  'empty resources, protobuf',
  'empty resources, JSON',
  'health checks that hold bodies',
];

interface Addresses {
  readonly otlpUrl: string;
  readonly otlpGrpcUrl: string;
}

const figures: Figure[] = [];
for (const attack of attacks) await measure(attack);
printReport('attacks', figures);

async function measure(attack: Attack): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'clew-bench-'));
  const server = fork(fileURLToPath(new URL('./server-process.js', import.meta.url)), [directory]);
  try {
    const [addresses] = (await once(server, 'message')) as [Addresses];
    await measureAt(addresses, attack);
  } finally {
    await stop(server);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measureAt(addresses: Addresses, attack: Attack): Promise<void> {
  await sendAsBeta(addresses.otlpUrl); // Warm-up.
  const before = await sendAsBeta(addresses.otlpUrl);
  const attacker = fork(fileURLToPath(new URL('./attacker.js', import.meta.url)), [
    attack,
    addresses.otlpUrl,
    addresses.otlpGrpcUrl,
  ]);
  setPriority(attacker.pid!, constants.priority.PRIORITY_LOW);
  await once(attacker, 'message');
  const during = await sendAsBeta(addresses.otlpUrl);
  if (!attacker.connected) throw new Error(`the attacker of "${attack}" ended before the measurement did`);
  await stop(attacker);
  for (const q of [0.5, 0.99]) {
    const name = `${attack}: p${q * 100}`;
    figures.push(
      { what: `${name} without`, value: quantile(before.latenciesMs, q), unit: 'ms' },
      { what: `${name} with`, value: quantile(during.latenciesMs, q), unit: 'ms' },
    );
  }
  const ratio = quantile(during.latenciesMs, 0.99) / quantile(before.latenciesMs, 0.99);
  figures.push(
    {
      what: `${attack}: p99, with to without`,
      value: ratio,
      unit: '',
      ...(attack !== 'as many ordinary names' && { budget: '< 2' }),
    },
    { what: `${attack}: requests not acknowledged`, value: during.refusals, unit: 'requests', budget: '0' },
  );
}

interface Observed {
  readonly latenciesMs: readonly number[];
  readonly refusals: number;
}

/** Requests that are due at a rate, whether or not those before them are answered: a stall is seen by all of them. */
async function sendAsBeta(otlpUrl: string): Promise<Observed> {
  const agent = new Agent({ keepAlive: true });
  const traffic = new Traffic(7);
  const latenciesMs: number[] = [];
  let refusals = 0;
  const answers: Promise<void>[] = [];
  const startMs = performance.now();
  for (let i = 0; i < seconds * requestsPerSecond; i++) {
    const dueMs = startMs + (i * 1000) / requestsPerSecond;
    await sleep(Math.max(0, dueMs - performance.now()));
    answers.push(
      send(`${otlpUrl}/v1/traces`, agent, traffic.next().slice()).then((status) => {
        latenciesMs.push(performance.now() - dueMs);
        if (status !== 200) refusals++;
      }),
    );
  }
  await Promise.all(answers);
  agent.destroy();
  return { latenciesMs, refusals };
}

function send(url: string, agent: Agent, body: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    const headers = {
      authorization: `Bearer ${tokenOf('beta', 'ingest')}`,
      'content-type': 'application/x-protobuf',
      'content-length': body.length,
    };
    const outgoing = request(url, { method: 'POST', agent, headers });
    outgoing.on('error', () => resolve(0));
    outgoing.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
    });
    outgoing.end(body);
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (!child.connected) return;
  child.disconnect();
  await once(child, 'exit');
}
