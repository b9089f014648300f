import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { journey, type Visit } from './journey.ts';

export interface LoadOptions {
  readonly gatewayUrl: string;
  /** Of all customers together; each of them waits for its answer before it goes on. */
  readonly requestsPerSecond: number;
  readonly seed: number;
}

export interface LoadSummary {
  readonly requests: number;
  /** How many answers had a status of 2xx, 4xx, 5xx. */
  readonly ok: number;
  readonly clientErrors: number;
  readonly serverErrors: number;
  /** Requests without an answer. */
  readonly failed: number;
}

export interface Load {
  /** Lets the requests under way end and tells what was done. */
  stop(): Promise<LoadSummary>;
}

const userCount = 40;
const timeoutMs = 10_000;

async function send(gatewayUrl: string, userId: string, visit: Visit): Promise<number> {
  const response = await fetch(gatewayUrl + visit.path, {
    method: visit.method,
    headers: {
      baggage: `user-id=${userId}`,
      'x-user-id': userId,
      ...(visit.body ? { 'content-type': 'application/json' } : {}),
    },
    body: visit.body ? JSON.stringify(visit.body) : null,
    signal: AbortSignal.timeout(timeoutMs),
  });
  await response.arrayBuffer();
  return response.status;
}

/**
 * Plays customers against the gateway until stopped. Two customers for each request a second, so that a customer thinks
 * two seconds on average; the seed decides what each does and how long it thinks.
 */
export function startLoad({ gatewayUrl, requestsPerSecond, seed }: LoadOptions): Load {
  const customers = Math.ceil(requestsPerSecond * 2);
  const meanPauseMs = (customers / requestsPerSecond) * 1_000;
  const stopping = new AbortController();
  // Every customer who thinks listens to it.
  setMaxListeners(0, stopping.signal);
  const byClass = [0, 0, 0, 0, 0, 0];

  const play = async (customer: number) => {
    const userId = `user-${1 + (customer % userCount)}`;
    let nextAtMs = performance.now();
    for (const visit of journey(seed * 100_003 + customer)) {
      nextAtMs = Math.max(nextAtMs + visit.pause * meanPauseMs, performance.now());
      await sleep(nextAtMs - performance.now(), undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      const status = await send(gatewayUrl, userId, visit).catch(() => 0);
      byClass[Math.floor(status / 100)]! += 1;
    }
  };
  const customersDone = Promise.all(Array.from({ length: customers }, (_, customer) => play(customer)));

  return {
    async stop() {
      stopping.abort();
      await customersDone;
      const [failed = 0, , ok = 0, , clientErrors = 0, serverErrors = 0] = byClass;
      return { requests: failed + ok + clientErrors + serverErrors, ok, clientErrors, serverErrors, failed };
    },
  };
}
