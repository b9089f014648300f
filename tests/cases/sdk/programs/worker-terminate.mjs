// A thread that is terminated once its work is done, as Piscina, tinypool and vitest --pool=threads do. Its spans must arrive.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { trace } from '@opentelemetry/api';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
} else {
  for (let count = 0; count < 100; count++) trace.getTracer('w').startSpan('in-worker').end();
  parentPort.postMessage('done');
  setInterval(() => {}, 1000);
}
