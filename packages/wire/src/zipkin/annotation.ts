import { JsonReader } from '../json/json-reader.ts';
import { MalformedJsonError } from '../json/json-text.ts';
import { toAttributeValue } from '../otlp/json-values.ts';
import type { AttributeValue } from '../otlp/write-attributes.ts';
import type { EventSource } from '../otlp/write-span.ts';
import type { ZipkinAnnotation } from './zipkin-span.ts';

/**
 * An annotation as an event. OpenTelemetry's exporters write an event with attributes as `"name": {"key": value}`; any
 * other text is the name.
 *
 * @param startUs when the span began, for an annotation without a time
 */
export function readAnnotation(annotation: ZipkinAnnotation, startUs: number): EventSource {
  const { timestampUs = startUs, value } = annotation;
  const { name, attributes } = readNamedAttributes(value) ?? { name: value, attributes: [] };
  return {
    seconds: Math.floor(timestampUs / 1e6),
    nanos: (timestampUs % 1e6) * 1_000,
    name,
    attributes,
    droppedAttributes: 0,
  };
}

function readNamedAttributes(text: string): { name: string; attributes: AttributeValue[] } | undefined {
  if (!/^"(?:[^"\\]|\\.)*": *\{/s.test(text) || !text.endsWith('}')) return undefined;
  try {
    const parsed = new JsonReader(encoder.encode(`{${text}}`)).parse() as Record<string, Record<string, unknown>>;
    const [[name, attributes], ...others] = Object.entries(parsed) as [[string, Record<string, unknown>]];
    if (others.length > 0) return undefined;
    return { name, attributes: Object.entries(attributes).flatMap(([key, item]) => [key, toAttributeValue(item)]) };
  } catch (error) {
    if (!(error instanceof MalformedJsonError)) throw error;
    return undefined;
  }
}

const encoder = new TextEncoder();
