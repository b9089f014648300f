import { Worker } from 'node:worker_threads';
import type { DropRule } from '../drop-rules.ts';
import type { ExportRequest } from '../receive/export-request.ts';
import type { TraceBlocks, TranscodeResult } from './trace-transcoder.ts';

/** The request is not what its encoding says. */
export class MalformedRequestError extends Error {
  override readonly name = 'MalformedRequestError';
}

/** The thread ended with requests in its hands; which of them was the reason is not known. They can be sent again. */
export class TranscoderEndedError extends Error {
  override readonly name = 'TranscoderEndedError';
}

export interface TranscodeOutcome {
  /** One a request, in their order; an error that is no {@link MalformedRequestError} is a bug. */
  readonly results: readonly (TranscodeResult | Error)[];
  /** The rows of all requests together; null when none had a span. */
  readonly blocks: TraceBlocks | null;
}

/** What the worker answers; an error crosses as its message. */
export interface WorkerAnswer {
  readonly results: readonly (TranscodeResult | { readonly malformed: string } | { readonly failed: string })[];
  readonly blocks: TraceBlocks | null;
}

/**
 * The worker thread that transcodes, so that the thread of the sockets stays free. Groups are answered in order. When
 * the thread dies, the groups that it held are rejected and the next one starts a new thread.
 */
export class TranscoderThread {
  readonly #dropRules: readonly DropRule[];
  #worker: Worker | null = null;
  #waiting: { resolve: (outcome: TranscodeOutcome) => void; reject: (error: Error) => void }[] = [];

  constructor(dropRules: readonly DropRule[] = []) {
    this.#dropRules = dropRules;
  }

  /** The bytes of the requests are moved to the thread and must not be used again. */
  transcode(requests: readonly ExportRequest[]): Promise<TranscodeOutcome> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(
        requests,
        requests.map((request) => request.bytes.buffer),
      );
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { dropRules: this.#dropRules } });
    worker.on('message', (answer: WorkerAnswer) => {
      this.#waiting.shift()?.resolve({
        results: answer.results.map((result) => {
          if ('malformed' in result) return new MalformedRequestError(result.malformed);
          return 'failed' in result ? new Error(result.failed) : result;
        }),
        blocks: answer.blocks,
      });
    });
    worker.on('error', (error) => this.#fail(worker, error));
    worker.on('exit', (code) => this.#fail(worker, new Error(`the transcoder thread ended with code ${code}`)));
    return worker;
  }

  #fail(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const ended = new TranscoderEndedError(`the requests could not be read: ${error.message}`, { cause: error });
    for (const { reject } of this.#waiting.splice(0)) reject(ended);
  }
}
