import { InvalidSpanError } from '../otlp/trace-request-builder.ts';
import type { FlatAttributes } from '../otlp/write-attributes.ts';

/** A span of Zipkin's API v2 whose values were checked, whatever it was encoded in. */
export interface ZipkinSpan {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. The client's and the server's half of a call may share it. */
  readonly id: string;
  /** Empty: a root span. */
  readonly parentId: string;
  /** OTLP's SpanKind; undefined when the span has none. */
  readonly kind: number | undefined;
  readonly name: string;
  /** Microseconds since the epoch, whole; undefined when it is not known. */
  readonly timestampUs: number | undefined;
  /** 0 when it is not known. */
  readonly durationUs: number;
  readonly localEndpoint: ZipkinEndpoint;
  readonly remoteEndpoint: ZipkinEndpoint;
  readonly annotations: readonly ZipkinAnnotation[];
  readonly tags: FlatAttributes;
  readonly isDebug: boolean;
  /** The half of the side that did not begin the span. */
  readonly isShared: boolean;
}

/** What is not known is empty, or 0. */
export interface ZipkinEndpoint {
  readonly serviceName: string;
  /** IPv4, or else IPv6. */
  readonly address: string;
  readonly port: number;
}

export interface ZipkinAnnotation {
  readonly timestampUs: number | undefined;
  readonly value: string;
}

export const noEndpoint: ZipkinEndpoint = { serviceName: '', address: '', port: 0 };

/** @throws InvalidSpanError */
export function checkTraceId(text: string): string {
  const padded = padId(text, 32);
  if (padded === undefined)
    throw new InvalidSpanError(`traceId must be 1 to 32 hex digits, not all zero; got ${quote(text)}`);
  return padded;
}

/** @throws InvalidSpanError */
export function checkSpanId(text: string): string {
  const padded = padId(text, 16);
  if (padded === undefined)
    throw new InvalidSpanError(`id must be 1 to 16 hex digits, not all zero; got ${quote(text)}`);
  return padded;
}

/** Empty for none: text that is empty or all zeros. @throws InvalidSpanError */
export function checkParentId(text: string): string {
  if (/^0{0,16}$/.test(text)) return '';
  const padded = padId(text, 16);
  if (padded === undefined)
    throw new InvalidSpanError(`parentId must be 1 to 16 hex digits, or absent; got ${quote(text)}`);
  return padded;
}

function padId(text: string, digits: 16 | 32): string | undefined {
  if (text.length > digits || !/^[0-9a-fA-F]*[1-9a-fA-F][0-9a-fA-F]*$/.test(text)) return undefined;
  return text.toLowerCase().padStart(digits, '0');
}

/**
 * Zipkin counts microseconds in JSON numbers, so all that it can express is exact in a double; it ends in the year 2255,
 * before the nanoseconds of OTLP and of ClickHouse do.
 */
const maxTimeUs = Number.MAX_SAFE_INTEGER;

/** @throws InvalidSpanError when start or end lies outside of 1970 to 2255 */
export function checkTimes(timestampUs: number | undefined, durationUs: number): void {
  const startUs = timestampUs ?? 0;
  if (startUs < 0 || startUs > maxTimeUs) {
    throw new InvalidSpanError(`timestamp must be from 0 to ${maxTimeUs} microseconds; got ${startUs}`);
  }
  const endUs = startUs + durationUs;
  if (endUs < 0 || endUs > maxTimeUs) {
    throw new InvalidSpanError(
      `timestamp + duration must be from 0 to ${maxTimeUs} microseconds; got ${startUs} + ${durationUs}`,
    );
  }
}

function quote(text: string): string {
  return text.length > 40 ? `${JSON.stringify(text.slice(0, 40))}…` : JSON.stringify(text);
}
