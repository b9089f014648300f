import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { hexAt, otlpJsonToProtobuf, readNativeBlocks } from '@clew/wire';

/** Spans of one request. */
const spansPerRequest = 20;

/**
 * One trace and the requests that it was sent in. Its spans are numbered by their ids, so that the whole of what a sender
 * was promised can be compared with one reading of the trace:
 *
 * ```
 * request 0: spans 1 … 20   request 1: spans 21 … 40   …
 * ```
 */
export interface NumberedTrace {
  readonly traceId: string;
  requests: number;
  /** The requests that were answered with 200. */
  readonly acknowledged: number[];
  /** How often each other answer came; 0 is none at all. */
  readonly refused: Map<number, number>;
}

let nextTrace = 1;

export function createTrace(): NumberedTrace {
  // No other one: what is left of a mutated request may well have an id of zeros and a small number.
  const traceId = `5eed${(nextTrace++).toString(16).padStart(28, '0')}`;
  return { traceId, requests: 0, acknowledged: [], refused: new Map() };
}

/** The next request of a trace as OTLP protobuf. */
export function encodeRequest(traceId: string, request: number): Uint8Array<ArrayBuffer> {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const spans = Array.from({ length: spansPerRequest }, (_, i) => ({
    traceId,
    spanId: (request * spansPerRequest + i + 1).toString(16).padStart(16, '0'),
    name: `span ${i}`,
    startTimeUnixNano: String(startNs + BigInt(i)),
    endTimeUnixNano: String(startNs + 1000n),
    attributes: [{ key: 'n', value: { intValue: i } }],
  }));
  const json = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
  return new Uint8Array(otlpJsonToProtobuf(new TextEncoder().encode(json)));
}

/** Sends the next request of a trace and notes its answer; gives the status, or 0 when no answer came. */
export async function sendNext(otlpUrl: string, trace: NumberedTrace, signal?: AbortSignal): Promise<number> {
  const request = trace.requests++;
  let status = 0;
  try {
    const response = await fetch(`${otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: encodeRequest(trace.traceId, request),
      signal: signal ?? null,
    });
    ({ status } = response);
    if (status === 200) trace.acknowledged.push(request);
    await response.arrayBuffer();
  } catch {
    // The server died with the request under way. Without a status nothing is promised.
  }
  if (status !== 200) trace.refused.set(status, (trace.refused.get(status) ?? 0) + 1);
  return status;
}

export interface Load {
  readonly traces: readonly NumberedTrace[];
  /** Resolves with the next acknowledgement after the call. */
  nextAcknowledgement(): Promise<void>;
  /** Ends what is under way; resolves when the senders have ended. */
  stop(): Promise<void>;
}

const runningLoads = new Set<Load>();

/** Senders that go on until the load is stopped, each with a trace of its own. */
export function startLoad(otlpUrl: string, senders = 6, pauseMs = 5): Load {
  const traces = Array.from({ length: senders }, createTrace);
  const stopping = new AbortController();
  const acknowledgements = new EventEmitter();
  acknowledgements.setMaxListeners(0);
  const sendAll = async (trace: NumberedTrace): Promise<void> => {
    while (!stopping.signal.aborted) {
      if ((await sendNext(otlpUrl, trace, stopping.signal)) === 200) acknowledgements.emit('next');
      await sleep(pauseMs);
    }
  };
  const done = Promise.all(traces.map(sendAll));
  const load: Load = {
    traces,
    nextAcknowledgement: async () => {
      await once(acknowledgements, 'next', { signal: AbortSignal.timeout(acknowledgementTimeoutMs) });
    },
    stop: async () => {
      stopping.abort();
      await done;
      runningLoads.delete(load);
    },
  };
  runningLoads.add(load);
  return load;
}

/** Of a machine on which others work too. */
const acknowledgementTimeoutMs = 20_000;

/** After a test that failed in the middle of its load. */
export async function stopAllLoads(): Promise<void> {
  for (const load of runningLoads) await load.stop();
}

export interface Tally {
  acknowledged: number;
  /** Acknowledged and not there. */
  lost: number;
  /** There more than once, whether acknowledged or not. */
  doubled: number;
}

/** Compares what was acknowledged with what the server has. */
async function tally(uiUrl: string, traces: readonly NumberedTrace[]): Promise<Tally> {
  const sum: Tally = { acknowledged: 0, lost: 0, doubled: 0 };
  for (const trace of traces) {
    const found = await countSpans(uiUrl, trace.traceId);
    for (const request of trace.acknowledged) {
      for (let i = 1; i <= spansPerRequest; i++) {
        sum.acknowledged++;
        if (!found.has(request * spansPerRequest + i)) sum.lost++;
      }
    }
    for (const count of found.values()) if (count > 1) sum.doubled++;
  }
  return sum;
}

export async function expectAllOnce(uiUrl: string, traces: readonly NumberedTrace[]): Promise<Tally> {
  const sum = await tally(uiUrl, traces);
  assert.deepEqual({ lost: sum.lost, doubled: sum.doubled }, { lost: 0, doubled: 0 }, JSON.stringify(sum));
  return sum;
}

/** How many rows the store has of each span of a trace. */
async function countSpans(uiUrl: string, traceId: string): Promise<Map<number, number>> {
  const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
  const body = new Uint8Array(await response.arrayBuffer());
  const found = new Map<number, number>();
  if (response.status === 404) return found;
  assert.equal(response.status, 200, Buffer.from(body).toString());
  for (const block of readNativeBlocks(body)) {
    const ids = block.columns.get('span_id');
    // The last block is of resources.
    if (ids === undefined) continue;
    for (let row = 0; row < block.rowCount; row++) {
      const id = Number.parseInt(hexAt(ids, row), 16);
      found.set(id, (found.get(id) ?? 0) + 1);
    }
  }
  return found;
}
