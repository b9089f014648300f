import type { IncomingMessage } from 'node:http';
import { type Context, defaultTextMapGetter, ROOT_CONTEXT, type TextMapPropagator } from '@opentelemetry/api';
import { ClewContext } from '../context/clew-context.ts';
import { HeaderBaggage } from '../propagate/header-baggage.ts';
import { readRemoteParent } from '../propagate/trace-context-propagator.ts';

/**
 * The context that a request came with. The raw headers are walked once: `request.headers` would make an object of all
 * of them, which many apps never ask for.
 */
export function contextOfRequest(
  request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>,
  propagator: TextMapPropagator | undefined,
): Context {
  if (propagator !== undefined) return propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
  const { rawHeaders } = request;
  let traceparent: string | undefined;
  let hasSecondTraceparent = false;
  let tracestate: string | undefined;
  let baggage: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    const value = rawHeaders[index + 1]!;
    switch (name.length) {
      case 7:
        if (name === 'baggage' || name.toLowerCase() === 'baggage') baggage = join(baggage, value);
        break;
      case 10:
        if (name === 'tracestate' || name.toLowerCase() === 'tracestate') tracestate = join(tracestate, value);
        break;
      case 11:
        if (name === 'traceparent' || name.toLowerCase() === 'traceparent') {
          hasSecondTraceparent = traceparent !== undefined;
          traceparent = value;
        }
        break;
      default:
    }
  }
  // Which of two parents to continue cannot be known: the trace restarts.
  const canContinue = traceparent !== undefined && !hasSecondTraceparent;
  const parent = canContinue ? readRemoteParent(traceparent!, tracestate) : undefined;
  return new ClewContext(parent, baggage ? new HeaderBaggage(baggage) : undefined);
}

/** The value of a header, or undefined. @param name in lower case. */
export function rawHeader(request: IncomingMessage, name: string): string | undefined {
  const { rawHeaders } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index]!;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return rawHeaders[index + 1];
  }
  return undefined;
}

function join(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}
