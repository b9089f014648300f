import type { Window } from './window.ts';

/** Where a page of a search ends: the last trace on it, by the start of its newest matching span and by its id. */
export interface Cursor {
  readonly newestNs: bigint;
  readonly traceId: string;
  /** Of the search, so that "the last hour" is the same hour on each page. */
  readonly window: Window;
}

const maxNs = 2n ** 63n - 1n;

/** The text that clients hand back: window in milliseconds, nanoseconds, trace id. */
export function formatCursor({ newestNs, traceId, window }: Cursor): string {
  return `${window.startMs}-${window.endMs}-${newestNs}-${traceId}`;
}

/** Undefined when the text is not what {@link formatCursor} writes. */
export function parseCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,13})-(\d{1,13})-(\d{1,19})-([0-9a-f]{32})$/.exec(text);
  if (match === null) return undefined;
  const [startMs, endMs, newestNs] = [Number(match[1]), Number(match[2]), BigInt(match[3]!)];
  if (startMs > endMs || newestNs > maxNs) return undefined;
  return { newestNs, traceId: match[4]!, window: { startMs, endMs } };
}
