import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

/** An app with types that no JavaScript engine takes, and a request to itself. */
const source = `
interface Order { readonly id: number }
const answer = (order: Order): string => \`order \${order.id}\`;
const server = createServer((_request: IncomingMessage, response: ServerResponse): void => {
  span('price', () => response.end(answer({ id: 7 } satisfies Order)));
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo;
  const text: string = await (await fetch(\`http://127.0.0.1:\${port}/\`)).text();
  console.log(text);
  server.close();
});
`;
const esModule = `
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { span } from '@clew/sdk';
${source}`;
const commonJs = `
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
const { createServer } = require('node:http') as typeof import('node:http');
const { span } = require('@clew/sdk') as typeof import('@clew/sdk');
${source}`;
const decorated = `
import { traced } from '@clew/sdk';
class Cart {
  @traced()
  pay(amount: number): number {
    return amount * 2;
  }
}
console.log(new Cart().pay(21));`;

async function run(t: TestContext, args: readonly string[], fileName: string, text: string, spanCount: number) {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await writeApp(t, fileName, text);
  const type = text === commonJs ? 'commonjs' : 'module';
  await writeFile(join(dirname(path), 'package.json'), JSON.stringify({ type }));
  const app = runNode(t, [...args, path], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
  assert.deepEqual(await app.exit(), { code: 0, signal: null }, app.stderr);
  const spans = await sink.waitFor(spanCount);
  return {
    stdout: app.stdout,
    names: spans.map(({ name }) => name).sort(),
    traceIds: new Set(spans.map(({ traceId }) => traceId)),
  };
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const stripsTypes = major > 22 || (major === 22 && minor >= 18);
const skip = stripsTypes ? false : 'Node strips types from 22.18 on';

for (const [fileName, text, args, skipped] of [
  ['app.ts', esModule, ['--import', '@clew/sdk/register'], skip],
  ['app.mts', esModule, ['--import', '@clew/sdk/register'], skip],
  ['app.cts', commonJs, ['--require', '@clew/sdk/register'], skip],
  ['app.ts', esModule, ['--import', '@clew/sdk/register', '--import', 'tsx'], false],
  ['app.mts', esModule, ['--import', '@clew/sdk/register', '--import', 'tsx'], false],
  ['app.ts', commonJs, ['--require', '@clew/sdk/register', '--require', 'tsx/cjs'], false],
] as const) {
  test(`node ${args.join(' ')} ${fileName} is traced`, { skip: skipped }, async (t) => {
    const { stdout, names, traceIds } = await run(t, args, fileName, text, 3);
    assert.equal(stdout, 'order 7\n');
    assert.deepEqual(names, ['GET', 'GET', 'price']);
    assert.equal(traceIds.size, 1);
  });
}

test('decorators that tsx compiles make spans', async (t) => {
  const { stdout, names } = await run(t, ['--import', '@clew/sdk/register', '--import', 'tsx'], 'app.ts', decorated, 1);
  assert.equal(stdout, '42\n');
  assert.deepEqual(names, ['Cart.pay']);
});
