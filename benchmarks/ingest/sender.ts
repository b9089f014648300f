import { Agent, request } from 'node:http';
import { spansPerRequest, Traffic } from './traffic.ts';

// A process of its own: `node sender.js URL SECONDS CONNECTIONS SPANS_PER_SECOND SEED`. Sends export requests over
// keep-alive connections, as fast as they are acknowledged or at a rate, and reports to its parent.

/** What a sender reports at its end. */
export interface SenderReport {
  readonly acknowledgedSpans: number;
  readonly refusals: number;
  /** Milliseconds from the first byte of a request to its answer, of every request. */
  readonly latenciesMs: readonly number[];
  readonly cpuSeconds: number;
}

const [url = '', seconds = '10', connections = '4', rate = '0', seed = '1'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const latenciesMs: number[] = [];
let acknowledgedSpans = 0;
let refusals = 0;

function send(body: Uint8Array): Promise<void> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/v1/traces`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      response.resume();
      response.on('end', () => {
        latenciesMs.push(performance.now() - start);
        if (response.statusCode === 200) acknowledgedSpans += spansPerRequest;
        else refusals++;
        resolve();
      });
    });
    outgoing.end(body);
  });
}

async function sendUntil(endMs: number, traffic: Traffic, intervalMs: number): Promise<void> {
  let dueMs = performance.now() + Math.random() * intervalMs;
  while (performance.now() < endMs) {
    if (intervalMs > 0) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      dueMs += intervalMs;
    }
    await send(traffic.next().slice());
  }
}

const count = Number(connections);
const intervalMs = Number(rate) === 0 ? 0 : (1000 * spansPerRequest * count) / Number(rate);
const endMs = performance.now() + Number(seconds) * 1000;
await Promise.all(
  Array.from({ length: count }, (_, i) => sendUntil(endMs, new Traffic(Number(seed) * 1000 + i), intervalMs)),
);
agent.destroy();
const { user, system } = process.cpuUsage();
const report: SenderReport = { acknowledgedSpans, refusals, latenciesMs, cpuSeconds: (user + system) / 1e6 };
process.send?.(report);
