import type { TranscoderPool } from '../transcode/transcoder-pool.ts';
import type { PartReport } from './readiness.ts';

/** Longer than any wait of a server that keeps up, and shorter than that after which requests are refused. */
const transcoderWaitMs = 1_000;

/** A tenant that waits for its own requests alone does not make the server unready: others have a thread left. */
export function reportOnTranscoders(transcoders: TranscoderPool): PartReport {
  const { busyThreads, maxThreads, longestUsedMs, longestWaitMs, isHeldUp } = transcoders.describe();
  const details = { busyThreads, maxThreads, longestUsedMs, longestWaitMs };
  const isStuck = isHeldUp && busyThreads === maxThreads && longestWaitMs > transcoderWaitMs;
  if (!isStuck) return { ready: true, ...details };
  const reason = `all ${maxThreads} threads that read requests are busy, and others have waited for ${longestWaitMs} ms`;
  return { ready: false, reason, ...details };
}
