import { formatJaeger, maxBaggageBytes, maxBaggageMembers, parseJaeger } from '@clew/wire';
import {
  type Context,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { baggageOf } from '../context/clew-context.ts';
import { isTracingSuppressed } from '../context/context-manager.ts';
import { reportDroppedBaggage } from './dropped-baggage.ts';
import { callerIn, contextOfCaller, firstOf } from './remote-caller.ts';

const traceHeader = 'uber-trace-id';
const baggagePrefix = 'uberctx-';

/** Jaeger's own headers: `uber-trace-id`, and a header `uberctx-KEY` for every entry of the baggage. */
export class JaegerPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const caller = callerIn(context);
    if (caller !== undefined) {
      const { decision, spanContext } = caller;
      const isSampled = decision === 'keep' || decision === 'debug';
      setter.set(
        carrier,
        traceHeader,
        formatJaeger(spanContext.traceId, spanContext.spanId, isSampled, decision === 'debug'),
      );
    }
    if (!isTracingSuppressed(context)) injectBaggage(context, carrier, setter);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header = firstOf(getter.get(carrier, traceHeader));
    const caller = header === undefined ? undefined : parseJaeger(header);
    const withCaller = caller === undefined ? context : contextOfCaller(context, caller);
    return extractBaggage(withCaller, carrier, getter);
  }

  fields(): string[] {
    return [traceHeader];
  }
}

/** What a header's name may hold after the prefix. */
const keyPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The limits of W3C Baggage, which Jaeger has none of. */
function injectBaggage(context: Context, carrier: unknown, setter: TextMapSetter): void {
  let bytes = 0;
  let count = 0;
  for (const [key, { value }] of baggageOf(context)?.getAllEntries() ?? []) {
    const text = encodeText(String(value));
    const isLegal = keyPattern.test(key);
    if (isLegal && count < maxBaggageMembers && bytes + key.length + text.length + 1 <= maxBaggageBytes) {
      bytes += key.length + text.length + 1;
      count++;
      setter.set(carrier, baggagePrefix + key, text);
    } else {
      reportDroppedBaggage(key);
    }
  }
}

function extractBaggage(context: Context, carrier: unknown, getter: TextMapGetter): Context {
  let baggage = baggageOf(context);
  let bytes = 0;
  let count = 0;
  for (const name of getter.keys(carrier)) {
    if (name.length === baggagePrefix.length || !name.toLowerCase().startsWith(baggagePrefix)) continue;
    const text = firstOf(getter.get(carrier, name));
    const value = text === undefined ? undefined : decodeText(text);
    if (value === undefined) continue;
    bytes += name.length + text!.length;
    if (++count > maxBaggageMembers || bytes > maxBaggageBytes) break;
    baggage = (baggage ?? propagation.createBaggage()).setEntry(name.slice(baggagePrefix.length), { value });
  }
  return baggage === undefined ? context : propagation.setBaggage(context, baggage);
}

/** Percent-encoded; half a surrogate pair becomes U+FFFD, as encodeURIComponent would throw. */
function encodeText(value: string): string {
  return encodeURIComponent(Buffer.from(value).toString());
}

function decodeText(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
