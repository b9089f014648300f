import type { RecordingSpan } from './recording-span.ts';

// A process that has more spans open at a time sees the first ones only; spans that nobody ends must not fill the memory.
const maxOpen = 16_384;

/**
 * The spans that have started and not ended, so that a request that hangs, or is cut off by a crash, can be told of.
 *
 * ```
 *   spans  [ span | span |      | span |      | …     a span remembers its slot
 *   free   [ 2 | 4 ]                                  slots given back, a stack
 * ```
 *
 * Two writes when a span starts and two when it ends; a Set takes ten times that.
 */
export class OpenSpans {
  private readonly spans: (RecordingSpan | undefined)[] = [];
  private readonly free = new Int32Array(maxOpen);
  private freeCount = 0;

  add(span: RecordingSpan): void {
    const slot = this.freeCount > 0 ? this.free[--this.freeCount]! : this.spans.length;
    if (slot >= maxOpen) return;
    span.openSlot = slot;
    this.spans[slot] = span;
  }

  remove(span: RecordingSpan): void {
    const slot = span.openSlot;
    if (slot < 0) return;
    span.openSlot = -1;
    this.spans[slot] = undefined;
    this.free[this.freeCount++] = slot;
  }

  /** Those that are open now, in no order. */
  list(): RecordingSpan[] {
    return this.spans.filter((span) => span !== undefined);
  }
}
