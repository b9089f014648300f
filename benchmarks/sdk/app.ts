import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

// The service under measurement: one answer of 11 bytes, with one fetch before it where OUTGOING_URL says so. It reports
// its own cost to its parent. node:http by `require`, which every tracer that is measured here can see.
const http = createRequire(import.meta.url)('node:http') as typeof import('node:http');

export interface AppCost {
  readonly cpuMicros: number;
  readonly residentMiB: number;
}

/** The first message: it listens. `cpuMicros` is what starting took. */
export interface AppStart extends AppCost {
  readonly port: number;
}

const outgoingUrl = process.env.OUTGOING_URL;

const server = http.createServer(async (_request, response) => {
  if (outgoingUrl !== undefined) await (await fetch(outgoingUrl)).text();
  response.end('hello world');
});

function readCost(): AppCost {
  const { user, system } = process.cpuUsage();
  return { cpuMicros: user + system, residentMiB: process.memoryUsage.rss() / 2 ** 20 };
}

server.listen(0, '127.0.0.1', () => {
  const start: AppStart = { ...readCost(), port: (server.address() as AddressInfo).port };
  process.send?.(start);
});
process.on('message', () => process.send?.(readCost()));
process.on('disconnect', () => process.exit(0));
