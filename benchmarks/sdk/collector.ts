import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProtobufReader } from '@clew/wire';

// A process of its own: takes OTLP/HTTP protobuf (and what dd-trace sends, uncounted), answers at once, and counts spans.

let spans = 0;

/** ExportTraceServiceRequest 1 ResourceSpans · 2 ScopeSpans · 2 Span: how many spans there are. */
function countSpans(bytes: Uint8Array): number {
  const reader = new ProtobufReader(bytes);
  let count = 0;
  const walk = (end: number, path: readonly number[]): void => {
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag !== path[0]) {
        reader.skip(tag, end);
      } else if (path.length === 1) {
        count++;
        reader.skip(tag, end);
      } else walk(reader.readLength(end), path.slice(1));
    }
  };
  walk(bytes.length, [0x0a, 0x12, 0x12]);
  return count;
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.url === '/v1/traces') spans += countSpans(Buffer.concat(chunks));
    response.setHeader('content-type', request.url === '/v1/traces' ? 'application/x-protobuf' : 'application/json');
    response.end(request.url === '/v1/traces' ? '' : '{}');
  });
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => {
  process.send?.(spans);
  spans = 0;
});
process.on('disconnect', () => process.exit(0));
