import type { ExportRequest, ExportResult } from '../receive/export-request.ts';
import { releaseMemory } from '../release-memory.ts';
import type { TraceBlocks } from '../transcode/trace-transcoder.ts';
import type { TranscoderQueue } from '../transcode/transcoder-pool.ts';
import { type TranscodeOutcome, TranscoderUnavailableError } from '../transcode/transcoder-thread.ts';
import { SpoolUnavailableError } from './spool.ts';

export interface GroupCommitOptions {
  readonly transcoders: TranscoderQueue;
  readonly append: (blocks: TraceBlocks) => Promise<void>;
  /** Request bytes that may wait here, as they came; beyond it, further requests are refused as retryable. */
  readonly maxPendingBytes: number;
  /** Called when a group is written, or has failed. */
  readonly onCommitted?: () => void;
}

/** Request bytes that become one commit: large enough to share an fsync, small enough to answer soon. */
const maxGroupBytes = 4 * 1024 * 1024;

/** As long as the wait for room: senders give up after five seconds, or more. */
const maxWaitMs = 2_000;

/** How often those who have waited so long are looked at. */
const lateCheckMs = 100;

/** A group usually takes some tens of milliseconds; beside one that takes longer, the next one asks for a thread. */
const slowGroupMs = 500;

/** How many times as long spans are before they are compressed. */
const usualCompression = 10;

/** One group is transcoded, one written; the others come while that is done. */
const maxReadAheadBytes = 4 * maxGroupBytes;

interface Pending {
  readonly request: ExportRequest;
  /** As it came. */
  readonly bytes: number;
  /** Uncompressed, as far as can be told before it is read. */
  readonly plainBytes: number;
  readonly addedMs: number;
  readonly resolve: (result: ExportResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Requests that arrive while others are being written are written together: one transcoding, one fsync, then all of
 * them are answered. The next group is transcoded while the last one is synced.
 *
 * ```
 * pending   requests that wait for a thread: two seconds while another request holds it, then their senders come back
 * groups    one is transcoded at a time, and a further one beside each that is slow
 * commits   one after the other, in the order in which the transcoding ends: a slow group holds up no other
 * ```
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #pendingPlainBytes = 0;
  /** Of groups that are slow; while they are read, there is time for others. */
  #slowBytes = 0;
  #isAsking = false;
  #swiftGroups = 0;
  #lastCommit: Promise<void> = Promise.resolve();
  #waitTimer: NodeJS.Timeout | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Requests that would keep the stages busy until more are read; none or less when they are. */
  get wantedBytes(): number {
    return maxReadAheadBytes - this.#pendingPlainBytes + this.#slowBytes;
  }

  /**
   * Resolves when the request's spans are on disk. The request's bytes are handed over and must not be used again.
   *
   * @throws RefusedRequestError when the request is not what its encoding says, or takes more than it may
   * @throws TranscoderUnavailableError when no thread has read it within two seconds
   * @throws SpoolUnavailableError when too much waits already, or the spool refuses
   */
  add(request: ExportRequest): Promise<ExportResult> {
    const { length } = request.bytes;
    if (this.#pendingBytes + length > this.#options.maxPendingBytes) {
      return Promise.reject(
        new SpoolUnavailableError(
          'too_much_waiting',
          `${this.#pendingBytes} bytes of requests are waiting to be written; the limit is ` +
            `${this.#options.maxPendingBytes}. Send again later.`,
        ),
      );
    }
    const plainBytes = request.compression === undefined ? length : length * usualCompression;
    this.#pendingBytes += length;
    this.#pendingPlainBytes += plainBytes;
    return new Promise((resolve, reject) => {
      this.#pending.push({ request, bytes: length, plainBytes, addedMs: performance.now(), resolve, reject });
      this.#waitTimer ??= setTimeout(() => this.#refuseLate(), maxWaitMs).unref();
      this.#askForThread();
    });
  }

  #askForThread(): void {
    if (this.#isAsking || this.#swiftGroups > 0 || this.#pending.length === 0) return;
    this.#isAsking = true;
    void this.#runGroup();
  }

  /** One group, from its turn to its commit; never rejects. */
  async #runGroup(): Promise<void> {
    let hasTurn = false;
    let group: Pending[] = [];
    let plainBytes = 0;
    let isSlow = false;
    let slowTimer: NodeJS.Timeout | undefined;
    const becomeSlow = (): void => {
      isSlow = true;
      this.#swiftGroups--;
      this.#slowBytes += plainBytes;
      this.#askForThread();
      this.#options.onCommitted?.();
    };
    const outcome = this.#options.transcoders.transcode(() => {
      this.#isAsking = false;
      hasTurn = true;
      group = this.#takeGroup();
      if (group.length === 0) return [];
      this.#swiftGroups++;
      plainBytes = group.reduce((sum, each) => sum + each.plainBytes, 0);
      slowTimer = setTimeout(becomeSlow, slowGroupMs);
      return group.map(({ request }) => request);
    });
    await outcome.catch((error: unknown) => {
      if (hasTurn) return;
      // No turn will come.
      this.#isAsking = false;
      const waiting = this.#pending.splice(0);
      this.#forget(waiting);
      for (const { reject } of waiting) reject(error);
    });
    if (group.length === 0) return this.#askForThread();
    clearTimeout(slowTimer);
    if (isSlow) this.#slowBytes -= plainBytes;
    else this.#swiftGroups--;
    this.#askForThread();
    this.#lastCommit = this.#lastCommit
      .then(() => this.#commit(group, outcome))
      .finally(() => {
        this.#forget(group);
        this.#options.onCommitted?.();
      });
  }

  #refuseLate(): void {
    this.#waitTimer = undefined;
    const nowMs = performance.now();
    // Where the whole machine is slow, the wait is short measured by what it gets done.
    const { isHeldUp } = this.#options.transcoders;
    while (isHeldUp && this.#pending.length > 0 && nowMs - this.#pending[0]!.addedMs >= maxWaitMs) {
      const late = this.#pending.shift()!;
      this.#forget([late]);
      late.reject(
        new TranscoderUnavailableError(
          `The threads that read requests have been busy with others for ${maxWaitMs} ms. Send again later.`,
        ),
      );
    }
    const [next] = this.#pending;
    if (next === undefined) return;
    const againMs = Math.max(next.addedMs + maxWaitMs - nowMs, lateCheckMs);
    this.#waitTimer = setTimeout(() => this.#refuseLate(), againMs).unref();
  }

  #takeGroup(): Pending[] {
    let groupBytes = 0;
    let count = 0;
    for (const { plainBytes } of this.#pending) {
      if (count > 0 && groupBytes + plainBytes > maxGroupBytes) break;
      groupBytes += plainBytes;
      count++;
    }
    return this.#pending.splice(0, count);
  }

  #forget(group: readonly Pending[]): void {
    for (const { bytes, plainBytes } of group) {
      this.#pendingBytes -= bytes;
      this.#pendingPlainBytes -= plainBytes;
    }
  }

  async #append(blocks: TraceBlocks): Promise<void> {
    await this.#options.append(blocks);
    releaseMemory(blocks.spans);
    releaseMemory(blocks.resources);
  }

  /** Settles every request of the group; never rejects. */
  async #commit(group: readonly Pending[], transcoding: Promise<TranscodeOutcome>): Promise<void> {
    try {
      const outcome = await transcoding;
      if (outcome.blocks !== null) await this.#append(outcome.blocks);
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = outcome.results[index]!;
        if (result instanceof Error) reject(result);
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}
