import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createLogger } from '#src/log.js';
import { BodyBudget } from '#src/receive/body-budget.js';
import type { ExportRequest } from '#src/receive/export-request.js';
import { createHttpReceiver, type HttpReceiverOptions } from '#src/receive/http-receiver.js';
import { otlpHttpProtocol } from '#src/receive/otlp-http.js';
import { acceptOne, uncompress } from './accepting-ingest.js';

export interface TestReceiver {
  readonly url: string;
  /** What it was sent, uncompressed. */
  readonly received: readonly Uint8Array[];
  close(): Promise<void>;
}

/** The receiver of OTLP/HTTP alone, with a limit of 1 MiB and without what comes behind it. */
export async function startOtlpReceiver(options: Partial<HttpReceiverOptions> = {}): Promise<TestReceiver> {
  const received: Uint8Array[] = [];
  const { maxRequestBytes = 2 ** 20 } = options;
  const metrics = { acknowledge: () => {}, refuse: () => {} };
  const ingest = async (request: ExportRequest) => {
    const bytes = uncompress(request, maxRequestBytes);
    received.push(bytes);
    return acceptOne(bytes);
  };
  const memory = new BodyBudget({ maxBytes: 2 ** 26, requestTimeoutMs: 60_000 }).createShare();
  const server = createHttpReceiver(otlpHttpProtocol, {
    destinationOf: () => ({ ingest, waitForRoom: async () => {}, memory, metrics }),
    corsOrigins: [],
    requestTimeoutMs: 60_000,
    metrics,
    tls: undefined,
    allowsHost: () => true,
    maxConnections: 100,
    log: createLogger('silent'),
    ...options,
    maxRequestBytes,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    received,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
