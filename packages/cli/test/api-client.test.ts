import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ApiClient, connect } from '#src/api-client.js';

const timeoutMs = 300;

async function listen(
  t: TestContext,
  listener: RequestListener,
): Promise<{ readonly url: string; readonly client: ApiClient }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, client: connect(url, undefined, timeoutMs) };
}

const reads: Readonly<Record<string, (client: ApiClient) => Promise<unknown>>> = {
  search: (client) => client.search('/clew/v1/search'),
  services: (client) => client.operationMetrics('/clew/v1/operation-metrics'),
  graph: (client) => client.serviceGraph('/clew/v1/service-graph'),
  stats: (client) => client.stats('/clew/v1/stats'),
  'trace and export': (client) => client.trace('/clew/v1/traces/1'),
  retention: (client) => client.retention(),
  'redact without a key': (client) => client.redactions(),
};

const changes: Readonly<Record<string, (client: ApiClient) => Promise<unknown>>> = {
  delete: (client) => client.deleteTrace('1'),
  'retention set': (client) => client.changeRetention({ age: '1d' }),
  redact: (client) => client.redact({ key: 'a' }),
};

describe('a server that never answers', () => {
  for (const [name, ask] of Object.entries(reads)) {
    it(`is named, and asking again is offered: ${name}`, async (t) => {
      const { url, client } = await listen(t, () => {});
      const message = `${url} sent nothing for 0.3 s; try again, with a shorter time range where the command has one`;
      await assert.rejects(ask(client), { name: 'CliError', message });
    });
  }

  for (const [name, ask] of Object.entries(changes)) {
    it(`may still do what it was asked for: ${name}`, async (t) => {
      const { url, client } = await listen(t, () => {});
      const message = `${url} sent nothing for 0.3 s; what was asked for may still be under way: look before you ask again`;
      await assert.rejects(ask(client), { name: 'CliError', message });
    });
  }

  it('is noticed in the middle of an answer, too', async (t) => {
    const { client } = await listen(t, (_, response) => response.writeHead(200).write('{"traces":'));
    await assert.rejects(client.search('/'), { name: 'CliError', message: /sent nothing for 0\.3 s/ });
  });
});

it('a server that sends a little at a time has as long as it takes', async (t) => {
  const { client } = await listen(t, async (_, response) => {
    response.writeHead(200);
    for (const piece of ['{"traces":', '[]', ',"start":1', ',"end":2', ',"hasMore"', ':false}']) {
      response.write(piece);
      await new Promise((resolve) => setTimeout(resolve, timeoutMs / 3));
    }
    response.end();
  });
  assert.deepEqual(await client.search('/'), { traces: [], start: 1, end: 2, hasMore: false });
});

it('an answer that breaks off is not taken for a server that is not there', async (t) => {
  const { client } = await listen(t, (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{');
    setImmediate(() => response.destroy());
  });
  await assert.rejects(client.stats('/'), { name: 'CliError', message: /broke off its answer/ });
});

describe('a server that is not Clew', () => {
  for (const [name, ask] of Object.entries({ ...reads, ...changes })) {
    it(`is recognised by its answer: ${name}`, async (t) => {
      const { client } = await listen(t, (_, response) => response.end('<!doctype html><title>Welcome</title>'));
      await assert.rejects(ask(client), { name: 'CliError', message: /answered with something that is not/ });
    });
  }
});
