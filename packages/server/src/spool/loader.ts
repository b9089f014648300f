import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import { type SealedSegment, SegmentUnreadableError, type Spool } from './spool.ts';

/** Puts Native blocks into a table; harmless when repeated with the same token. */
export type InsertBlocks = (
  table: 'spans' | 'resources',
  blocks: readonly Uint8Array[],
  token: string,
) => Promise<void>;

export interface LoaderOptions {
  readonly spool: Spool;
  readonly insert: InsertBlocks;
  /** Inserts the spans of blocks that are not in the table; gives their number. */
  readonly insertMissing: (spans: readonly Uint8Array[]) => Promise<number>;
  /** Whether an insert that failed with this error should be tried again. */
  readonly isRetryable: (error: unknown) => boolean;
  /** Runs when a segment is wholly in the engine and nothing of the next one is; must not reject. */
  readonly betweenSegments?: () => Promise<void>;
  readonly log: Logger;
  /** Told what became of each segment, for the metrics. */
  readonly onStored: (spans: number) => void;
  readonly onSetAside: (reason: 'refused' | 'damaged') => void;
}

const firstRetryMs = 250;
const lastRetryMs = 10_000;

/**
 * Moves sealed segments into the engine, oldest first, until the spool is closed or the signal fires.
 *
 * A crash between insert and removal means that a segment is inserted again at the next start: its name is the
 * deduplication token, so its spans are there once. Whether a crash left the token without the spans is looked after
 * whenever a segment comes again.
 */
export async function runLoader(options: LoaderOptions, signal: AbortSignal): Promise<void> {
  const { spool, log } = options;
  let retryMs = firstRetryMs;
  let failed = '';
  while (!signal.aborted) {
    const segment = await spool.nextSealed();
    if (segment === null) return;
    try {
      await load(options, segment, segment.mayBeInserted || segment.name === failed);
      retryMs = firstRetryMs;
      await options.betweenSegments?.();
    } catch (error) {
      if (error instanceof SegmentUnreadableError) {
        const path = await spool.setAside(segment);
        options.onSetAside('damaged');
        log.error({ err: error, path }, 'a spool segment cannot be read; its file is set aside');
        continue;
      }
      if (!options.isRetryable(error)) {
        const path = await spool.setAside(segment);
        options.onSetAside('refused');
        log.error({ err: error, path }, 'the engine refuses a spool segment; its file is set aside');
        continue;
      }
      failed = segment.name;
      log.warn({ err: error, segment: segment.name, retryMs }, 'the engine did not take a spool segment; trying again');
      await sleep(retryMs, undefined, { signal }).catch(() => {});
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
  }
}

async function load(
  { spool, insert, insertMissing, log, onStored, onSetAside }: LoaderOptions,
  segment: SealedSegment,
  isRepeated: boolean,
): Promise<void> {
  const { commits, tornBytes, damagedBytes } = await spool.read(segment);
  if (commits.length > 0) {
    // Resources first: a span that can be found can then always be shown whole.
    const resources = commits.map((commit) => commit.resources);
    await insert('resources', resources, `${segment.name}-resources`);
    const spans = commits.map((commit) => commit.spans);
    await insert('spans', spans, `${segment.name}-spans`);
    const missing = isRepeated ? await insertMissing(spans) : 0;
    if (missing > 0)
      log.warn({ segment: segment.name, spans: missing }, 'inserted what an interrupted insert had lost');
    onStored(commits.reduce((sum, { spanCount }) => sum + spanCount, 0));
  }
  const lostBytes = tornBytes + damagedBytes;
  if (lostBytes === 0) await spool.remove(segment);
  else {
    const path = await spool.setAside(segment);
    onSetAside('damaged');
    log.error(
      { path, loadedCommits: commits.length, damagedBytes: lostBytes },
      'a spool segment is damaged; its whole commits were inserted, its file is set aside',
    );
  }
}
