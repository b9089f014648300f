import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProtobufReader } from '@clew/wire';

// A process of its own: takes OTLP/HTTP protobuf (and what dd-trace sends, uncounted), answers after a delay, and counts
// the spans that it has answered for. Asked by a message, it tells how many came since it was asked last.
//
//   node collector.js [ANSWER_MS]

const delayMs = Number(process.argv[2] ?? 0);
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
    const answer = (): void => {
      const isOtlp = request.url === '/v1/traces';
      if (isOtlp) spans += countSpans(Buffer.concat(chunks));
      response.setHeader('content-type', isOtlp ? 'application/x-protobuf' : 'application/json');
      response.end(isOtlp ? '' : '{}');
    };
    if (delayMs === 0) answer();
    else setTimeout(answer, delayMs);
  });
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => {
  process.send?.(spans);
  spans = 0;
});
process.on('disconnect', () => process.exit(0));
