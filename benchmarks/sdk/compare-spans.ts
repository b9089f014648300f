import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ReadSpan, readTraceRequest } from '@clew/wire';
import { endChild, nextMessage } from '../child.js';
import type { AppStart } from './app.js';
import type { Scenario } from './scenarios.js';
import { startApp, type Tracer } from './tracers.js';

const requests = 20;

/**
 * What the official SDK's instrumentation of fetch adds that the stable conventions for client spans do not name
 * (`url.path`, `url.query`) or want only when asked (`url.scheme`, `user_agent.original`), and the original of a method
 * that is no other. Clew need not have them.
 */
const beyondConventions = new Set([
  'http.request.method_original',
  'url.path',
  'url.query',
  'url.scheme',
  'user_agent.original',
]);

/**
 * Runs a scenario under two tracers and compares their spans one by one: names, kinds, status, parents, and the
 * attributes with their values, but for ports. What is compared in cost must do the same work.
 *
 * @throws {Error} which names the first difference.
 */
export async function compareSpans(one: Tracer, other: Tracer, scenario: Scenario, node: string): Promise<void> {
  const [left, right] = [await collect(one, scenario, node), await collect(other, scenario, node)];
  const expected = requests * scenario.spansPerRequest;
  for (const [index, text] of left.entries()) {
    if (text !== right[index]) {
      throw new Error(`${scenario.name}: ${one.name} records\n  ${text}\nand ${other.name}\n  ${right[index]}`);
    }
  }
  if (left.length !== expected || right.length !== expected) {
    throw new Error(`${scenario.name}: ${left.length} and ${right.length} spans instead of ${expected}`);
  }
}

async function collect(tracer: Tracer, scenario: Scenario, node: string): Promise<string[]> {
  const spans: ReadSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') spans.push(...spansOf(Buffer.concat(chunks)));
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const collectorUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const app = startApp(tracer, node, collectorUrl, { ...scenario.env(collectorUrl), OTEL_BSP_SCHEDULE_DELAY: '100' });
  const { port } = await nextMessage<AppStart>(app);
  for (let sent = 0; sent < requests; sent++) await (await fetch(`http://127.0.0.1:${port}/orders?x=1`)).text();
  const deadlineMs = performance.now() + 5_000;
  while (spans.length < requests * scenario.spansPerRequest && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await endChild(app);
  server.close();
  return spans.map((span) => describeSpan(span, spans)).sort();
}

function spansOf(request: Uint8Array): ReadSpan[] {
  return readTraceRequest(request).flatMap(({ scopes }) => scopes.flatMap(({ spans }) => spans));
}

/** Ports and ids differ from run to run, and so does the order of attributes. */
function describeSpan(span: ReadSpan, all: readonly ReadSpan[]): string {
  const isClient = span.kind === 3;
  const attributes = span.attributes
    .filter(({ key }) => !(isClient && beyondConventions.has(key)))
    .map(({ key, value }) => `${key}=${'value' in value ? String(value.value).replace(/:\d+\//, ':PORT/') : ''}`)
    .map((text) => text.replace(/(port)=\d+/, '$1=PORT'))
    .sort();
  const parent = all.find(({ spanId }) => spanId === span.parentSpanId)?.name ?? 'none';
  return `${span.name} kind ${span.kind} status ${span.statusCode} below ${parent}: ${attributes.join(' ')}`;
}
