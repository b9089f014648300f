import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProtobufReader } from '@clew/wire';

// A process of its own: takes OTLP/HTTP protobuf, answers after a delay, and counts the spans that it has answered for.

const delayMs = Number(process.argv[2]);
let spans = 0;

/** ExportTraceServiceRequest 1 ResourceSpans · 2 ScopeSpans · 2 Span: how many spans there are. */
function countSpans(bytes: Uint8Array): number {
  const reader = new ProtobufReader(bytes);
  const walk = (end: number, tags: readonly number[]): number => {
    let count = 0;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag !== tags[0]) {
        reader.skip(tag, end);
      } else {
        const contentEnd = reader.readLength(end);
        count += tags.length === 1 ? 1 : walk(contentEnd, tags.slice(1));
        reader.position = contentEnd;
      }
    }
    return count;
  };
  return walk(bytes.length, [0x0a, 0x12, 0x12]);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    setTimeout(() => {
      spans += countSpans(Buffer.concat(chunks));
      response.setHeader('content-type', 'application/x-protobuf').end();
    }, delayMs);
  });
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => process.send?.(spans));
process.on('disconnect', () => process.exit(0));
