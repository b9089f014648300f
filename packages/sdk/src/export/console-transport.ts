import { writeSync } from 'node:fs';
import { type ReadSpan, readTraceRequest } from '@clew/wire';
import { jsonOf } from './attribute-text.ts';
import type { Transport } from './transport.ts';

/**
 * Writes spans on stdout, for a look while developing: a line for each span, and one below it for each event and link.
 *
 * ```
 * 12:00:00.123  GET /orders/:id  server  12.5ms  ERROR out of stock  trace=… span=… parent=…  {"http.route":…}
 *   event exception +3.2ms  {"exception.type":"RangeError"}
 *   link trace=… span=…
 * ```
 */
export const consoleTransport: Transport = {
  send: async (request) => {
    const lines = readTraceRequest(request).flatMap(({ scopes }) =>
      scopes.flatMap(({ spans }) => spans.flatMap(linesOf)),
    );
    writeFully(Buffer.from(`${lines.join('\n')}\n`));
    return { outcome: 'accepted', rejectedSpans: 0, message: '' };
  },
  close: () => undefined,
};

const kinds = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

function linesOf(span: ReadSpan): string[] {
  const status = ['', '  OK', `  ERROR ${span.statusMessage}`.trimEnd()][span.statusCode] ?? '';
  const parent = span.parentSpanId === '' ? '' : ` parent=${span.parentSpanId}`;
  const attributes = span.attributes.length === 0 ? '' : `  ${jsonOf(span.attributes)}`;
  const clock = new Date(Number(span.startNs / 1_000_000n)).toISOString().slice(11, 23);
  return [
    `${clock}  ${span.name}  ${kinds[span.kind] ?? ''}  ${formatMs(span.endNs - span.startNs)}${status}` +
      `  trace=${span.traceId} span=${span.spanId}${parent}${attributes}`,
    ...span.events.map((event) => {
      const details = event.attributes.length === 0 ? '' : `  ${jsonOf(event.attributes)}`;
      return `  event ${event.name} +${formatMs(event.timeNs - span.startNs)}${details}`;
    }),
    ...span.links.map((link) => `  link trace=${link.traceId} span=${link.spanId}`),
  ];
}

function formatMs(durationNs: bigint): string {
  return `${Number(durationNs / 1_000n) / 1_000}ms`;
}

// A pipe whose reader is slow is given this long before the rest is left out: the app must not hang for its traces.
const maxWaits = 200;
const waitMs = 5;

/** Synchronous, so that it works while the process ends, and from the thread that sends the last spans. */
function writeFully(text: Uint8Array): void {
  let written = 0;
  for (let waits = 0; written < text.length && waits < maxWaits; ) {
    try {
      written += writeSync(1, text, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(clock, 0, 0, waitMs);
      waits++;
    }
  }
}

const clock = new Int32Array(new SharedArrayBuffer(4));
