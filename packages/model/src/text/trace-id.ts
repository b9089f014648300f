import { isTraceId, type TraceId } from '@clew/wire/ids';

/** What a trace id looks like, for messages. */
export const traceIdSyntax: string = '1 to 32 hexadecimal digits, not all zero';

/**
 * Reads a trace id as people and other tools write it: in any case, with the quotes, dashes, spaces or `0x` it was copied
 * with. Fewer than 32 digits, as in Zipkin's and Jaeger's ids of 64 bits, are padded with zeros on the left, as they are
 * when spans are received. Undefined when it is something else.
 */
export function parseTraceId(text: string): TraceId | undefined {
  const digits = text
    .toLowerCase()
    .replace(/[\s"'-]/g, '')
    .replace(/^0x/, '');
  const traceId = digits.padStart(32, '0');
  return isTraceId(traceId) ? traceId : undefined;
}
