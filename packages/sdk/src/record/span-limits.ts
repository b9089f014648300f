import { readNumber } from '../environment.ts';

/** What a span may hold; what exceeds a limit is left out and counted. */
export interface SpanLimits {
  readonly attributes: number;
  /** Longer strings are cut to this many characters. */
  readonly attributeValueChars: number;
  readonly events: number;
  readonly links: number;
  readonly attributesOfEvent: number;
  readonly attributesOfLink: number;
}

/** The limits of OpenTelemetry's environment variables; 128 each, and no limit on the length of values, by default. */
export function spanLimitsFromEnvironment(): SpanLimits {
  const attributes = readNumber('OTEL_ATTRIBUTE_COUNT_LIMIT') ?? 128;
  return {
    attributes: readNumber('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT') ?? attributes,
    attributeValueChars:
      readNumber('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT') ??
      readNumber('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT') ??
      Number.POSITIVE_INFINITY,
    events: readNumber('OTEL_SPAN_EVENT_COUNT_LIMIT') ?? 128,
    links: readNumber('OTEL_SPAN_LINK_COUNT_LIMIT') ?? 128,
    attributesOfEvent: readNumber('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT') ?? attributes,
    attributesOfLink: readNumber('OTEL_LINK_ATTRIBUTE_COUNT_LIMIT') ?? attributes,
  };
}
