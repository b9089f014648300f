import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fetchSpans, pathOf, type RunningClew, readCase, runClew, startClew } from './running-clew.js';

let clew: RunningClew;

before(async () => {
  clew = await startClew();
});
after(() => clew.stop());

const importFile = (path: string) => runClew('import', '--url', clew.otlpUrl, path);

function importText(content: string | Uint8Array) {
  const path = join(clew.folder, 'import.json');
  writeFileSync(path, content);
  return importFile(path);
}

let lastTrace = 0xf00;
const nextTraceId = () => (++lastTrace).toString(16).padStart(32, '0');

/** `ResourceSpans` with one span, as OTLP/JSON has it. */
function resourceSpansOf(traceId: string, spanId = '00000000000000a1', kind: unknown = 2) {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  const times = { startTimeUnixNano: '1796040000000000000', endTimeUnixNano: '1796040000000001000' };
  return { resource, scopeSpans: [{ spans: [{ traceId, spanId, name: 'work', kind, ...times }] }] };
}

describe('clew import', () => {
  it('keeps all digits of 64-bit integers in Jaeger JSON', async () => {
    const { code, stderr } = await importFile(pathOf('03-jaeger-json-int64-as-numbers.json'));
    assert.deepEqual([code, stderr], [0, '']);
    const [span] = await fetchSpans(clew.uiUrl, '03000000000000000000000000000001', 1);
    assert.deepEqual(span!.attributes, [
      { key: 'max', value: { type: 'int', value: 9_223_372_036_854_775_807n } },
      { key: 'min', value: { type: 'int', value: -9_223_372_036_854_775_807n } },
      { key: 'sid', value: { type: 'int', value: 780_177_723_283_783_681n } },
    ]);
    assert.deepEqual(span!.events[0]!.attributes, [
      { key: 'n', value: { type: 'int', value: 9_223_372_036_854_775_201n } },
    ]);
  });

  it('takes enum names, as the receiver does', async () => {
    const renamed = readCase('17a-otlp-json-enum-names.json').replaceAll('1700000000000', '1700000000001');
    assert.equal((await importText(renamed)).code, 0);
    const [span] = await fetchSpans(clew.uiUrl, '17000000000010000000000000000001', 2);
    assert.equal(span!.kind, 2);
  });

  it('fails with the errors of a Jaeger answer that is one', async () => {
    const { code, stdout, stderr } = await importFile(pathOf('20-jaeger-answer-that-is-an-error.json'));
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /20-jaeger-answer-that-is-an-error\.json: .*trace not found \(404\)\n$/);
  });

  it('imports OTLP requests that stand in an array', async () => {
    const { code, stdout } = await importFile(pathOf('27-array-of-otlp-requests.json'));
    assert.deepEqual([code, stdout.replace(/^.*: /, '')], [0, '2 spans (OTLP JSON)\n']);
    for (const last of [1, 2]) await fetchSpans(clew.uiUrl, `2700000000000000000000000000000${last}`, 1);
  });

  it('imports what the APIs of Tempo and Jaeger answer, compressed too', async () => {
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
    for (const wrap of [
      (id: string) => ({ batches: [resourceSpansOf(base64(id), base64('00000000000000a1'), 'SPAN_KIND_SERVER')] }),
      (id: string) => ({ trace: { resourceSpans: [resourceSpansOf(id)] }, metrics: {} }),
      (id: string) => ({ result: { resourceSpans: [resourceSpansOf(id)] } }),
      (id: string) => ({ resource_spans: [resourceSpansOf(id)] }),
      (id: string) => [
        {
          spans: [
            {
              traceID: id,
              spanID: 'a1',
              operationName: 'work',
              processID: 'p',
              startTime: 1,
              tags: [{ key: 'span.kind', value: 'server' }],
            },
          ],
          processes: { p: { serviceName: 'shop' } },
        },
      ],
      (id: string) => [[{ traceId: id, id: 'a1', name: 'work', kind: 'SERVER', timestamp: 1 }], []],
    ]) {
      const traceId = nextTraceId();
      const { code, stderr } = await importText(gzipSync(JSON.stringify(wrap(traceId))));
      assert.deepEqual([code, stderr], [0, '']);
      const [span] = await fetchSpans(clew.uiUrl, traceId, 1);
      assert.deepEqual([span!.spanId, span!.name, span!.kind], ['00000000000000a1', 'work', 2]);
    }
  });

  for (const [what, content, reason] of [
    ['an empty array', '[]', /there are no spans in it/],
    ['a list of empty lists', '[[], []]', /there are no spans in it/],
    ['a Jaeger answer without traces', '{"data":[],"errors":null}', /there are no spans in it/],
    [
      'a Jaeger trace without spans',
      '{"data":[{"traceID":"1","spans":[],"processes":{}}]}',
      /there are no spans in it/,
    ],
    ['an OTLP request without spans', '{"resourceSpans":[]}\n{"resourceSpans":[{}]}\n', /there are no spans in it/],
    ['a Tempo answer without a trace', '{"trace":null}', /there are no spans in it/],
    ['an empty file', '', /there is nothing in it/],
    ['numbers', '[1,2]', /none of its 2 spans could be imported: a span must be an object; got 1/],
    ['spans that are all malformed', '[{"traceId":"x"}]', /none of its 1 span could be imported: traceId must be/],
    [
      'OTLP spans that are all malformed',
      JSON.stringify({ resourceSpans: [resourceSpansOf('xyz')] }),
      /none of its 1 span could be imported: what begins in line 1: resourceSpans\[0\].*traceId must be an id in hex; got "xyz"/,
    ],
    [
      'OTLP spans that the server rejects',
      JSON.stringify({ resourceSpans: [resourceSpansOf('00')] }),
      /none of its 1 span could be imported: trace_id must be 16 bytes/,
    ],
    ['JSON of another kind', '{"resourceLogs":[]}', /: unexpected JSON in line 1: an object without resourceSpans/],
    ['an error of Jaeger API v3', '{"error":{"httpCode":404}}', /: unexpected JSON in line 1: .* it has error$/],
    ['JSON that is cut off', '{"resourceSpans":[', /: malformed JSON in line 1/],
  ] as const) {
    it(`fails for ${what}, with the reason`, async () => {
      const { code, stderr } = await importText(content);
      assert.equal(code, 1, stderr);
      assert.match(stderr.trimEnd(), reason);
    });
  }
});
