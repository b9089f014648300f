import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

// The service under measurement: one answer of 11 bytes, with one fetch before it where OUTGOING_URL says so. It reports
// its own cost to its parent. node:http by `require`, which every tracer that is measured here can see.
const http = createRequire(import.meta.url)('node:http') as typeof import('node:http');

export interface AppCost {
  readonly cpuMicros: number;
  readonly residentMiB: number;
}

const outgoingUrl = process.env.OUTGOING_URL;

const server = http.createServer(async (_request, response) => {
  if (outgoingUrl !== undefined) await (await fetch(outgoingUrl)).text();
  response.end('hello world');
});

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const cost: AppCost = { cpuMicros: user + system, residentMiB: process.memoryUsage.rss() / 2 ** 20 };
  process.send?.(cost);
});
process.on('disconnect', () => process.exit(0));
