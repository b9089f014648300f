import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { expectStored, startTestServer, type TestServer } from './clew-server.js';
import { parseRequests } from './otlp-json-spans.js';
import { runClient } from './run-client.js';

const script = join(import.meta.dirname, '..', '..', 'conformance', 'python', 'export_spans.py');
const packages = process.env.CLEW_PYTHON_PACKAGES;
const absent = process.env.CLEW_PYTHON_ABSENT;

let clew: TestServer;

before(async () => {
  clew = await startTestServer();
});

after(() => clew.stop());

describe("what OpenTelemetry's Python SDK exports is stored span by span", { skip: absent ?? false }, () => {
  for (const protocol of ['grpc', 'http']) {
    for (const compression of ['none', 'gzip']) {
      it(`over OTLP/${protocol}, compression ${compression}`, async () => {
        assert.ok(packages, 'the packages are missing: npm test -- conformance installs them');
        const { otlpUrl, otlpGrpcUrl } = clew.server;
        const endpoint = protocol === 'grpc' ? otlpGrpcUrl : `${otlpUrl}/v1/traces`;
        const env = { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: '1' };
        const printed = await runClient('python3', [script, protocol, compression, endpoint], env);
        const exported = parseRequests(printed, 'base64');
        assert.equal(exported.length, 5);
        await expectStored(clew.server, exported);
      });
    }
  }
});
