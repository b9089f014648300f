import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { BroadcastChannel, Worker } from 'node:worker_threads';
import { guard, writeNotice } from '../notice.ts';
import type { Batch } from '../record/span-buffer.ts';
import { channelNameOf, claim, type HandoverMessage, pendingWord, release } from './worker-handover.ts';

/** Of Node: published inside of `new Worker()`, long before the thread runs. */
const workerChannel = 'worker_threads';

/** One worker, seen from the main thread. */
interface Source {
  readonly channel: BroadcastChannel;
  /** Undefined until the worker has said that it is there. */
  words: Int32Array | undefined;
}

/** The main thread's end of what workers hand over. It costs nothing until the app starts a worker. */
export class WorkerSpans {
  private readonly sources = new Set<Source>();
  private readonly targets: string;
  private readonly take: (batch: Batch) => void;
  private readonly onWorker = guard('the start of a worker thread', (message: unknown) => {
    this.open((message as { worker: Worker }).worker);
  });

  /** @param targets where this thread sends, as text. @param take gets each batch. */
  constructor(targets: string, take: (batch: Batch) => void) {
    this.targets = targets;
    this.take = take;
    subscribe(workerChannel, this.onWorker);
  }

  /** Takes what has arrived and waits for its turn in the event loop. */
  drain(): void {
    for (const source of this.sources) this.drainSource(source);
  }

  /** Takes what has arrived; from now on workers send for themselves. */
  close(): void {
    unsubscribe(workerChannel, this.onWorker);
    for (const source of this.sources) {
      if (source.words !== undefined) release(source.words);
      this.drainSource(source);
      source.channel.close();
    }
    this.sources.clear();
  }

  private open(worker: Worker): void {
    const { BroadcastChannel } = process.getBuiltinModule('node:worker_threads');
    const source: Source = { channel: new BroadcastChannel(channelNameOf(worker.threadId)), words: undefined };
    source.channel.unref();
    source.channel.onmessage = guard('the spans of a worker thread', (event: unknown) => {
      this.receive(source, (event as { data: HandoverMessage }).data);
    });
    this.sources.add(source);
    worker.once(
      'exit',
      guard('the end of a worker thread', () => this.end(source)),
    );
  }

  private receive(source: Source, { words, targets, number, batch }: HandoverMessage): void {
    // When a batch has been missed here, the worker must send them all for itself.
    if (source.words === undefined && number <= 1 && targets === this.targets && claim(words)) source.words = words;
    if (source.words !== undefined && batch !== undefined) this.take(batch);
  }

  private drainSource(source: Source): void {
    const { receiveMessageOnPort } = process.getBuiltinModule('node:worker_threads');
    for (;;) {
      const received = receiveMessageOnPort(source.channel as never);
      if (received === undefined) return;
      this.receive(source, received.message as HandoverMessage);
    }
  }

  private end(source: Source): void {
    this.drainSource(source);
    source.channel.close();
    this.sources.delete(source);
    if (source.words === undefined || Atomics.load(source.words, pendingWord) === 0) return;
    writeNotice(
      'error',
      'spans of a worker thread were lost: it was terminated in the middle of the work in which they had ended',
    );
  }
}
