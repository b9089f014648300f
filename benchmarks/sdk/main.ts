import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { type Figure, printReport } from '../report.ts';
import type { AppCost } from './app.ts';

// An HTTP server bare, with Clew, with the official SDK and with dd-trace: what each adds to a request in CPU, to the
// start in time, and to the process in memory. Side by side, in turns, the median of several rounds.

const rounds = Number(process.argv[2] ?? 3);
/** Names of scenarios, all by default. */
const wanted = process.argv.slice(3);
const warmUpRequests = 6_000;
const measuredRequests = 24_000;
/**
 * Requests a second. At full speed the official SDK drops most spans, whose cost it then saves: at this rate all arrive,
 * and everybody does the whole work.
 */
const requestsPerSecond = 3_000;

interface Tracer {
  readonly name: string;
  /** Arguments of node in front of the app. */
  readonly args: readonly string[];
  /** Whether it exports OTLP, so that its spans can be counted. */
  readonly isCounted: boolean;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const tracers: readonly Tracer[] = [
  { name: 'bare', args: [], isCounted: true },
  { name: 'clew', args: ['--import', import.meta.resolve('@clew/sdk/register')], isCounted: true },
  { name: 'official', args: ['--import', here('./official.js')], isCounted: true },
  { name: 'dd-trace', args: ['--import', import.meta.resolve('dd-trace/initialize.mjs')], isCounted: false },
];

interface Scenario {
  readonly name: string;
  readonly spansPerRequest: number;
  readonly env: (collectorUrl: string) => NodeJS.ProcessEnv;
}

const scenarios: readonly Scenario[] = [
  { name: 'recorded', spansPerRequest: 1, env: () => ({}) },
  {
    name: 'unsampled',
    spansPerRequest: 0,
    env: () => ({ OTEL_TRACES_SAMPLER: 'always_off', DD_TRACE_SAMPLE_RATE: '0' }),
  },
  { name: 'recorded, with a fetch', spansPerRequest: 2, env: (url) => ({ OUTGOING_URL: `${url}/ping` }) },
];

interface Sample {
  readonly cpuMicros: number;
  readonly residentMiB: number;
  readonly p99Ms: number;
  readonly startMs: number;
}

const collector = fork(here('./collector.js'));
const [collectorPort] = (await once(collector, 'message')) as [number];
const collectorUrl = `http://127.0.0.1:${collectorPort}`;
const figures: Figure[] = [];
for (const scenario of scenarios) if (wanted.length === 0 || wanted.includes(scenario.name)) await measure(scenario);
collector.disconnect();
printReport('sdk', figures);

async function measure(scenario: Scenario): Promise<void> {
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < rounds; round++) {
    for (const tracer of tracers) {
      const sample = await run(tracer, scenario);
      console.log(`${scenario.name}, round ${round + 1}: ${tracer.name} ${sample.cpuMicros.toFixed(1)} us a request`);
      samples.set(tracer.name, [...(samples.get(tracer.name) ?? []), sample]);
    }
  }
  const median = (name: string, of: keyof Sample): number => {
    const values = samples.get(name)!.map((sample) => sample[of]);
    return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  };
  const added = (name: string, of: keyof Sample): number => median(name, of) - median('bare', of);
  const row = (what: string, value: number, unit: string, budget?: string): void => {
    figures.push({ what: `${scenario.name}: ${what}`, value, unit, ...(budget ? { budget } : {}) });
  };
  row('bare, CPU', median('bare', 'cpuMicros'), 'us/request');
  for (const { name } of tracers.slice(1)) row(`${name} adds, CPU`, added(name, 'cpuMicros'), 'us/request');
  row('clew / official', added('clew', 'cpuMicros') / added('official', 'cpuMicros'), 'ratio', '<= 0.1');
  for (const { name } of tracers) row(`${name}, p99`, median(name, 'p99Ms'), 'ms');
  if (scenario.name !== 'recorded') return;
  for (const { name } of tracers.slice(1)) {
    const isClew = name === 'clew';
    row(`${name} adds, start`, added(name, 'startMs'), 'ms', isClew ? '<= 40' : undefined);
    row(`${name} adds, memory`, added(name, 'residentMiB'), 'MiB', isClew ? '<= 25' : undefined);
  }
}

async function run(tracer: Tracer, scenario: Scenario): Promise<Sample> {
  const startedMs = performance.now();
  const app = fork(here('./app.js'), {
    execArgv: [...tracer.args],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: {
      ...process.env,
      OTEL_SERVICE_NAME: 'bench',
      OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
      DD_TRACE_AGENT_URL: collectorUrl,
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
      DD_REMOTE_CONFIGURATION_ENABLED: 'false',
      ...scenario.env(collectorUrl),
    },
  });
  const [port] = (await once(app, 'message')) as [number];
  const startMs = performance.now() - startedMs;
  const url = `http://127.0.0.1:${port}`;
  await autocannon({ url, connections: 10, amount: warmUpRequests, overallRate: requestsPerSecond });
  await settle();
  const before = await ask<AppCost>(app);
  const load = await autocannon({ url, connections: 10, amount: measuredRequests, overallRate: requestsPerSecond });
  // What is exported after the last request belongs to the cost of the requests.
  await settle();
  const after = await ask<AppCost>(app);
  app.disconnect();
  await once(app, 'exit');
  const spans = await ask<number>(collector);
  const expected = tracer.name === 'bare' ? 0 : (warmUpRequests + measuredRequests) * scenario.spansPerRequest;
  // The official SDK loses spans when its queue of 2,048 is full: said, not hidden.
  if (tracer.isCounted && spans !== expected) console.log(`  ${tracer.name}: ${spans} of ${expected} spans arrived`);
  return {
    cpuMicros: (after.cpuMicros - before.cpuMicros) / measuredRequests,
    residentMiB: after.residentMiB,
    p99Ms: load.latency.p99,
    startMs,
  };
}

/** Longer than the schedule delay of every tracer here. */
function settle(): Promise<void> {
  return sleep(6_000);
}

async function ask<Answer>(child: ChildProcess): Promise<Answer> {
  child.send('report');
  const [answer] = (await once(child, 'message')) as [Answer];
  return answer;
}
