import type { EventEmitter } from 'node:events';
import { reportFailure } from './notice.ts';
import { dieBySignal, watchSignals } from './process-signals.ts';
import { replaceMethod } from './replace-method.ts';

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

// An app that catches its last error usually logs, and exits within moments. What it does later has other reasons.
const crashWindowMs = 10_000;

// The terminal and npm both pass one Ctrl-C on, within milliseconds; a person who presses it again has waited.
const secondSignalMs = 500;

/**
 * Flushes when the process is about to end, and leaves the way in which it ends as it would have been:
 *
 * - The event loop runs dry: spans are sent first, within the provider's time for a flush; then the app's handlers of
 *   `beforeExit` run.
 * - SIGTERM, SIGINT or SIGHUP, and the app listens to it: the app decides; a flush runs beside its work.
 * - One of these, and it does not: spans are sent, then the process dies by that signal. A second one ends it at once.
 *   Process 1 of a container, which the kernel lets live, is traced on.
 * - `process.exit()` and uncaught errors leave no time for anything asynchronous: a thread sends the spans while this
 *   one waits. An uncaught error is only watched, never handled; spans that are open then are ended with it.
 *
 * @returns takes all handlers off again.
 */
export function flushAtExit(target: Flushable): () => void {
  let hasGivenUp = false;
  let crash: { readonly error: unknown; readonly atMs: number } | undefined;
  const onError = (error: unknown): void => {
    crash = { error, atMs: performance.now() };
  };
  const onExit = (code: number): void => {
    try {
      if (crash !== undefined && code !== 0 && performance.now() - crash.atMs < crashWindowMs) {
        target.failOpenSpans(crash.error);
      }
      target.close(hasGivenUp ? 0 : target.flushTimeoutMs);
    } catch (error) {
      reportFailure('the last flush', error);
    }
  };
  process.on('exit', onExit);
  process.on('uncaughtExceptionMonitor', onError);
  const stopHolding = flushBeforeExit(target, () => {
    hasGivenUp = true;
  });
  const stopWatching = watchSignals({ onHandled: () => void target.flush(), onUnhandled: endBySignal(target) });
  return () => {
    process.removeListener('exit', onExit);
    process.removeListener('uncaughtExceptionMonitor', onError);
    stopHolding();
    stopWatching();
  };
}

/**
 * Holds the event `beforeExit` back while spans are on their way. A listener would let the app's handlers of it run twice:
 * Node emits it again once the flush, which is work of the event loop, is done.
 */
function flushBeforeExit(target: Flushable, onGivenUp: () => void): () => void {
  let heldSinceMs: number | undefined;
  let hasGivenUp = false;
  const mayPass = (): boolean => {
    const nowMs = performance.now();
    heldSinceMs ??= nowMs;
    // What ends while spans are on their way is sent next; an app must not live by that alone.
    if (hasGivenUp || target.isIdle || nowMs - heldSinceMs > target.flushTimeoutMs) {
      heldSinceMs = undefined;
      return true;
    }
    void target.flush().then((isDone) => {
      // A second flush would only delay the exit.
      if (isDone) return;
      hasGivenUp = true;
      onGivenUp();
    });
    return false;
  };
  return replaceMethod(process as EventEmitter, 'emit', (emit) => {
    return function (this: EventEmitter, event, ...args) {
      try {
        if (event === 'beforeExit' && !mayPass()) return true;
      } catch (error) {
        reportFailure('the flush before the exit', error);
      }
      return emit.call(this, event, ...args);
    };
  });
}

/** What to do on a signal that would have ended the process already. */
function endBySignal(target: Flushable): (signal: NodeJS.Signals) => void {
  let dyingSinceMs: number | undefined;
  return (signal) => {
    if (process.pid === 1 && process.platform !== 'win32') {
      void target.flush();
      return;
    }
    if (dyingSinceMs === undefined) {
      dyingSinceMs = performance.now();
      const die = (): void => dieBySignal(signal);
      void target.shutdown().then(die, die);
    } else if (performance.now() - dyingSinceMs > secondSignalMs) {
      target.close(0);
      dieBySignal(signal);
    }
  };
}
