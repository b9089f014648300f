import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TraceTable } from '@clew/model';
import { fetchSpans, fetchTrace, postJson, type RunningClew, readCase, runClew, startClew } from './running-clew.js';

let clew: RunningClew;

before(async () => {
  clew = await startClew();
});
after(() => clew.stop());

const sendOtlp = async (body: unknown) => {
  const response = await postJson(`${clew.otlpUrl}/v1/traces`, body);
  return { status: response.status, answer: (await response.json()) as object };
};
const sendZipkin = async (body: unknown) => (await postJson(`${clew.zipkinUrl}/api/v2/spans`, body)).status;

describe('OTLP JSON', () => {
  it('keeps all digits of 64-bit integers that are numbers, in the API, the terminal and the export', async () => {
    assert.deepEqual(await sendOtlp(readCase('01-otlp-json-int64-as-numbers.json')), { status: 200, answer: {} });
    const traceId = '01000000000000000000000000000001';
    const [span] = await fetchSpans(clew.uiUrl, traceId, 1);
    assert.equal(span!.startNs, 1_796_040_000_000_000_001n);
    assert.equal(span!.durationNs, 100);
    assert.equal(span!.events[0]!.offsetNs, 50);
    assert.deepEqual(span!.attributes, [{ key: 'order.id', value: { type: 'int', value: 212_089_821_454_139_393n } }]);
    const { stdout } = await runClew('trace', traceId, '--json', '--server', clew.uiUrl);
    for (const text of [
      '"intValue": "212089821454139393"',
      '"startNs": "1796040000000000001"',
      '"timeNs": "1796040000000000051"',
    ]) {
      assert.ok(stdout.includes(text), stdout);
    }
    const exported = await runClew('export', '--server', clew.uiUrl, traceId);
    for (const text of ['"intValue":"212089821454139393"', '"endTimeUnixNano":"1796040000000000101"']) {
      assert.ok(exported.stdout.includes(text), exported.stdout + exported.stderr);
    }
  });

  it('takes enums by name, and those beyond what OTLP has as unspecified', async () => {
    assert.deepEqual(await sendOtlp(readCase('17a-otlp-json-enum-names.json')), { status: 200, answer: {} });
    const named = await fetchSpans(clew.uiUrl, '17000000000000000000000000000001', 2);
    assert.deepEqual(
      named.map(({ name, kind, statusCode }) => [name, kind, statusCode]),
      [
        ['a', 2, 2],
        ['b', 1, 0],
      ],
    );
    const minusOne = readCase('18-otlp-json-kind-minus-one.json');
    assert.deepEqual(await sendOtlp(minusOne), { status: 200, answer: {} });
    assert.deepEqual(await sendOtlp(minusOne.replaceAll('1800000', '1800001').replace('-1', '99')), {
      status: 200,
      answer: {},
    });
    for (const traceId of ['18000000000000000000000000000001', '18000010000000000000000000000001']) {
      const spans = await fetchSpans(clew.uiUrl, traceId, 2);
      assert.deepEqual(
        spans.map(({ kind }) => kind),
        [0, 1],
      );
    }
  });

  it('rejects the spans with a wrong value and says where, and stores the others', async () => {
    const traceId = '0a000000000000000000000000000001';
    const spans = [
      { traceId, spanId: '00000000000000a1', name: 'good' },
      { traceId, spanId: '00000000000000a2', attributes: [{ key: 'n', value: { intValue: '9223372036854775808' } }] },
      { traceId, spanId: 'not hex', name: 'bad' },
      { traceId, spanId: '00000000000000a4', startTimeUnixNano: '18446744073709551615' },
    ];
    const { status, answer } = await sendOtlp({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
    assert.equal(status, 200);
    const { partialSuccess } = answer as { partialSuccess: { rejectedSpans: unknown; errorMessage: string } };
    assert.equal(Number(partialSuccess.rejectedSpans), 3);
    assert.match(partialSuccess.errorMessage, /spans\[1\]\.attributes\[0\]\.value\.intValue must be an integer from/);
    const stored = await fetchSpans(clew.uiUrl, traceId, 1);
    assert.deepEqual(
      stored.map(({ name }) => name),
      ['good'],
    );
    const malformed = await sendOtlp(JSON.stringify({ resourceSpans: [] }).slice(0, -1));
    assert.equal(malformed.status, 400);
  });

  it('returns schema URLs, dropped counts and events without a time everywhere', async () => {
    const traceId = '0a000000000000000000000000000002';
    const request = {
      resourceSpans: [
        {
          resource: {
            attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }],
            droppedAttributesCount: 3,
          },
          scopeSpans: [
            {
              scope: { name: 'lib', version: '1', droppedAttributesCount: 4 },
              spans: [
                {
                  traceId,
                  spanId: '00000000000000b1',
                  name: 'work',
                  kind: 1,
                  startTimeUnixNano: '1796040000000000000',
                  endTimeUnixNano: '1796040000000000005',
                  events: [{ name: 'untimed' }],
                },
              ],
              schemaUrl: 'https://opentelemetry.io/schemas/1.27.0',
            },
          ],
          schemaUrl: 'https://opentelemetry.io/schemas/1.30.0',
        },
      ],
    };
    assert.deepEqual(await sendOtlp(request), { status: 200, answer: {} });
    await fetchTrace(clew.uiUrl, traceId, 1);
    const exported = await runClew('export', '--server', clew.uiUrl, traceId);
    assert.deepEqual(JSON.parse(exported.stdout), request);
    const { stdout } = await runClew('trace', traceId, '--json', '--server', clew.uiUrl);
    const [span] = (JSON.parse(stdout) as { spans: Record<string, unknown>[] }).spans;
    assert.equal(span!.resourceSchemaUrl, 'https://opentelemetry.io/schemas/1.30.0');
    assert.equal(span!.resourceDroppedAttributesCount, 3);
    assert.deepEqual(span!.scope, {
      name: 'lib',
      version: '1',
      attributes: [],
      droppedAttributesCount: 4,
      schemaUrl: 'https://opentelemetry.io/schemas/1.27.0',
    });
    assert.deepEqual(span!.events, [{ timeNs: '0', name: 'untimed', attributes: [], droppedAttributesCount: 0 }]);
  });

  it('stores a span of the last year that nanoseconds reach, and rejects one beyond', async () => {
    assert.deepEqual(await sendOtlp(readCase('22-start-in-2261.json')), { status: 200, answer: {} });
    const [span] = await fetchSpans(clew.uiUrl, '22000000000000000000000000000001', 1);
    assert.equal(span!.startNs, 9_197_366_400_123_456_789n);
    const last = readCase('22-start-in-2261.json').replace('2200', '2201');
    const at = (ns: string) => last.replaceAll(/"9197366400\d+"/g, `"${ns}"`);
    assert.deepEqual(await sendOtlp(at('9223372036854775807')), { status: 200, answer: {} });
    const { answer } = await sendOtlp(at('9223372036854775808'));
    assert.match(JSON.stringify(answer), /"rejectedSpans":"?1"?,"errorMessage":".*2262-04-11/);
  });
});

describe("Zipkin's shared spans", () => {
  const auth = '00000000000000000600000000000001';
  const location = '00000000000000000700000000000001';

  /** Lines of the tree, indented by depth. */
  function treeOf(table: TraceTable): string[] {
    return Array.from(table.tree.order, (row) => '  '.repeat(table.tree.depth[row]!) + table.names[table.name[row]!]!);
  }

  interface Half {
    readonly traceId: string;
    readonly id: string;
    readonly [field: string]: unknown;
  }
  const withTraceId = (name: string, traceId: string) =>
    (JSON.parse(readCase(name)) as Half[]).map((span) => ({ ...span, traceId }));

  async function assertTree(
    traceId: string,
    requests: readonly (readonly object[])[],
    tree: readonly string[],
  ): Promise<void> {
    for (const request of requests) assert.equal(await sendZipkin(request), 202);
    const table = await fetchTrace(clew.uiUrl, traceId, requests.flat().length);
    assert.deepEqual(treeOf(table), tree);
    assert.equal(
      table.tree.parentState.some((state) => state !== 0),
      false,
      'no span lacks its parent',
    );
  }

  it('stay one tree when the client half of a span never comes', async () => {
    const tree = ['gateway get', '  auth check', '    token'];
    const spans = withTraceId('06-zipkin-shared-server-with-parent-no-client-half.json', auth);
    await assertTree(auth, [spans], tree);
    // In requests of their own, in another order.
    const other = `${auth.slice(0, -1)}2`;
    const apart = spans.map((span) => [{ ...span, traceId: other }]);
    await assertTree(other, apart.toReversed(), tree);
  });

  it('hang below the client half when it comes later', async () => {
    const traceId = `${auth.slice(0, -1)}3`;
    const spans = withTraceId('06-zipkin-shared-server-with-parent-no-client-half.json', traceId);
    const client = {
      traceId,
      id: '2',
      parentId: '1',
      kind: 'CLIENT',
      name: 'call',
      timestamp: 1_796_040_000_000_900,
      localEndpoint: { serviceName: 'gateway' },
    };
    await assertTree(traceId, [spans, [client]], ['gateway get', '  call', '    auth check', '      token']);
  });

  it('stay one tree when the root is shared, and its child is of another service', async () => {
    const tree = ['post /location', '  post', '    post /update'];
    const spans = withTraceId('07-zipkin-shared-root-child-of-other-service.json', location);
    await assertTree(location, [spans], tree);
    const other = `${location.slice(0, -1)}2`;
    await assertTree(
      other,
      spans.map((span) => [{ ...span, traceId: other }]),
      tree,
    );
  });

  it('of a chain in which no client reports hang on one another', async () => {
    const traceId = `${location.slice(0, -1)}3`;
    const half = (id: string, parentId: string | undefined, service: string) => ({
      traceId,
      id,
      ...(parentId !== undefined && { parentId }),
      kind: 'SERVER',
      shared: true,
      name: service,
      timestamp: 1_796_040_000_000_000 + Number(id),
      localEndpoint: { serviceName: service },
    });
    const halves = [half('1', undefined, 'a'), half('2', '1', 'b'), half('3', '2', 'c')];
    await assertTree(traceId, [halves.toReversed()], ['a', '  b', '    c']);
  });

  it('with trace ids of 64 bits are found under the id with zeros in front', async () => {
    assert.equal(await sendZipkin(readCase('05-zipkin-64-bit-trace-id.json')), 202);
    assert.equal((await fetchTrace(clew.uiUrl, '000000000000000005ad4dd4cf6152aa', 1)).spanCount, 1);
  });
});
