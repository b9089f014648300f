import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SearchResponse, TraceSummary } from '@clew/model';
import picocolors from 'picocolors';
import { renderSearch } from '#src/search-table.js';

const unbounded = { widthCells: undefined, colors: picocolors.createColors(false) };
const window = { start: Date.parse('2026-11-23T05:00:00Z'), end: Date.parse('2026-11-23T06:00:00Z') };

const slow: TraceSummary = {
  traceId: '5b8aa5a2d2c872e8321cf37308d69df2',
  firstService: 'gateway',
  firstName: 'POST /checkout',
  rootCount: 1,
  startNs: '1795412641123456789',
  durationNs: 1_234_567_890,
  spanCount: 42,
  errorCount: 1,
  services: [
    { service: 'inventory', spanCount: 30 },
    { service: 'gateway', spanCount: 12 },
  ],
};
const chinese: TraceSummary = {
  ...slow,
  traceId: '00000000000000000000000000000001',
  firstService: '网关',
  firstName: '下单',
  rootCount: 1,
  durationNs: 900,
  spanCount: 1,
  errorCount: 0,
  services: [{ service: '网关', spanCount: 1 }],
};

function render(response: Partial<SearchResponse>, terminal: Parameters<typeof renderSearch>[1] = unbounded): string[] {
  return renderSearch({ traces: [slow, chinese], hasMore: false, ...window, ...response }, terminal);
}

describe('renderSearch', () => {
  it('lines up one trace a line, Chinese names included, and says what was searched', () => {
    assert.deepEqual(render({}), [
      'TRACE                             START                     DURATION  SPANS  ERRORS  ROOT                    SERVICES',
      '5b8aa5a2d2c872e8321cf37308d69df2  2026-11-23T05:44:01.123Z    1.23 s     42       1  gateway POST /checkout  inventory, gateway',
      '00000000000000000000000000000001  2026-11-23T05:44:01.123Z    900 ns      1       0  网关 下单               网关',
      '',
      '2 traces between 2026-11-23T05:00:00.000Z and 2026-11-23T06:00:00.000Z.',
    ]);
  });

  it('says that the root of a trace has not been received, instead of naming another span as root', () => {
    const lines = render({ traces: [{ ...slow, rootCount: 0 }] });
    assert.match(lines[1]!, / not received; first: gateway POST \/checkout /);
  });

  it('says when more traces match than are listed, and nothing when all are', () => {
    assert.match(render({ hasMore: true }).at(-1)!, /Z, the newest that match; --limit shows more\.$/);
    assert.ok(!render({ hasMore: false }).at(-1)!.includes('--limit'));
  });

  it('cuts lines at the width of the terminal, but never the trace id', () => {
    const narrow = render({}, { ...unbounded, widthCells: 50 });
    assert.equal(narrow[1], '5b8aa5a2d2c872e8321cf37308d69df2  2026-11-23T05:4…');
    assert.equal(render({}, { ...unbounded, widthCells: 10 })[1]!.length, 32);
  });

  it('says how to look further back when nothing matches', () => {
    assert.deepEqual(render({ traces: [] }), [
      'No trace between 2026-11-23T05:00:00.000Z and 2026-11-23T06:00:00.000Z matches. A longer time: --since 24h.',
    ]);
  });
});
