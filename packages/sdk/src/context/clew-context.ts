import { type Baggage, type Context, propagation, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api';

/** The keys that `@opentelemetry/api` uses for span and baggage; it does not export them, so it is asked. */
const spanKey = keyUsedBy((context) => trace.setSpan(context, trace.wrapSpanContext({} as never)));
const baggageKey = keyUsedBy((context) => propagation.setBaggage(context, propagation.createBaggage()));

/**
 * An immutable context. The official one copies a Map and makes three closures whenever a value is set; here the two
 * values that every request has are fields, and the rest is a short flat array that contexts share.
 *
 * ```
 *   span | baggage | others: [key, value, key, value, …]
 * ```
 */
export class ClewContext implements Context {
  readonly span: Span | undefined;
  readonly baggage: Baggage | undefined;
  private readonly others: readonly unknown[];

  constructor(span: Span | undefined, baggage: Baggage | undefined, others: readonly unknown[] = noOthers) {
    this.span = span;
    this.baggage = baggage;
    this.others = others;
  }

  getValue(key: symbol): unknown {
    if (key === spanKey) return this.span;
    if (key === baggageKey) return this.baggage;
    const index = findKey(this.others, key);
    return index < 0 ? undefined : this.others[index + 1];
  }

  setValue(key: symbol, value: unknown): ClewContext {
    if (key === spanKey) return new ClewContext(value as Span, this.baggage, this.others);
    if (key === baggageKey) return new ClewContext(this.span, value as Baggage, this.others);
    const others = this.others.slice();
    const index = findKey(others, key);
    if (index < 0) others.push(key, value);
    else others[index + 1] = value;
    return new ClewContext(this.span, this.baggage, others);
  }

  deleteValue(key: symbol): ClewContext {
    if (key === spanKey) return new ClewContext(undefined, this.baggage, this.others);
    if (key === baggageKey) return new ClewContext(this.span, undefined, this.others);
    const index = findKey(this.others, key);
    if (index < 0) return this;
    return new ClewContext(this.span, this.baggage, this.others.toSpliced(index, 2));
  }
}

const noOthers: readonly unknown[] = [];

/** A context of ours with nothing in it. */
const emptyContext = new ClewContext(undefined, undefined);

/** `context` with `span` in it; the root context of the api becomes one of ours. */
export function contextWithSpan(context: Context, span: Span): Context {
  return (context === ROOT_CONTEXT ? emptyContext : context).setValue(spanKey, span);
}

/** As `trace.getSpan`, without the way through the api. */
export function spanOf(context: Context): Span | undefined {
  if (context instanceof ClewContext) return context.span;
  return (context.getValue(spanKey) as Span | undefined) ?? undefined;
}

/** As `propagation.getBaggage`, without the way through the api. */
export function baggageOf(context: Context): Baggage | undefined {
  if (context instanceof ClewContext) return context.baggage;
  return (context.getValue(baggageKey) as Baggage | undefined) ?? undefined;
}

function findKey(others: readonly unknown[], key: symbol): number {
  for (let index = 0; index < others.length; index += 2) if (others[index] === key) return index;
  return -1;
}

function keyUsedBy(set: (context: Context) => unknown): symbol {
  let used: symbol | undefined;
  const probe: Context = {
    getValue: () => undefined,
    setValue(key) {
      used = key;
      return probe;
    },
    deleteValue: () => probe,
  };
  set(probe);
  if (used === undefined) throw new Error('this version of @opentelemetry/api sets no key; 1.9 or newer is needed');
  return used;
}
