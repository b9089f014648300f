import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { ask, endChild, nextMessage, nodeBinary, startChild } from '../child.js';
import { type Figure, printReport } from '../report.js';
import type { AppCost, AppStart } from './app.js';
import { compareSpans } from './compare-spans.js';
import { type Scenario, scenarios } from './scenarios.js';
import { startApp, type Tracer, tracers } from './tracers.js';

// An HTTP server bare, with Clew, with the official SDK and with dd-trace: what each adds to a request in CPU, to the
// start, and to the process in memory; how fast it can go. Side by side, in turns, the median of several rounds.
//
//   npm run bench -- sdk [ROUNDS] [NODE,…] [SCENARIO …]      such as: 3 20,24 recorded unsampled

const rounds = Number(process.argv[2] ?? 3);
const nodeVersions = (process.argv[3] ?? '20,24').split(',').map(Number);
const wanted = process.argv.slice(4);
const warmUpRequests = 6_000;
const measuredRequests = 24_000;
/**
 * Requests a second. At full speed the official SDK drops most spans, whose cost it then saves: at this rate all arrive,
 * and everybody does the whole work.
 */
const requestsPerSecond = 3_000;
const fullSpeedSeconds = 4;
const starts = 10;
const [bare, clew, official] = tracers as readonly [Tracer, Tracer, Tracer, Tracer];

interface Sample {
  readonly cpuMicros: number;
  /** After the run at full speed. */
  readonly residentMiB: number;
  readonly p99Ms: number;
  readonly requestsPerSecond: number;
}

const collector = startChild(join(import.meta.dirname, '../collector.js'));
const collectorUrl = `http://127.0.0.1:${await nextMessage<number>(collector)}`;
const figures: Figure[] = [];
for (const version of nodeVersions) {
  const node = nodeBinary(version);
  const chosen = scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  for (const scenario of chosen) if (scenario.spansPerRequest > 0) await compareSpans(clew, official, scenario, node);
  console.log(`Node ${version}: ${clew.name} and ${official.name} record the same spans`);
  const added = new Map<string, Added>();
  for (const scenario of chosen) added.set(scenario.name, await measure(scenario, version, node));
  reportFetch(version, added);
  if (wanted.length === 0 || wanted.includes('start')) await measureStart(version, node);
}
await endChild(collector);
printReport('sdk', figures);

/** CPU that each tracer adds to a request, in microseconds. */
type Added = ReadonlyMap<string, number>;

async function measure(scenario: Scenario, version: number, node: string): Promise<Added> {
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < rounds; round++) {
    for (const tracer of tracers) {
      const sample = await run(tracer, scenario, node);
      const what = `Node ${version}, ${scenario.name}, round ${round + 1}`;
      console.log(`${what}: ${tracer.name} ${sample.cpuMicros.toFixed(1)} us a request`);
      samples.set(tracer.name, [...(samples.get(tracer.name) ?? []), sample]);
    }
  }
  const median = (name: string, of: keyof Sample): number => medianOf(samples.get(name)!.map((sample) => sample[of]));
  const addedBy = (name: string, of: keyof Sample): number => median(name, of) - median(bare.name, of);
  const row = (what: string, value: number, unit: string, budget?: string): void => {
    figures.push({ what: `Node ${version}, ${scenario.name}: ${what}`, value, unit, ...(budget && { budget }) });
  };
  const added = new Map(tracers.map(({ name }) => [name, addedBy(name, 'cpuMicros')]));
  row('bare, CPU', median(bare.name, 'cpuMicros'), 'us/request');
  for (const { name } of tracers.slice(1)) row(`${name} adds, CPU`, added.get(name)!, 'us/request');
  row('clew / official', added.get(clew.name)! / added.get(official.name)!, 'ratio', '<= 0.1');
  for (const { name } of tracers) row(`${name}, p99`, median(name, 'p99Ms'), 'ms');
  for (const { name } of tracers) row(`${name}, at full speed`, median(name, 'requestsPerSecond'), 'requests/s');
  if (scenario.name === 'recorded') {
    for (const { name } of tracers.slice(1)) {
      row(`${name} adds, memory`, addedBy(name, 'residentMiB'), 'MiB', name === clew.name ? '<= 25' : undefined);
    }
  }
  return added;
}

/** What a request costs more when it makes a fetch, beyond what the fetch itself costs. */
function reportFetch(version: number, added: ReadonlyMap<string, Added>): void {
  const [alone, withFetch] = [added.get('recorded'), added.get('recorded+fetch')];
  if (alone === undefined || withFetch === undefined) return;
  const of = (name: string): number => withFetch.get(name)! - alone.get(name)!;
  const what = `Node ${version}, the fetch alone`;
  for (const { name } of tracers.slice(1)) {
    figures.push({ what: `${what}: ${name} adds, CPU`, value: of(name), unit: 'us/fetch' });
  }
  const ratio = of(clew.name) / of(official.name);
  figures.push({ what: `${what}: clew / official`, value: ratio, unit: 'ratio', budget: '<= 0.1' });
}

async function measureStart(version: number, node: string): Promise<void> {
  const samples = new Map<string, { cpuMs: number; wallMs: number }[]>(tracers.map(({ name }) => [name, []]));
  for (let start = 0; start < starts; start++) {
    for (const tracer of tracers) {
      const startedMs = performance.now();
      const app = startApp(tracer, node, collectorUrl, {});
      const { cpuMicros } = await nextMessage<AppStart>(app);
      samples.get(tracer.name)!.push({ cpuMs: cpuMicros / 1e3, wallMs: performance.now() - startedMs });
      await endChild(app);
    }
  }
  for (const of of ['wallMs', 'cpuMs'] as const) {
    const median = (name: string): number => medianOf(samples.get(name)!.map((sample) => sample[of]));
    const unit = of === 'wallMs' ? 'ms' : 'ms CPU';
    figures.push({ what: `Node ${version}, start: bare`, value: median(bare.name), unit });
    for (const { name } of tracers.slice(1)) {
      const budget = name === clew.name && of === 'wallMs' ? { budget: '<= 40' } : {};
      const value = median(name) - median(bare.name);
      figures.push({ what: `Node ${version}, start: ${name} adds`, value, unit, ...budget });
    }
  }
}

async function run(tracer: Tracer, scenario: Scenario, node: string): Promise<Sample> {
  const app = startApp(tracer, node, collectorUrl, scenario.env(collectorUrl));
  const { port } = await nextMessage<AppStart>(app);
  const url = `http://127.0.0.1:${port}`;
  await ask<number>(collector);
  await autocannon({ url, connections: 10, amount: warmUpRequests, overallRate: requestsPerSecond });
  await settle();
  const before = await ask<AppCost>(app);
  const load = await autocannon({ url, connections: 10, amount: measuredRequests, overallRate: requestsPerSecond });
  // What is exported after the last request belongs to the cost of the requests.
  await settle();
  const after = await ask<AppCost>(app);
  const spans = await ask<number>(collector);
  const expected = (warmUpRequests + measuredRequests) * scenario.spansPerRequest;
  // The official SDK loses spans when its queue of 2,048 is full: said, not hidden.
  if (tracer.isOtlp && spans !== expected) console.log(`  ${tracer.name}: ${spans} of ${expected} spans arrived`);
  const fullSpeed = await autocannon({ url, connections: 10, duration: fullSpeedSeconds });
  const { residentMiB } = await ask<AppCost>(app);
  await endChild(app);
  return {
    cpuMicros: (after.cpuMicros - before.cpuMicros) / measuredRequests,
    residentMiB,
    p99Ms: load.latency.p99,
    requestsPerSecond: fullSpeed.requests.average,
  };
}

/** Longer than the schedule delay of every tracer here: dd-trace's is two seconds. */
function settle(): Promise<void> {
  return sleep(3_000);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
