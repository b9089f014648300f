import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPage, type TestPage } from './browser.ts';
import { startClew, type TestProcess } from './clew-process.ts';

let dataDir: string;
let site: Server;
let clew: TestProcess;
let browser: TestPage;
let port: number;

before(async () => {
  site = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>shop</title>'));
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  port = (site.address() as AddressInfo).port;
  dataDir = mkdtempSync(join(tmpdir(), 'clew-cors-'));
  clew = await startClew(dataDir, '--ingest-cors-origins', `http://127.0.0.1:${port}`);
  browser = await openPage(`http://127.0.0.1:${port}`);
});

after(async () => {
  await browser.close();
  await clew.stop();
  site.closeAllConnections();
  site.close();
  rmSync(dataDir, { recursive: true });
});

function requestOf(traceId: string): string {
  const span = { traceId, spanId: '1'.repeat(16), name: 'page load', startTimeUnixNano: '1790000000000000000' };
  return JSON.stringify({
    resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, endTimeUnixNano: '1790000000000000005' }] }] }],
  });
}

/** What the page gets for a POST of JSON: a status, or the name of the error that the browser gives instead. */
function send(url: string, body: string): Promise<number | string> {
  return browser.page.evaluate(
    ([address, text]: readonly [string, string]) =>
      fetch(address, { method: 'POST', body: text, headers: { 'content-type': 'application/json' } }).then(
        (response) => response.status,
        (error: Error) => error.name,
      ),
    [url, body] as const,
  );
}

async function waitUntilStored(traceId: string): Promise<void> {
  const endMs = performance.now() + 20_000;
  while ((await fetch(`${clew.groups[0]}/clew/v1/traces/${traceId}`)).status !== 200) {
    assert.ok(performance.now() < endMs, `trace ${traceId} did not arrive`);
    await sleep(100);
  }
}

describe('a page of an origin that may send spans', () => {
  it('sends them over OTLP with fetch, and reads what it is told of a bad request', async () => {
    await browser.page.goto(`http://127.0.0.1:${port}/`);
    const traceId = 'a'.repeat(32);
    assert.equal(await send(`${clew.groups[1]}/v1/traces`, requestOf(traceId)), 200);
    assert.equal(await send(`${clew.groups[1]}/v1/traces`, '['), 400);
    await waitUntilStored(traceId);
  });

  it('sends them with sendBeacon when it is left', async () => {
    await browser.page.goto(`http://127.0.0.1:${port}/`);
    const traceId = 'b'.repeat(32);
    const [address, body] = [`${clew.groups[1]}/v1/traces`, requestOf(traceId)].map((text) => JSON.stringify(text));
    const isQueued = await browser.page.evaluate(
      `navigator.sendBeacon(${address}, new Blob([${body}], { type: 'application/json' }))`,
    );
    assert.equal(isQueued, true);
    await waitUntilStored(traceId);
  });
});

describe('a page of any other origin', () => {
  it('gets no answer, and its spans are not sent', async () => {
    await browser.page.goto(`http://localhost:${port}/`);
    const traceId = 'c'.repeat(32);
    assert.equal(await send(`${clew.groups[1]}/v1/traces`, requestOf(traceId)), 'TypeError');
    const after = 'd'.repeat(32);
    const taken = await fetch(`${clew.groups[1]}/v1/traces`, {
      method: 'POST',
      body: requestOf(after),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(taken.status, 200);
    await waitUntilStored(after);
    assert.equal((await fetch(`${clew.groups[0]}/clew/v1/traces/${traceId}`)).status, 404);
  });
});
