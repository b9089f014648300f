import type { Batch } from '../record/span-buffer.ts';
import type { Target } from './target.ts';

/** What one target still has to get. */
export interface LastDelivery {
  readonly target: Target;
  readonly batches: readonly Batch[];
}

/** What the thread is started with. */
export interface DeliveryOrder {
  readonly deliveries: readonly LastDelivery[];
  /** An Int32Array: `[0]` is 1 when all is settled; `[1 + n]` counts the spans of the n-th delivery that are settled. */
  readonly progress: SharedArrayBuffer;
}

/**
 * Sends batches while the process exits. Nothing asynchronous runs in an 'exit' handler any more, so a thread does it,
 * and this one waits until it is done, but not longer than `timeoutMs`. Starting the thread takes some 40 ms.
 *
 * @returns for each delivery, how many spans nobody took.
 */
export function deliverBeforeExit(deliveries: readonly LastDelivery[], timeoutMs: number): number[] {
  const counts = deliveries.map(({ batches }) => batches.reduce((sum, { spanCount }) => sum + spanCount, 0));
  if (counts.every((count) => count === 0)) return counts;
  const progress = new SharedArrayBuffer(4 * (1 + deliveries.length));
  const words = new Int32Array(progress);
  try {
    // Not imported above: it costs start-up time, and an 'exit' handler cannot await.
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(new URL('./last-delivery-thread.js', import.meta.url), {
      workerData: { deliveries, progress } satisfies DeliveryOrder,
      // It must not preload what the app preloads: this SDK, for one.
      execArgv: [],
      stdout: true,
      stderr: true,
    });
    worker.on('error', () => undefined);
    Atomics.wait(words, 0, 0, timeoutMs);
  } catch {
    // No thread (a bundle without the file, a limit of the system): all of them count as lost.
  }
  return counts.map((count, index) => count - Atomics.load(words, 1 + index));
}
