import { join } from 'node:path';
import { createRequire } from '../app-require.ts';
import { guard, reportFailure } from '../notice.ts';
import { detectorThread } from '../threads.ts';
import { communityDetectors, type DetectorName } from './detector-names.ts';
import { entryFolder } from './entry-package.ts';
import type { ResourceAttributes } from './resource-attributes.ts';

// Metadata services of a cloud answer within milliseconds; outside of it nothing does, for seconds.
const detectionTimeoutMs = 1_000;

/** The files of the community's detectors that the app has installed, of those that are wanted. */
export function findCommunityDetectors(wanted: ReadonlySet<DetectorName>): string[] {
  const appRequire = createRequire(join(entryFolder(), 'noop.js'));
  return Object.entries(communityDetectors).flatMap(([name, packageName]) => {
    if (!wanted.has(name as DetectorName)) return [];
    try {
      return [appRequire.resolve(packageName)];
    } catch {
      return [];
    }
  });
}

/**
 * What these detectors find within a second; nothing when they fail. They run in a thread of their own: loading them
 * takes 100 ms, and their requests to metadata services would keep a process alive and be traced. The thread does
 * neither.
 *
 * @param files from {@link findCommunityDetectors}.
 */
export async function runCommunityDetectors(files: readonly string[]): Promise<ResourceAttributes> {
  const { Worker } = await import('node:worker_threads');
  return new Promise((resolve) => {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const worker = new Worker(detectorThread(), {
      workerData: files,
      env,
      execArgv: [],
      stdout: true,
      stderr: true,
    });
    const finish = (found: ResourceAttributes): void => {
      clearTimeout(deadline);
      resolve(found);
      worker.terminate().catch((error: unknown) => reportFailure('resource detectors', error));
    };
    let latest: ResourceAttributes = {};
    const deadline = setTimeout(() => finish(latest), detectionTimeoutMs);
    deadline.unref();
    const onMessage = (message: { found: ResourceAttributes; isLast: boolean }): void => {
      latest = message.found;
      if (message.isLast) finish(latest);
    };
    worker.on('message', guard('resource detectors', onMessage));
    worker.on('error', (error) => {
      reportFailure('resource detectors', error);
      finish(latest);
    });
    worker.unref();
  });
}
