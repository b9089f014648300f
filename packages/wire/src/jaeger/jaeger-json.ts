import { InvalidSpanError, type TraceRequestBuilder } from '../otlp/trace-request-builder.ts';
import { type AttributeValue, Double, type FlatAttributes } from '../otlp/write-attributes.ts';
import {
  convertJaegerSpan,
  type JaegerLog,
  type JaegerReference,
  type JaegerSpan,
  resourceOfProcess,
} from './jaeger-span.ts';

/**
 * Adds the spans of one trace in the JSON that Jaeger's UI saves and its HTTP API answers: an element of `data`, from
 * `JSON.parse`.
 *
 * ```
 * { traceID, spans: [ { traceID, spanID, parentSpanID, operationName, flags, startTime us, duration us, processID,
 *                       references: [ { refType, traceID, spanID } ],  tags: [ Tag ],
 *                       logs: [ { timestamp us, fields: [ Tag ] } ] } ],
 *   processes: { p1: { serviceName, tags: [ Tag ] } } }          Tag { key, type, value }
 * ```
 *
 * A span that cannot be read is counted as rejected.
 *
 * @throws InvalidSpanError when it is no such trace
 */
export function addJaegerJsonTrace(value: unknown, builder: TraceRequestBuilder): void {
  const trace = objectOf(value, 'a trace');
  const resources = new Map<string, FlatAttributes>();
  for (const [id, process] of Object.entries(objectOf(trace.processes ?? {}, 'processes'))) {
    resources.set(id, readProcess(process));
  }
  for (const item of arrayOf(trace.spans, 'spans')) {
    builder.add(() => {
      const span = objectOf(item, 'a span');
      const resource = span.process ? readProcess(span.process) : resources.get(textOf(span.processID));
      return convertJaegerSpan(readSpan(span), resource ?? unknownResource);
    });
  }
}

const unknownResource = resourceOfProcess({ serviceName: '', tags: [] });

type Fields = Readonly<Record<string, unknown>>;

function readProcess(value: unknown): FlatAttributes {
  const process = objectOf(value, 'a process');
  return resourceOfProcess({ serviceName: textOf(process.serviceName), tags: readTags(process.tags) });
}

function readSpan(span: Fields): JaegerSpan {
  return {
    traceId: idOf(span.traceID, 32, 'traceID'),
    spanId: idOf(span.spanID, 16, 'spanID'),
    parentSpanId: idOf(span.parentSpanID ?? '', 16, 'parentSpanID'),
    operationName: textOf(span.operationName),
    references: arrayOf(span.references, 'references').map(readReference),
    flags: typeof span.flags === 'number' ? span.flags : 1,
    startNs: nanosecondsOf(span.startTime, 'startTime'),
    durationNs: nanosecondsOf(span.duration, 'duration'),
    tags: readTags(span.tags),
    logs: arrayOf(span.logs, 'logs').map(readLog),
  };
}

function readReference(value: unknown): JaegerReference {
  const { refType, traceID, spanID } = objectOf(value, 'a reference');
  return {
    type: refType === 'FOLLOWS_FROM' ? 'follows_from' : 'child_of',
    traceId: idOf(traceID, 32, 'traceID of a reference'),
    spanId: idOf(spanID, 16, 'spanID of a reference'),
  };
}

function readLog(value: unknown): JaegerLog {
  const { timestamp, fields } = objectOf(value, 'a log');
  return { timeNs: nanosecondsOf(timestamp, 'the timestamp of a log'), fields: readTags(fields) };
}

function readTags(value: unknown): AttributeValue[] {
  const tags: AttributeValue[] = [];
  for (const item of arrayOf(value, 'tags')) {
    const tag = objectOf(item, 'a tag');
    tags.push(textOf(tag.key), valueOfTag(textOf(tag.type), tag.value));
  }
  return tags;
}

/** By the type that the tag names; a value that is not of it keeps the type that it has. */
function valueOfTag(type: string, value: unknown): AttributeValue {
  if (type === 'int64' && isInteger(value)) return BigInt.asIntN(64, BigInt(value));
  if (type === 'float64' && typeof value === 'number') return new Double(value);
  if (type === 'binary' && typeof value === 'string') return bytesOf(value) ?? value;
  return value as AttributeValue;
}

/** A number beyond 2^53 comes as text. */
function isInteger(value: unknown): value is number | string {
  return typeof value === 'number' ? Number.isInteger(value) : typeof value === 'string' && /^-?\d{1,20}$/.test(value);
}

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function idOf(value: unknown, digits: 16 | 32, name: string): string {
  if (typeof value === 'string' && value.length <= digits && /^[0-9a-fA-F]*$/.test(value)) {
    return value.toLowerCase().padStart(digits, '0');
  }
  throw expected(`1 to ${digits} hex digits`, value, name);
}

function nanosecondsOf(value: unknown, name: string): bigint {
  if (value === undefined || value === null) return 0n;
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value)) * 1_000n;
  if (isInteger(value)) return BigInt(value) * 1_000n;
  throw expected('a number of microseconds', value, name);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}

function arrayOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw expected('an array', value, name);
  return value;
}

function objectOf(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw expected('an object', value, name);
  return value as Fields;
}

function expected(what: string, value: unknown, name: string): InvalidSpanError {
  const text = JSON.stringify(value) ?? 'nothing';
  return new InvalidSpanError(`${name} must be ${what}; got ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`);
}
