import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import type { Segment } from './segment.ts';
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
  /** Inserts the spans of blocks that are not in the table; gives their number. The token is that of the insert. */
  readonly insertMissing: (spans: readonly Uint8Array[], token: string) => Promise<number>;
  /** Whether an insert that failed with this error should be tried again. */
  readonly isRetryable: (error: unknown) => boolean;
  readonly log: Logger;
  /** Told what became of each segment, for the metrics. */
  readonly onStored: (spans: number) => void;
  readonly onSetAside: (reason: 'refused' | 'damaged') => void;
}

const firstRetryMs = 250;
const lastRetryMs = 10_000;

/** After about eight seconds, a disk that fails to read a segment will not read it. */
const maxReads = 6;

/**
 * Moves sealed segments into the engine, oldest first, until the spool is closed or the signal fires.
 *
 * A crash between insert and removal means that a segment is inserted again at the next start: its name is the
 * deduplication token, so its spans are there once. Whether a crash left the token without the spans is checked whenever
 * a segment comes again.
 */
export async function runLoader(options: LoaderOptions, signal: AbortSignal): Promise<void> {
  const { spool } = options;
  for (;;) {
    const segment = await spool.nextSealed();
    if (segment === null || signal.aborted) return;
    await moveSegment(options, segment, signal);
  }
}

/** Resolves when the segment has left the spool, or the signal fires. Never rejects. */
async function moveSegment(options: LoaderOptions, segment: SealedSegment, signal: AbortSignal): Promise<void> {
  const { log } = options;
  let isRepeated = segment.mayBeInserted;
  let attempts = 0;
  let retryMs = firstRetryMs;
  let leave: Leave | undefined;
  while (!signal.aborted) {
    try {
      leave ??= await load(options, segment, isRepeated, ++attempts);
      await leave();
      return;
    } catch (error) {
      isRepeated = true;
      const problem =
        leave === undefined
          ? 'Could not move a spool segment into the store; trying again'
          : 'A spool segment is done with, but its file cannot be moved out of the way; trying again';
      log.warn({ err: error, segment: segment.name, retryMs }, problem);
      await sleep(retryMs, undefined, { signal }).catch(() => {});
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
  }
}

/** Takes a segment out of the spool. What it does to files may fail, and is tried again without another insert. */
type Leave = () => Promise<void>;

/** Inserts what can be inserted of a segment. @throws what may pass: then the segment is to be loaded again */
async function load(
  options: LoaderOptions,
  segment: SealedSegment,
  isRepeated: boolean,
  attempt: number,
): Promise<Leave> {
  const { spool, log, onSetAside, isRetryable } = options;
  const setAside =
    (reason: 'refused' | 'damaged', problem: string, details: object): Leave =>
    async () => {
      const path = await spool.setAside(segment);
      onSetAside(reason);
      log.error({ ...details, path }, problem);
    };
  try {
    const { commits, tornBytes, damagedBytes } = await spool.read(segment);
    await insertCommits(options, segment, commits, isRepeated);
    const lostBytes = tornBytes + damagedBytes;
    if (lostBytes === 0) return () => spool.remove(segment);
    return setAside('damaged', 'a spool segment is damaged; its whole commits were inserted, its file is set aside', {
      loadedCommits: commits.length,
      damagedBytes: lostBytes,
    });
  } catch (error) {
    if (error instanceof SegmentUnreadableError) {
      if (error.mayPass && attempt < maxReads) throw error;
      return setAside('damaged', 'a spool segment cannot be read; its file is set aside', { err: error });
    }
    if (isRetryable(error)) throw error;
    return setAside('refused', 'the engine refuses a spool segment; its file is set aside', { err: error });
  }
}

async function insertCommits(
  { insert, insertMissing, log, onStored }: LoaderOptions,
  segment: SealedSegment,
  commits: Segment['commits'],
  isRepeated: boolean,
): Promise<void> {
  if (commits.length === 0) return;
  // Resources first: a span that can be found can then always be shown whole.
  const resources = commits.map((commit) => commit.resources);
  await insert('resources', resources, `${segment.name}-resources`);
  const spans = commits.map((commit) => commit.spans);
  const token = `${segment.name}-spans`;
  await insert('spans', spans, token);
  const missing = isRepeated ? await insertMissing(spans, token) : 0;
  if (missing > 0) log.warn({ segment: segment.name, spans: missing }, 'inserted what an interrupted insert had lost');
  onStored(commits.reduce((sum, { spanCount }) => sum + spanCount, 0));
}
