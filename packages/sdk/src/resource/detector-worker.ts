import { parentPort, workerData } from 'node:worker_threads';
import { createRequire } from '../app-require.ts';

/*
 * Runs the community's resource detectors and posts what is known after each attribute, so that a slow detector does not
 * cost the others' answers. Both forms of a detector's answer are understood: attributes that are promises, and those
 * of the 1.x packages, where the whole resource has `asyncAttributes`, or comes as a promise.
 */

interface Detector {
  detect(): DetectedResource | Promise<DetectedResource>;
}

interface DetectedResource {
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly waitForAsyncAttributes?: () => Promise<void>;
}

const load = createRequire(process.execPath);
const found: Record<string, unknown> = {};

function isDetector(value: unknown): value is Detector {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Detector>).detect === 'function';
}

/** A detector that fails has found nothing: most of them run outside of the cloud that they are for. */
async function run(detector: Detector): Promise<void> {
  try {
    const resource = await detector.detect();
    await resource.waitForAsyncAttributes?.();
    await Promise.all(Object.entries(resource.attributes ?? {}).map(([key, value]) => keep(key, value)));
  } catch {}
}

async function keep(key: string, value: unknown): Promise<void> {
  try {
    const resolved = await value;
    if (resolved === undefined || resolved === null || resolved === '') return;
    found[key] = resolved;
    parentPort?.postMessage({ found, isLast: false });
  } catch {}
}

const detectors = (workerData as string[]).flatMap((file) =>
  Object.values(load(file) as Record<string, unknown>).filter(isDetector),
);
await Promise.all(detectors.map(run));
parentPort?.postMessage({ found, isLast: true });
