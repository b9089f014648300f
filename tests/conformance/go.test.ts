import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expectStored, startTestServer, type TestServer } from './clew-server.js';
import type { ExportedSpan } from './exported-span.js';
import { parseRequests } from './otlp-json-spans.js';
import { runClient } from './run-client.js';

const client = process.env.CLEW_GO_CLIENT;
const absent = process.env.CLEW_GO_ABSENT;

let clew: TestServer;

before(async () => {
  clew = await startTestServer();
});

after(() => clew.stop());

function run(...args: readonly string[]): Promise<string> {
  assert.ok(client, 'the program is missing: npm test -- conformance builds it');
  return runClient(client, args);
}

describe("what OpenTelemetry's Go SDK exports is stored span by span", { skip: absent ?? false }, () => {
  for (const protocol of ['grpc', 'http']) {
    for (const compression of ['none', 'gzip']) {
      it(`over OTLP/${protocol}, compression ${compression}`, async () => {
        const { otlpUrl, otlpGrpcUrl } = clew.server;
        const endpoint = protocol === 'grpc' ? otlpGrpcUrl : `${otlpUrl}/v1/traces`;
        const exported = parseRequests(await run(protocol, compression, endpoint), 'base64');
        assert.equal(exported.length, 5);
        await expectStored(clew.server, exported);
      });
    }
  }
});

describe("what Jaeger's own client posts is stored", { skip: absent ?? false }, () => {
  it('as the OpenTelemetry Collector translates it, but for what docs/receivers.md says otherwise', async () => {
    const printed = await run('jaeger', new URL(clew.server.jaegerGrpcUrl).host);
    const translated = parseRequests(printed, 'base64');
    assert.equal(translated.length, 3);
    await expectStored(clew.server, translated.map(asClewHasIt));
  });
});

/** The collector leaves out the flags, and calls a span without a kind unspecified and a `hostname` `host.name`. */
function asClewHasIt(span: ExportedSpan): ExportedSpan {
  const isSampled = span.name === 'POST /checkout';
  return {
    ...span,
    // 0x100: that the parent is not remote is known.
    flags: 0x100 | (isSampled ? 1 : 0),
    kind: span.kind === 0 ? 1 : span.kind,
    resource: span.resource.map(({ key, value }) => ({ key: key === 'host.name' ? 'hostname' : key, value })),
  };
}
