import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { type Context, type ContextManager, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { ClewContext } from './clew-context.ts';

/** Where the active context lives, for the context manager and for our own instrumentation. */
export const contextStorage: AsyncLocalStorage<Context> = new AsyncLocalStorage();

/** The active context. */
export function activeContext(): Context {
  return contextStorage.getStore() ?? ROOT_CONTEXT;
}

/** OpenTelemetry's `ContextManager` on AsyncLocalStorage. */
export class AsyncContextManager implements ContextManager {
  active(): Context {
    return activeContext();
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const callback = thisArg === undefined || thisArg === null ? fn : fn.bind(thisArg);
    return contextStorage.run(context, callback as (...args: A) => ReturnType<F>, ...args);
  }

  /** A function, or an emitter whose listeners all run in `context`; anything else comes back as it is. */
  bind<T>(context: Context, target: T): T {
    if (target instanceof EventEmitter) {
      bindEmitter(target, context);
      return target;
    }
    return typeof target === 'function' ? (bindFunction(context, target as unknown as AnyFunction) as T) : target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    contextStorage.disable();
    return this;
  }
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

function bindFunction(context: Context, fn: AnyFunction): AnyFunction {
  const bound = function (this: unknown, ...args: unknown[]): unknown {
    return contextStorage.run(context, () => fn.apply(this, args));
  };
  Object.defineProperty(bound, 'length', { configurable: true, value: fn.length });
  return bound;
}

const boundContext = Symbol('clew.boundContext');

interface BoundEmitter extends EventEmitter {
  [boundContext]?: Context;
}

/** Makes an emitter's listeners run in `context`. The first binding stays: a second one is ignored. */
export function bindEmitter(emitter: EventEmitter, context: Context): void {
  const target = emitter as BoundEmitter;
  if (target[boundContext] !== undefined) return;
  target[boundContext] = context;
  // An own property of the object that was there before (another library's) would be lost behind ours.
  const own = Object.hasOwn(target, 'emit') ? target.emit : undefined;
  target.emit = own === undefined ? emitBound : (...args) => contextStorage.run(context, () => own.apply(target, args));
}

const originalEmit = EventEmitter.prototype.emit;

/**
 * One function for all emitters, so that binding costs no closure. Most events of a request and its response have no
 * listener: those need no context, and entering one costs more than such an emit. (An `error` that nobody listens to
 * must throw.)
 */
function emitBound(this: BoundEmitter, ...args: Parameters<EventEmitter['emit']>): boolean {
  const { emit } = Object.getPrototypeOf(this) as EventEmitter;
  const [event] = args;
  if (emit === originalEmit && event !== 'error' && this.listenerCount(event) === 0) return false;
  return contextStorage.run(this[boundContext]!, callEmit, emit, this, args);
}

function callEmit(emit: EventEmitter['emit'], emitter: EventEmitter, args: Parameters<EventEmitter['emit']>): boolean {
  return emit.apply(emitter, args);
}

// The key under which OpenTelemetry's own packages mark work that must not be traced, such as an export.
const suppressKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** A context in which no spans start. */
export const suppressedContext: Context = new ClewContext(undefined, undefined, [suppressKey, true]);

export function isTracingSuppressed(context: Context): boolean {
  return context !== ROOT_CONTEXT && context.getValue(suppressKey) === true;
}
