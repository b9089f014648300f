import { JsonNumber } from '../json/json-reader.ts';
import { parseWholeNumber } from '../json/whole-number.ts';
import {
  arrayOf,
  expected,
  microsecondsOf,
  numberTextOf,
  objectOf,
  textOf,
  toAttributeValue,
} from '../otlp/json-values.ts';
import type { TraceRequestBuilder } from '../otlp/trace-request-builder.ts';
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
 * `parseElement`.
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
    flags: flagsOf(span.flags),
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

/** By the type that the tag names; a value that is not of it keeps the type that it has, and all its digits. */
function valueOfTag(type: string, value: unknown): AttributeValue {
  switch (type) {
    case 'int64': {
      const text = numberTextOf(value);
      const integer = text === undefined ? undefined : parseWholeNumber(text);
      if (integer === undefined) break;
      // One that 64 bits cannot hold is text: another number would be wrong.
      return BigInt.asIntN(64, integer) === integer ? integer : text;
    }
    case 'float64': {
      const text = value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? value : numberTextOf(value);
      if (text === undefined) break;
      return new Double(Number(text));
    }
    case 'bool':
      if (value === 'true' || value === 'false') return value === 'true';
      break;
    case 'binary':
      if (typeof value === 'string') return bytesOf(value) ?? value;
  }
  return toAttributeValue(value);
}

/** Sampled, where the file does not say. */
function flagsOf(value: unknown): number {
  const flags = value instanceof JsonNumber ? Number(value.text) : 1;
  return Number.isInteger(flags) ? flags : 1;
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
  return (microsecondsOf(value, name) ?? 0n) * 1_000n;
}
