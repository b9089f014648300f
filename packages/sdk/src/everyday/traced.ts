import type { Attributes } from '@opentelemetry/api';
import { span } from './span.ts';

export interface TracedOptions {
  /** On every span that the decorator makes. */
  readonly attributes?: Attributes;
}

type Method<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Result;
type Class = abstract new (...args: never[]) => object;

/** What {@link traced} makes. It fits methods and classes; on anything else it does not compile. */
export interface TracedDecorator {
  /** A method, static and private ones too. */
  <This, Args extends unknown[], Result>(
    method: Method<This, Args, Result>,
    context: ClassMethodDecoratorContext<This, Method<This, Args, Result>>,
  ): Method<This, Args, Result>;
  /** A class. */
  <Target extends Class>(target: Target, context: ClassDecoratorContext<Target>): void;
  /** A method, with TypeScript's `experimentalDecorators`. */
  <Args extends unknown[], Result>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: Args) => Result>,
  ): void;
  /** A class, with TypeScript's `experimentalDecorators`. */
  (target: Class): void;
}

/**
 * A decorator that runs a method in a span of its own, as `span` does: errors are recorded, promises awaited. On a class,
 * it does so for all of its methods but the constructor and those that have the decorator themselves.
 *
 * ```ts
 * class Cart {
 *   @traced() async add(item: Item) { … }                              // span "Cart.add"
 *   @traced('checkout', { attributes: { 'cart.kind': 'b2c' } }) pay() { … }
 * }
 * @traced() class Stock { … }                                          // "Stock.reserve", "Stock.release", …
 * ```
 *
 * @param name of the span, default `Class.method`; on a class, what stands before the point. Give one when a minifier
 *   shortens the names of your classes.
 */
export function traced(name?: string, options: TracedOptions = {}): TracedDecorator {
  const { attributes = {} } = options;
  // The three forms in which decorators are called: standard, and TypeScript's older one for methods and classes.
  const decorate = (
    target: unknown,
    context?: { kind: string; name?: string | symbol } | string | symbol,
    descriptor?: PropertyDescriptor,
  ): unknown => {
    if (descriptor !== undefined) {
      descriptor.value = traceMethod(descriptor.value as AnyMethod, name, String(context), attributes);
      return undefined;
    }
    if (typeof context === 'object' && context.kind === 'method') {
      return traceMethod(target as AnyMethod, name, String(context.name), attributes);
    }
    traceClass(target as { readonly name: string; readonly prototype: object }, name, attributes);
    return undefined;
  };
  return decorate as TracedDecorator;
}

type AnyMethod = (this: unknown, ...args: unknown[]) => unknown;

const tracedMethods = new WeakSet<AnyMethod>();

/** @param name undefined: `Class.method`, with the class of the object that it is called on. */
function traceMethod(method: AnyMethod, name: string | undefined, key: string, attributes: Attributes): AnyMethod {
  const wrapped: AnyMethod = function (...args) {
    return span(name ?? `${classNameOf(this)}${key}`, attributes, () => method.apply(this, args));
  };
  Object.defineProperty(wrapped, 'name', { configurable: true, value: method.name });
  Object.defineProperty(wrapped, 'length', { configurable: true, value: method.length });
  tracedMethods.add(wrapped);
  return wrapped;
}

function traceClass(
  target: { readonly name: string; readonly prototype: object },
  name: string | undefined,
  attributes: Attributes,
): void {
  for (const key of Reflect.ownKeys(target.prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(target.prototype, key)!;
    const method: unknown = descriptor.value;
    if (key === 'constructor' || typeof method !== 'function' || tracedMethods.has(method as AnyMethod)) continue;
    const spanName = `${name ?? target.name}.${String(key)}`;
    const wrapped = traceMethod(method as AnyMethod, spanName, String(key), attributes);
    Object.defineProperty(target.prototype, key, { ...descriptor, value: wrapped });
  }
}

/** `Cart.` for an instance of Cart and for Cart itself; empty for anything without a class. */
function classNameOf(subject: unknown): string {
  const owner = typeof subject === 'function' ? subject : (subject as object | undefined | null)?.constructor;
  return typeof owner === 'function' && owner.name !== '' ? `${owner.name}.` : '';
}
