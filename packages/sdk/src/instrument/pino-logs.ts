import { reportFailure } from '../notice.ts';
import { logFields } from './logs-fields.ts';

type Mixin = (...args: unknown[]) => object;
type Logger = Record<symbol, Mixin | undefined>;

/** What `pino` exports, 5 to 10: the function that makes loggers, with everything else on it. */
interface Pino {
  (...args: unknown[]): Logger;
  readonly symbols: { readonly mixinSym: symbol };
}

const replacements = new WeakMap<object, object>();

/**
 * Lets the lines of every logger carry the active span, through pino's own `mixin`; a mixin of the app runs after it and
 * its fields win. Child loggers inherit it.
 *
 * @param exports of any module of pino. @returns what takes its place.
 */
export function correlatePino(exports: unknown): unknown {
  if (!isPino(exports)) return exports;
  const known = replacements.get(exports);
  if (known !== undefined) return known;
  const { mixinSym } = exports.symbols;
  const correlated = (...args: unknown[]): Logger => {
    const logger = exports(...args);
    try {
      logger[mixinSym] = addTo(logger[mixinSym]);
    } catch (error) {
      reportFailure('pino', error);
    }
    return logger;
  };
  for (const [key, value] of Object.entries(exports)) {
    // pino names itself: `pino.pino`, `pino.default`.
    Object.assign(correlated, { [key]: value === exports ? correlated : value });
  }
  replacements.set(exports, correlated).set(correlated, correlated);
  return correlated;
}

function isPino(exports: unknown): exports is Pino {
  return typeof exports === 'function' && typeof (exports as Partial<Pino>).symbols?.mixinSym === 'symbol';
}

function addTo(mixin: Mixin | undefined): Mixin {
  if (mixin === undefined) return () => logFields() ?? {};
  return function (this: unknown, ...args) {
    return { ...logFields(), ...mixin.apply(this, args) };
  };
}
