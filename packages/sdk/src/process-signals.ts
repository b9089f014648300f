import type { EventEmitter } from 'node:events';
import { reportFailure } from './notice.ts';
import { otherRuntime } from './runtime.ts';

/** A signal that ends a process by default, and what to do when it arrives. */
export interface SignalWatcher {
  /** The app's listeners of the signal have run: the app decides how it goes on. */
  onHandled(signal: NodeJS.Signals): void;
  /** The app has no listener: without us, the process would be dead by now. */
  onUnhandled(signal: NodeJS.Signals): void;
}

const isWindows = process.platform === 'win32';

/** SIGQUIT is left out: it still ends an app whose event loop is blocked. Windows knows no SIGTERM but has SIGBREAK. */
const signals: readonly NodeJS.Signals[] = isWindows
  ? ['SIGINT', 'SIGBREAK', 'SIGHUP']
  : ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** How Windows itself ends a process on Ctrl-C: STATUS_CONTROL_C_EXIT. */
const controlCExitCode = 0xc000013a | 0;

const noListener = (): void => undefined;

/** What receives signals now; undefined when tracing has stopped. */
let current: SignalWatcher | undefined;

/**
 * Watches the signals that end a process, without being a listener of any. Libraries such as signal-exit count the
 * listeners, and raise a signal again only when no other than theirs is there; an app may add a handler only where there is
 * none, or remove all. All of them must find what they would find without us.
 *
 * Node opens a signal's handle when `process` emits `newListener`, and calls through it the `process.emit` of that moment.
 *
 * ```
 *   SIGTERM ─▶ Node's handle ─▶ receive ─┬─ the app has listeners ─▶ process.emit, then onHandled
 *                                        └─ it has none           ─▶ onUnhandled
 * ```
 *
 * An app's listeners that were there before get their signals directly from Node, until the last of them is removed.
 *
 * @returns stops watching.
 */
export function watchSignals(watcher: SignalWatcher): () => void {
  current = watcher;
  if (otherRuntime !== undefined) return listenToSignals();
  for (const signal of signals) open(signal);
  process.on('removeListener', reopen);
  return () => {
    process.removeListener('removeListener', reopen);
    for (const signal of signals) close(signal);
    current = undefined;
  };
}

/** Ends this process by a signal that the app does not listen to. */
export function dieBySignal(signal: NodeJS.Signals): void {
  process.removeListener('removeListener', reopen);
  process.removeListener(signal, listen);
  close(signal);
  if (isWindows) (process as unknown as { reallyExit(code: number): void }).reallyExit(controlCExitCode);
  process.kill(process.pid, signal);
}

/** Bun and Deno have no handle of a signal without a listener. */
function listenToSignals(): () => void {
  for (const signal of signals) process.prependListener(signal, listen);
  return () => {
    for (const signal of signals) process.removeListener(signal, listen);
    current = undefined;
  };
}

function listen(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) current?.onHandled(signal);
  else current?.onUnhandled(signal);
}

/** Tells Node that a listener has come or gone, which is none of `process`. */
function emitListenerEvent(emit: unknown, event: 'newListener' | 'removeListener', signal: NodeJS.Signals): void {
  (emit as EventEmitter['emit']).call(process, event, signal, noListener);
}

/** Node closes the handle of a signal with its last listener. */
function reopen(event: string | symbol): void {
  const signal = signals.find((each) => each === event);
  if (signal !== undefined && process.listenerCount(signal) === 0) open(signal);
}

function open(signal: NodeJS.Signals): void {
  const { emit } = process;
  try {
    process.emit = receive as typeof process.emit;
    emitListenerEvent(emit, 'newListener', signal);
  } catch (error) {
    reportFailure('the watch for signals', error);
  } finally {
    process.emit = emit;
  }
}

/** Node closes the handle unless the app has listeners. */
function close(signal: NodeJS.Signals): void {
  emitListenerEvent(process.emit, 'removeListener', signal);
}

function receive(event: NodeJS.Signals, ...args: unknown[]): void {
  const isHandled = process.listenerCount(event) > 0;
  // What a listener throws is an uncaught error of the app, as without us.
  if (isHandled) (process as EventEmitter).emit(event, ...args);
  try {
    if (isHandled) current?.onHandled(event);
    else current?.onUnhandled(event);
  } catch (error) {
    reportFailure('the handler of a signal', error);
    if (!isHandled) dieBySignal(event);
  }
}
