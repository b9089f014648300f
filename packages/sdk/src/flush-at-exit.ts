/** What must be sent before the process ends. */
export interface Flushable {
  readonly isIdle: boolean;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
  close(): void;
}

const signals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Flushes when the process is about to end, and leaves the way in which it ends as it would have been:
 *
 * - The event loop runs dry: spans are sent first (`beforeExit`), within the provider's time for a flush.
 * - SIGTERM, SIGINT, and the app has a handler: the app decides; a flush runs beside its work.
 * - SIGTERM, SIGINT, and it has none: spans are sent, then the signal is raised again without our handler, so that
 *   parent processes see the death by signal that they would have seen.
 * - `process.exit()` and uncaught exceptions leave no time: what is lost is said.
 *
 * @returns takes all handlers off again.
 */
export function flushAtExit(target: Flushable): () => void {
  let gaveUp = false;
  const onBeforeExit = (): void => {
    // When a flush leaves something behind, a second one would only delay the exit.
    if (gaveUp || target.isIdle) return;
    void target.forceFlush().then(() => {
      gaveUp = !target.isIdle;
    });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) {
      void target.forceFlush();
      return;
    }
    const die = (): void => {
      process.removeListener(signal, onSignal);
      process.kill(process.pid, signal);
    };
    void target.shutdown().then(die, die);
  };
  const onExit = (): void => target.close();
  process.on('beforeExit', onBeforeExit);
  process.on('exit', onExit);
  // In front of the app's handlers: one that was added with `once` is gone from the list after its turn.
  for (const signal of signals) process.prependListener(signal, onSignal);
  return () => {
    process.removeListener('beforeExit', onBeforeExit);
    process.removeListener('exit', onExit);
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
}
