/**
 * The thread that sends the last spans of a process: see `deliverBeforeExit`. One attempt a batch; there is no time for
 * another.
 */
import { workerData } from 'node:worker_threads';
import type { DeliveryOrder, LastDelivery } from './last-delivery.ts';
import { openTransport } from './transport.ts';

const { deliveries, progress } = workerData as DeliveryOrder;
const words = new Int32Array(progress);
Atomics.store(words, 1, 1);

async function deliver({ target, batches }: LastDelivery, index: number): Promise<void> {
  const transport = await openTransport(target);
  await Promise.all(
    batches.map(async ({ request, spanCount }) => {
      const { outcome } = await transport.send(request);
      if (outcome === 'accepted') Atomics.add(words, 2 + index, spanCount);
    }),
  );
}

// Connections of exporters hold no event loop, and here nothing else does.
const holdOpen = setInterval(() => undefined, 60_000);
await Promise.allSettled(deliveries.map(deliver));
clearInterval(holdOpen);
Atomics.store(words, 0, 1);
Atomics.notify(words, 0);
