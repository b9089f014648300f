import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { detailsOf, tableFromNative } from '@clew/model';
import { parseConfig, type RunningServer, startServer } from '@clew/server';
import { asExported, type ExportedSpan, sortByKey } from './exported-span.js';

export interface TestServer {
  readonly server: RunningServer;
  stop(): Promise<void>;
}

/** The whole server with its engine, on free ports and a folder of its own. */
export async function startTestServer(): Promise<TestServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'clew-conformance-'));
  const ports = {
    httpPort: 0,
    otlpHttpPort: 0,
    otlpGrpcPort: 0,
    zipkinPort: 0,
    jaegerHttpPort: 0,
    jaegerGrpcPort: 0,
    healthPort: 0,
  };
  const server = await startServer(parseConfig({}, { dataDir, ...ports, logLevel: 'warn' }));
  return {
    server,
    stop: async () => {
      await server.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

/** Waits until as many spans of the trace are stored, and compares each with what was exported. */
export async function expectStored(server: RunningServer, exported: readonly ExportedSpan[]): Promise<void> {
  assert.ok(exported.length > 0, 'nothing was exported');
  const traceIds = new Set(exported.map(({ traceId }) => traceId));
  for (const traceId of traceIds) {
    const wanted = exported.filter((span) => span.traceId === traceId).map(withSortedAttributes);
    const stored = await fetchStored(server.uiUrl, traceId, wanted.length);
    assert.deepEqual(stored.sort(bySpanId), wanted.sort(bySpanId));
  }
}

/** The spans of a trace as stored, once there are as many. */
export async function fetchStored(uiUrl: string, traceId: string, spanCount: number): Promise<ExportedSpan[]> {
  const endMs = performance.now() + 10_000;
  for (;;) {
    const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
    const body = new Uint8Array(await response.arrayBuffer());
    assert.ok(response.status === 200 || response.status === 404, Buffer.from(body).toString());
    const table = response.status === 200 ? tableFromNative(body) : undefined;
    const stored = table?.spanCount ?? 0;
    if (table !== undefined && stored >= spanCount) {
      return Array.from({ length: stored }, (_, row) => asExported(detailsOf(table, row)));
    }
    assert.ok(performance.now() < endMs, `${stored} of ${spanCount} spans of trace ${traceId} arrived`);
    await sleep(50);
  }
}

function withSortedAttributes(span: ExportedSpan): ExportedSpan {
  return {
    ...span,
    attributes: sortByKey(span.attributes),
    resource: sortByKey(span.resource),
    scopeAttributes: sortByKey(span.scopeAttributes),
    events: span.events.map((event) => ({ ...event, attributes: sortByKey(event.attributes) })),
    links: span.links.map((link) => ({ ...link, attributes: sortByKey(link.attributes) })),
  };
}

function bySpanId(a: ExportedSpan, b: ExportedSpan): number {
  return a.spanId < b.spanId ? -1 : 1;
}
