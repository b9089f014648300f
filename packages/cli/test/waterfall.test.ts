import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tableFromNative } from '@clew/model';
import { type FixtureSpan, nativeTrace } from '@clew/model/fixtures';
import picocolors from 'picocolors';
import type { Terminal } from '#src/terminal.js';
import { measureCells } from '#src/text-width.js';
import { renderWaterfall } from '#src/waterfall.js';

const plain = picocolors.createColors(false);
const startNs = 1_795_412_641_123_000_000n;
const traceId = '5b8aa5a2d2c872e8321cf37308d69df2';

function render(spans: readonly FixtureSpan[], terminal: Partial<Terminal> = {}, maxSpans = 500): string[] {
  const table = tableFromNative(nativeTrace({ traceId, startNs, spans }));
  return renderWaterfall(table, { widthCells: 80, colors: plain, ...terminal }, maxSpans);
}

const ms = 1_000_000;
const checkout: readonly FixtureSpan[] = [
  { id: '0000000000000001', service: 'gateway', name: 'POST /checkout', startNs: 0, durationNs: 200 * ms },
  {
    id: '0000000000000002',
    parent: '0000000000000001',
    service: 'orders',
    name: 'POST /orders',
    startNs: 20 * ms,
    durationNs: 160 * ms,
  },
  {
    id: '0000000000000003',
    parent: '0000000000000002',
    service: 'payments',
    name: 'POST /charge',
    startNs: 40 * ms,
    durationNs: 50 * ms,
    status: 2,
  },
  {
    id: '0000000000000004',
    parent: '0000000000000002',
    service: '库存',
    name: '查询',
    startNs: 100 * ms,
    durationNs: 40 * ms,
  },
  {
    id: '0000000000000005',
    parent: '0000000000000001',
    service: 'gateway',
    name: 'log',
    startNs: 199 * ms,
    durationNs: 0,
  },
];

describe('renderWaterfall', () => {
  it('shows the tree, the bars on one axis, duration and self time, and marks errors', () => {
    assert.deepEqual(render(checkout), [
      `Trace ${traceId}  200 ms · 5 spans · 4 services · 1 error · started 2026-11-23T05:44:01.123Z`,
      '',
      '                               0                  200 ms    duration        self',
      'gateway POST /checkout         █████████████████████████      200 ms       40 ms',
      '├─ orders POST /orders           █████████████████████        160 ms       70 ms',
      '│  ├─ ✗ payments POST /charge       ██████                     50 ms       50 ms',
      '│  └─ 库存 查询                            ██████              40 ms       40 ms',
      '└─ gateway log                                         ▏        0 ns        0 ns',
    ]);
  });

  it('takes exactly the width of the terminal, Chinese names included', () => {
    for (const widthCells of [65, 80, 100, 200]) {
      for (const line of render(checkout, { widthCells }).slice(2)) assert.equal(measureCells(line), widthCells, line);
    }
  });

  it('leaves the bars out where they would have fewer than ten cells, and keeps the figures', () => {
    assert.ok(render(checkout, { widthCells: 65 }).join('\n').includes('█'));
    const lines = render(checkout, { widthCells: 64 });
    assert.ok(!lines.join('\n').includes('█'));
    assert.match(lines.at(-1)!, /0 ns +0 ns$/);
  });

  it('uses no escape sequence without colours, and red for spans that failed with them', () => {
    assert.ok(!render(checkout).join('').includes('\u001b'));
    const colored = render(checkout, { colors: picocolors.createColors(true) });
    assert.ok(colored.find((line) => line.includes('payments'))!.startsWith('\u001b[31m'));
    assert.ok(!colored.find((line) => line.includes('orders POST'))!.includes('\u001b[31m'));
  });

  it('says how many spans it left out, and nothing when it shows the last one', () => {
    assert.equal(render(checkout, {}, 4).at(-1), '4 of 5 spans shown; --limit 0 shows all.');
    assert.match(render(checkout, {}, 5).at(-1)!, /gateway log/);
  });

  it('says that parents are missing', () => {
    const orphan: FixtureSpan = { ...checkout[1]!, parent: 'ffffffffffffffff' };
    assert.match(render([checkout[0]!, orphan])[1]!, /^1 span names a parent that is not in the trace/);
  });

  it('writes the depth as a number where the branches would fill the label', () => {
    const chain = Array.from(
      { length: 300 },
      (_, index): FixtureSpan => ({
        id: (index + 1).toString(16).padStart(16, '0'),
        ...(index === 0 ? {} : { parent: index.toString(16).padStart(16, '0') }),
        service: 'chain',
        name: `link ${index}`,
        startNs: index,
        durationNs: 1000 - index,
      }),
    );
    const lines = render(chain);
    assert.match(lines[3 + 6]!, /^ {15}└─ chain link 6 /);
    assert.match(lines[3 + 7]!, /^…7 chain link 7 /);
    assert.match(lines.at(-1)!, /^…299 chain link 299 /);
  });

  it('shows control characters of a name instead of sending them to the terminal', () => {
    const evil = { ...checkout[0]!, name: 'x\u001b[2Jy' };
    assert.match(render([evil])[3]!, /x\\u\{1b\}\[2Jy/);
  });
});
