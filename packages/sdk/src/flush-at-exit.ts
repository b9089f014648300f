/** What must be sent before the process ends. */
export interface Flushable {
  readonly isIdle: boolean;
  /** How long the end of the process may be delayed. */
  readonly flushTimeoutMs: number;
  /** False when something of what there was at the call is left. Never rejects. */
  flush(): Promise<boolean>;
  shutdown(): Promise<void>;
  /** Ends the spans that are open as failed: the process is dying of `error`. */
  failOpenSpans(error: unknown): void;
  /** Sends what is left synchronously, for at most `waitMs`; 0: it only says what is lost. */
  close(waitMs: number): void;
}

const signals = ['SIGTERM', 'SIGINT'] as const;

// An app that catches its last error usually logs, and exits within moments. What it does later has other reasons.
const crashWindowMs = 10_000;

/**
 * Flushes when the process is about to end, and leaves the way in which it ends as it would have been:
 *
 * - The event loop runs dry: spans are sent first (`beforeExit`), within the provider's time for a flush.
 * - SIGTERM, SIGINT, and the app has a handler: the app decides; a flush runs beside its work.
 * - SIGTERM, SIGINT, and it has none: spans are sent, then the signal is raised again without our handler, so that
 *   parent processes see the death by signal that they would have seen.
 * - `process.exit()` and uncaught errors leave no time for anything asynchronous: a thread sends the spans while this
 *   one waits. An uncaught error is only watched, never handled; spans that are open then are ended with it.
 *
 * @returns takes all handlers off again.
 */
export function flushAtExit(target: Flushable): () => void {
  let gaveUp = false;
  let crash: { readonly error: unknown; readonly atMs: number } | undefined;
  const onBeforeExit = (): void => {
    // When a flush leaves something behind, a second one would only delay the exit. Spans that ended during the flush
    // (in a handler of the app's) are not left behind: the event loop runs dry again, and their turn comes.
    if (gaveUp || target.isIdle) return;
    void target.flush().then((isDone) => {
      gaveUp = !isDone;
    });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) {
      void target.flush();
      return;
    }
    const die = (): void => {
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
    };
    void target.shutdown().then(die, die);
  };
  const onError = (error: unknown): void => {
    crash = { error, atMs: performance.now() };
  };
  const onExit = (code: number): void => {
    if (crash !== undefined && code !== 0 && performance.now() - crash.atMs < crashWindowMs) {
      target.failOpenSpans(crash.error);
    }
    target.close(gaveUp ? 0 : target.flushTimeoutMs);
  };
  process.on('beforeExit', onBeforeExit);
  process.on('exit', onExit);
  process.on('uncaughtExceptionMonitor', onError);
  // In front of the app's handlers: one that was added with `once` is gone from the list after its turn.
  for (const signal of signals) process.prependListener(signal, onSignal);
  return () => {
    process.removeListener('beforeExit', onBeforeExit);
    process.removeListener('exit', onExit);
    process.removeListener('uncaughtExceptionMonitor', onError);
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
}
