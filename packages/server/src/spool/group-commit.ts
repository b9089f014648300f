import type { ExportRequest } from '../receive/export-request.ts';
import { releaseMemory } from '../release-memory.ts';
import type { TraceBlocks, TranscodeResult } from '../transcode/trace-transcoder.ts';
import type { TranscodeOutcome } from '../transcode/transcoder-thread.ts';
import { SpoolUnavailableError } from './spool.ts';

export interface GroupCommitOptions {
  readonly transcode: (requests: readonly ExportRequest[]) => Promise<TranscodeOutcome>;
  readonly append: (blocks: TraceBlocks) => Promise<void>;
  /** Request bytes that may wait here; beyond it, further requests are refused as retryable. */
  readonly maxPendingBytes: number;
  /** Called when a group is written, or has failed. */
  readonly onCommitted?: () => void;
}

/** Request bytes that become one commit: large enough to share an fsync, small enough to answer soon. */
const maxGroupBytes = 4 * 1024 * 1024;

/** One group is transcoded, one written; the others come while that is done. */
const maxReadAheadBytes = 4 * maxGroupBytes;

interface Pending {
  readonly request: ExportRequest;
  readonly resolve: (result: TranscodeResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Requests that arrive while others are being written are written together: one transcoding, one fsync, then all of
 * them are answered. The next group is transcoded while the last one is synced.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #running = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Requests that would keep the stages busy until more are read; none or less when they are. */
  get wantedBytes(): number {
    return maxReadAheadBytes - this.#pendingBytes;
  }

  /**
   * Resolves when the request's spans are on disk. The request's bytes are handed over and must not be used again.
   *
   * @throws MalformedRequestError when the request is not what its encoding says
   * @throws SpoolUnavailableError when too much waits already, or the spool refuses
   */
  add(request: ExportRequest): Promise<TranscodeResult> {
    if (this.#pendingBytes + request.bytes.length > this.#options.maxPendingBytes) {
      return Promise.reject(
        new SpoolUnavailableError(
          'too_much_waiting',
          `${this.#pendingBytes} bytes of requests are waiting to be written; the limit is ` +
            `${this.#options.maxPendingBytes}. Send again later.`,
        ),
      );
    }
    this.#pendingBytes += request.bytes.length;
    return new Promise((resolve, reject) => {
      this.#pending.push({ request, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    let lastCommit: Promise<void> = Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#takeGroup();
      const groupBytes = group.reduce((sum, { request }) => sum + request.bytes.length, 0);
      const outcome = this.#options.transcode(group.map(({ request }) => request));
      const commit = lastCommit.then(() => this.#commit(group, outcome));
      lastCommit = commit.finally(() => {
        this.#pendingBytes -= groupBytes;
        this.#options.onCommitted?.();
      });
      await outcome.catch(() => {});
    }
    this.#running = false;
  }

  #takeGroup(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { request } of this.#pending) {
      if (count > 0 && bytes + request.bytes.length > maxGroupBytes) break;
      bytes += request.bytes.length;
      count++;
    }
    return this.#pending.splice(0, count);
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
