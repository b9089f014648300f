import { logFields } from './logs-fields.ts';

type Write = (this: unknown, info: unknown, ...rest: unknown[]) => unknown;

const correlated = new WeakSet<object>();

/**
 * Lets every line of winston 3 carry the active span: all of its loggers, children too, pass their lines through
 * `Logger.prototype.write`. A field that the app sets itself stays.
 *
 * @param exports of any module of winston; the main one has `Logger`. @returns the same.
 */
export function correlateWinston(exports: unknown): unknown {
  const prototype = (exports as { Logger?: { prototype?: { write?: unknown } } } | null)?.Logger?.prototype;
  if (prototype === undefined || typeof prototype.write !== 'function' || correlated.has(prototype)) return exports;
  correlated.add(prototype);
  const original = prototype.write as Write;
  const write: Write = function (info, ...rest) {
    // The line is an object that winston has just made, unless the app gave one to `log`; that one it changes, too.
    if (typeof info === 'object' && info !== null && !('trace_id' in info)) Object.assign(info, logFields());
    return original.call(this, info, ...rest);
  };
  prototype.write = write;
  return exports;
}
