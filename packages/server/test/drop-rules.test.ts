import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SearchResponse, StatsResponse } from '@clew/model';
import { otlpJsonToProtobuf } from '@clew/wire';
import { loadConfig, parseConfig } from '#src/config.js';
import { type DropRule, DropRules } from '#src/drop-rules.js';
import { type RunningServer, startServer } from '#src/main.js';
import { TraceTranscoder } from '#src/transcode/trace-transcoder.js';
import { freePorts } from './free-ports.js';

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

const health = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  name: 'GET /healthz',
  kind: 2,
  attributes: [
    text('http.route', '/healthz'),
    { key: 'http.response.status_code', value: { intValue: 200 } },
    { key: 'below.zero', value: { intValue: '-9007199254740993' } },
    { key: 'probe', value: { boolValue: true } },
    { key: 'ratio', value: { doubleValue: 0.5 } },
    { key: 'list', value: { arrayValue: { values: [] } } },
  ],
};

function requestOf(...spans: readonly object[]) {
  const resource = { attributes: [text('service.name', 'shop-front')] };
  return { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
}

function isDropped(rule: DropRule): boolean {
  const transcoder = new TraceTranscoder(new DropRules([rule]));
  const json = JSON.stringify(requestOf({ ...health, name: 'GET /orders', attributes: [] }, health));
  const result = transcoder.transcode(otlpJsonToProtobuf(new TextEncoder().encode(json)));
  assert.deepEqual([result.acceptedSpans, result.rejectedSpans], [2, 0]);
  const dropped = Object.values(result.droppedBy).reduce((sum, count) => sum + count, 0);
  assert.equal(transcoder.takeBlocks()?.spanCount ?? 0, 2 - dropped);
  return dropped > 0;
}

describe('a rule drops a span', () => {
  for (const [rule, expected] of [
    [{ name: 'GET /healthz' }, true],
    [{ name: 'GET /health' }, false],
    [{ name: 'GET /health*' }, true],
    [{ name: '*health*' }, true],
    [{ name: 'get /healthz' }, false],
    [{ name: 'GET .healthz' }, false],
    [{ name: '*GET*health*z' }, true],
    [{ name: 'GET /h*healthz' }, false],
    [{ name: 'GET*GET*' }, false],
    [{ name: '*' }, true],
    [{ name: 'GET /healthz', service: 'shop-*' }, true],
    [{ name: 'GET /healthz', service: 'shop' }, false],
    [{ name: 'GET /healthz', kind: 'server' }, true],
    [{ name: 'GET /healthz', kind: 'client' }, false],
    [{ attributes: { 'http.route': '/healthz' } }, true],
    [{ attributes: { 'http.route': '/health' } }, false],
    [{ attributes: { 'http.route': '/healthz', 'http.response.status_code': '200' } }, true],
    [{ attributes: { 'http.route': '/healthz', 'http.response.status_code': '500' } }, false],
    [{ attributes: { 'below.zero': '-9007199254740993' } }, true],
    [{ attributes: { probe: 'true' } }, true],
    [{ attributes: { ratio: '0.5' } }, true],
    [{ attributes: { list: '*' } }, false],
    [{ attributes: { 'user_agent.original': '*' } }, false],
  ] as const) {
    it(`${JSON.stringify(rule)}: ${expected}`, () => assert.equal(isDropped(rule), expected));
  }
});

describe('rules', () => {
  it('with many stars take no longer than the text is long', () => {
    const rules = new DropRules([{ name: `${'*a'.repeat(50)}*b` }]);
    const name = 'a'.repeat(1_000_000);
    assert.equal(rules.find({ service: '', name, kind: 0, attribute: () => undefined }), undefined);
  });

  it('are told apart by name, also where an attribute is named like a field', () => {
    const rule: DropRule = { name: 'GET /a', attributes: { name: 'b' } };
    const found = new DropRules([rule]).find({ service: '', name: 'GET /a', kind: 0, attribute: () => 'b' });
    assert.equal(found, 'name=GET /a attributes.name=b');
  });
});

describe('CLEW_DROP_SPANS', () => {
  const read = (value: string): readonly DropRule[] => parseConfig({ CLEW_DROP_SPANS: value }).dropSpans;

  it('says which rule is at fault, and where', () => {
    assert.throws(() => read('[{"service":"a"},{"kind":"sever"}]'), /CLEW_DROP_SPANS \(item 2, kind\) is /);
    assert.throws(() => read('[{"service":"a","nam":"x"}]'), /CLEW_DROP_SPANS \(item 1, nam\) is /);
    assert.throws(() => read('[{"name":"a"},{}]'), /CLEW_DROP_SPANS \(item 2\) is /);
  });

  it('is a list in JSON, with numbers and truth values as they are', () => {
    assert.deepEqual(read('[{"service":"a","attributes":{"http.response.status_code":204,"probe":true}}]'), [
      { service: 'a', attributes: { 'http.response.status_code': '204', probe: 'true' } },
    ]);
    assert.deepEqual(parseConfig({}).dropSpans, []);
  });

  for (const value of [
    'GET /health',
    '{"name":"a"}',
    '[{}]',
    '[{"attributes":{}}]',
    '[{"nmae":"a"}]',
    '[{"name":""}]',
    '[{"kind":"SERVER"}]',
    JSON.stringify(Array(101).fill({ name: 'a' })),
  ]) {
    it(`is refused: ${value.slice(0, 40)}`, () =>
      assert.throws(() => read(value), /CLEW_DROP_SPANS( \(item [^)]*\))? is .* at most 100 rules/s));
  }

  it('takes a hundred', () => assert.equal(read(JSON.stringify(Array(100).fill({ name: 'a' }))).length, 100));
});

describe('a server with rules in its configuration file', () => {
  let folder: string;
  let server: RunningServer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clew-drop-'));
    const file = join(folder, 'clew.yaml');
    writeFileSync(file, 'drop-spans:\n  - name: GET /health*\n    kind: server\n  - service: noise\n');
    server = await startServer(
      loadConfig({ env: {}, flags: { config: file, dataDir: join(folder, 'data'), ...freePorts, logLevel: 'silent' } }),
    );
  });

  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const getJson = async <Body>(path: string): Promise<Body> =>
    (await (await fetch(`${server.uiUrl}${path}`)).json()) as Body;

  it('accepts what they drop, over OTLP and Zipkin, stores the rest, and counts by rule', async () => {
    const now = Date.now();
    const times = { startTimeUnixNano: `${now}000000`, endTimeUnixNano: `${now}000000` };
    const spans = [health, { ...health, spanId: '00000000000000aa', name: 'GET /orders' }];
    const otlp = await fetch(`${server.otlpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(requestOf(...spans.map((span) => ({ ...span, ...times })))),
    });
    assert.deepEqual([otlp.status, await otlp.json()], [200, {}]);
    const zipkin = await fetch(`${server.zipkinUrl}/api/v2/spans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([
        { traceId: 'a1', id: '1', name: 'x', timestamp: now * 1000, localEndpoint: { serviceName: 'noise' } },
      ]),
    });
    assert.equal(zipkin.status, 202);
    for (;;) {
      const { traces } = await getJson<SearchResponse>('/clew/v1/search');
      if (traces.length === 0) {
        await sleep(50);
        continue;
      }
      assert.deepEqual(
        traces.map(({ firstName, spanCount }) => [firstName, spanCount]),
        [['GET /orders', 1]],
      );
      break;
    }
    const { droppedSpans, rejectedSpans } = await getJson<StatsResponse>('/clew/v1/stats');
    assert.deepEqual(droppedSpans, { 'name=GET /health* kind=server': 1, 'service=noise': 1 });
    assert.deepEqual(rejectedSpans, {});
    const metrics = await (await fetch(`${server.uiUrl}/metrics`)).text();
    assert.match(metrics, /^clew_dropped_spans_total\{rule="service=noise"\} 1$/m);
  });
});
