import type { BroadcastChannel } from 'node:worker_threads';
import type { Batch } from '../record/span-buffer.ts';

/*
 * A worker thread that is terminated runs no code of ours any more, so it must have given its spans away before. It hands
 * them to the main thread at the end of each turn of its event loop, as the bytes that they are, and the main thread sends
 * them with its own:
 *
 *   worker   span ends ─▶ buffer ─ microtask ─▶ channel "clew.spans.THREAD" ─┐
 *   main                                          its own spans ─▶ buffer ─▶ [ one request ] ─▶ collector
 *
 * Until the main thread has said that it takes them (it may have no SDK, or be busy), the worker keeps a copy, and after
 * some seconds it sends for itself. Two words of shared memory decide, so that no span is sent twice, or by neither.
 */

/** Who sends a worker's spans. */
const sender = { undecided: 0, mainThread: 1, worker: 2 } as const;

/** In the shared words. */
const senderWord = 0;
/** 1 while spans have ended in the worker that it has not handed over. */
export const pendingWord = 1;

/** What goes over the channel. */
export interface HandoverMessage {
  readonly words: Int32Array;
  /** Where the worker sends, as text: a main thread that sends elsewhere does not take its spans. */
  readonly targets: string;
  /** From 0. The first has no batch, and says that the worker is there. */
  readonly number: number;
  readonly batch: Batch | undefined;
}

export const channelNameOf = (threadId: number): string => `clew.spans.${threadId}`;

/** Whether this is a thread that is not the main one; `node:worker_threads` need not be loaded to find out. */
export const isWorkerThread: boolean = (process.chdir as { disabled?: boolean }).disabled === true;

/** Takes the spans of a worker, unless that sends for itself by now, or another SDK of the main thread has taken them. */
export function claim(words: Int32Array): boolean {
  return Atomics.compareExchange(words, senderWord, sender.undecided, sender.mainThread) === sender.undecided;
}

/** The main thread takes no more. */
export function release(words: Int32Array): void {
  Atomics.store(words, senderWord, sender.worker);
}

/** The worker's end. */
export class WorkerHandover {
  private readonly words = new Int32Array(new SharedArrayBuffer(8));
  private readonly channel: BroadcastChannel;
  private kept: Batch[] = [];

  private readonly targets: string;
  private number = 0;

  /** @param targets where this thread sends, as text. */
  constructor(targets: string) {
    this.targets = targets;
    const { BroadcastChannel, threadId } = process.getBuiltinModule('node:worker_threads');
    this.channel = new BroadcastChannel(channelNameOf(threadId));
    this.channel.unref();
    this.post(undefined);
  }

  /** Whether batches may still be given here. */
  get isOpen(): boolean {
    return Atomics.load(this.words, senderWord) !== sender.worker;
  }

  /** Whether the main thread sends what was handed over. */
  get isTaken(): boolean {
    return Atomics.load(this.words, senderWord) === sender.mainThread;
  }

  /** Whether no copies wait for the main thread to take them. */
  get keepsNothing(): boolean {
    return this.kept.length === 0;
  }

  notePending(): void {
    Atomics.store(this.words, pendingWord, 1);
  }

  hand(batch: Batch): void {
    this.post(batch);
    if (this.isTaken) this.kept = [];
    else this.kept.push(batch);
    Atomics.store(this.words, pendingWord, 0);
  }

  /** @returns what the worker has to send for itself from now on; nothing when the main thread has it. */
  withdraw(): readonly Batch[] {
    const { kept } = this;
    this.kept = [];
    const before = Atomics.compareExchange(this.words, senderWord, sender.undecided, sender.worker);
    return before === sender.mainThread ? [] : kept;
  }

  private post(batch: Batch | undefined): void {
    const { words, targets } = this;
    this.channel.postMessage({ words, targets, number: this.number++, batch } satisfies HandoverMessage);
  }
}
