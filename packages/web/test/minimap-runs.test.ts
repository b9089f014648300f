import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableFromNative } from '@clew/model';
import { largeTrace, nativeTrace } from '@clew/model/fixtures';
import { computeMinimapRuns } from '#src/layout/minimap-runs.js';
import { shopBlock } from './shop-trace.js';

test('with room for all, each row has its line, and an error is marked at its start', () => {
  const table = tableFromNative(shopBlock);
  const { runs, linePx } = computeMinimapRuns(table, table.tree.order, 400, 56);
  assert.equal(linePx, 3);
  const root = runs.filter((run) => run.y === 0);
  assert.deepEqual(
    root.map(({ x, isError }) => [x, isError]),
    [
      [0, true],
      [6, false],
    ],
  );
  assert.equal(new Set(runs.map((run) => run.y)).size, table.spanCount);
});

test('100,000 rows share the lines; each pixel is painted at most once and none outside', () => {
  const table = tableFromNative(nativeTrace(largeTrace(100_000)));
  const [width, height] = [1_000, 56];
  const { runs, linePx } = computeMinimapRuns(table, table.tree.order, width, height);
  assert.equal(linePx, 1);
  const painted = new Uint8Array(width * height);
  for (const run of runs) {
    assert.ok(run.x >= 0 && run.width > 0 && run.x + run.width <= width && run.y < height);
    for (let x = run.x; x < run.x + run.width; x++) {
      assert.equal(painted[run.y * width + x], 0);
      painted[run.y * width + x] = 1;
    }
  }
  for (let row = 0; row < table.spanCount; row += 997) {
    const line = runs.some((run) => run.service === table.service[row]);
    assert.ok(line);
  }
});
