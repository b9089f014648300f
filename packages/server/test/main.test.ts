import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ClewError, parseConfig, type RunningServer, startServer } from '@clew/server';

let dataDir: string;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clew-test-'));
});

after(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

function start(overrides: Parameters<typeof parseConfig>[1] = {}): Promise<RunningServer> {
  return startServer(parseConfig({}, { dataDir, httpPort: 0, otlpHttpPort: 0, logLevel: 'silent', ...overrides }));
}

async function takePort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

describe('startServer', () => {
  test('takes free ports, answers on both, and leaves nothing behind when closed', async () => {
    const server = await start();
    assert.match(server.uiUrl, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    assert.equal((await fetch(`${server.uiUrl}/health`)).status, 200);
    assert.equal((await fetch(`${server.otlpUrl}/v1/traces`)).status, 405);
    await server.close();
    await assert.rejects(fetch(`${server.uiUrl}/health`));
    await assert.rejects(fetch(`${server.otlpUrl}/v1/traces`));
    // The data directory is free again.
    const again = await start();
    await again.close();
    await again.close();
  });

  test('says which port is taken and what chooses another, and stops what it had started', async () => {
    const { server, port } = await takePort();
    const taken = [
      { setting: { httpPort: port }, flag: '--http-port', variable: 'CLEW_HTTP_PORT' },
      { setting: { otlpHttpPort: port }, flag: '--otlp-http-port', variable: 'CLEW_OTLP_HTTP_PORT' },
    ];
    for (const { setting, flag, variable } of taken) {
      await assert.rejects(start(setting), (error) => {
        assert.ok(error instanceof ClewError);
        assert.equal(error.code, 'CLEW_PORT_TAKEN');
        for (const part of [String(port), flag, variable]) assert.ok(error.message.includes(part), part);
        return true;
      });
    }
    server.close();
    await (await start()).close();
  });

  test('an address that is not of this machine is refused with the reason', async () => {
    await assert.rejects(start({ host: '192.0.2.1' }), {
      code: 'CLEW_ADDRESS_UNUSABLE',
      message: /192\.0\.2\.1:0.*EADDRNOTAVAIL/,
    });
  });
});
