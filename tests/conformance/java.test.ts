import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { expectStored, startTestServer, type TestServer } from './clew-server.js';
import { parseRequests } from './otlp-json-spans.js';
import { runClient } from './run-client.js';

const source = join(import.meta.dirname, '..', '..', 'conformance', 'java', 'ExportSpans.java');
const libraries = process.env.CLEW_JAVA_LIBRARIES;
const absent = process.env.CLEW_JAVA_ABSENT;

let clew: TestServer;

before(async () => {
  clew = await startTestServer();
});

after(() => clew.stop());

describe("what OpenTelemetry's Java SDK exports is stored span by span", { skip: absent ?? false }, () => {
  for (const protocol of ['grpc', 'http']) {
    for (const compression of ['none', 'gzip']) {
      it(`over OTLP/${protocol}, compression ${compression}`, async () => {
        assert.ok(libraries, 'the libraries are missing: npm test -- conformance installs them');
        const { otlpUrl, otlpGrpcUrl } = clew.server;
        const endpoint = protocol === 'grpc' ? otlpGrpcUrl : `${otlpUrl}/v1/traces`;
        const args = ['-cp', join(libraries, '*'), source, protocol, compression, endpoint];
        const exported = parseRequests(await runClient('java', args), 'hex');
        assert.equal(exported.length, 5);
        await expectStored(clew.server, exported);
      });
    }
  }
});
