import type { Batch } from '../record/span-buffer.ts';
import { lastDeliveryThread } from '../threads.ts';
import type { Target } from './target.ts';

/** What one target still has to get. */
export interface LastDelivery {
  readonly target: Target;
  readonly batches: readonly Batch[];
}

export function countSpans({ batches }: Pick<LastDelivery, 'batches'>): number {
  return batches.reduce((sum, { spanCount }) => sum + spanCount, 0);
}

/** What the thread is started with. */
export interface DeliveryOrder {
  readonly deliveries: readonly LastDelivery[];
  /**
   * An Int32Array: `[0]` is 1 when all is settled, `[1]` is 1 once the thread runs; `[2 + n]` counts the spans of the n-th
   * delivery that are settled.
   */
  readonly progress: SharedArrayBuffer;
}

/** What came of them. */
export interface LastDeliveryResult {
  /** For each delivery, how many spans nobody took. */
  readonly lost: readonly number[];
  /** Why nothing could be sent, when that is not for the collector to answer for. */
  readonly obstacle: string | undefined;
}

/**
 * Sends batches while the process exits. Nothing asynchronous runs in an 'exit' handler any more, so a thread does it,
 * and this one waits until it is done, but not longer than `timeoutMs`. Starting the thread takes some 40 ms.
 */
export function deliverBeforeExit(deliveries: readonly LastDelivery[], timeoutMs: number): LastDeliveryResult {
  const counts = deliveries.map(countSpans);
  if (counts.every((count) => count === 0)) return { lost: counts, obstacle: undefined };
  const progress = new SharedArrayBuffer(4 * (2 + deliveries.length));
  const words = new Int32Array(progress);
  let obstacle: string | undefined;
  try {
    // Not imported above: it costs start-up time, and an 'exit' handler cannot await.
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(lastDeliveryThread(), {
      workerData: { deliveries, progress } satisfies DeliveryOrder,
      // It must not preload what the app preloads: this SDK, for one.
      execArgv: [],
      stdout: true,
      stderr: true,
    });
    worker.on('error', () => undefined);
    Atomics.wait(words, 0, 0, timeoutMs);
    if (Atomics.load(words, 1) === 0) obstacle = `the thread that sends them did not start within ${timeoutMs} ms`;
  } catch (error) {
    obstacle = `the thread that sends them cannot start: ${String(error)}`;
  }
  return { lost: counts.map((count, index) => count - Atomics.load(words, 2 + index)), obstacle };
}
