import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api';
import { appTracer } from './app-tracer.ts';

/**
 * Runs `fn` in a span of its own, a child of the active one, and gives back what it returns.
 *
 * The span ends when `fn` returns, or when the promise that it returns settles. What `fn` throws, or its promise rejects
 * with, is recorded on the span, makes its status an error, and is thrown on. Without a started SDK, `fn` just runs.
 *
 * ```ts
 * const order = await span('load order', { 'order.id': id }, () => db.load(id));
 * ```
 *
 * @param attributes what the span starts with, so that samplers see it.
 * @param fn is given the span, to add to it what is known later.
 */
export function span<Result>(name: string, fn: (span: Span) => Result): Result;
export function span<Result>(name: string, attributes: Attributes, fn: (span: Span) => Result): Result;
export function span<Result>(
  name: string,
  ...rest: [fn: (span: Span) => Result] | [attributes: Attributes, fn: (span: Span) => Result]
): Result {
  const [attributes, fn] = rest.length === 1 ? [undefined, rest[0]] : rest;
  return appTracer().startActiveSpan(name, attributes === undefined ? {} : { attributes }, (active) =>
    endWith(active, fn),
  );
}

function endWith<Result>(active: Span, fn: (span: Span) => Result): Result {
  let result: Result;
  try {
    result = fn(active);
  } catch (error) {
    fail(active, error);
    throw error;
  }
  if (!isThenable(result)) {
    active.end();
    return result;
  }
  // The promise that is handed back is the one made here: its rejection stays unhandled when the app does not handle it.
  return result.then(
    (value: unknown) => {
      active.end();
      return value;
    },
    (error: unknown) => {
      fail(active, error);
      throw error;
    },
  ) as Result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
  );
}

function fail(active: Span, error: unknown): void {
  const isError = error instanceof Error;
  active.recordException(isError ? error : String(error));
  active.setAttribute('error.type', isError ? nameOf(error) : '_OTHER');
  active.setStatus({ code: SpanStatusCode.ERROR, message: isError ? error.message : String(error) });
  active.end();
}

/** The code of a system error says more than its name. */
function nameOf(error: Error & { code?: unknown }): string {
  return typeof error.code === 'string' ? error.code : error.name;
}
