import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatsResponse } from '@clew/model';
import picocolors from 'picocolors';
import { renderStats } from '#src/stats-table.js';

const terminal = { widthCells: undefined, colors: picocolors.createColors(false) };
const nowMs = Date.UTC(2026, 10, 25, 12);
const nsBefore = (seconds: number): string => `${nowMs - seconds * 1000}000000`;

const stats: StatsResponse = {
  since: '2026-11-25T10:00:00.000Z',
  receivers: [
    {
      receiver: 'otlp-http',
      requests: 12_345,
      spans: 1_234_567,
      bytes: 1_610_612_736,
      refused: { busy: 2, malformed: 30 },
    },
    { receiver: 'zipkin', requests: 0, spans: 0, bytes: 0, refused: {} },
  ],
  rejectedSpans: { trace_id: 3 },
  droppedSpans: { 'name=GET /health*': 1200 },
  tailSampling: {
    afterMs: 3_600_000,
    keep: ['error', 'share=0.1'],
    decidedUntilMs: nowMs - 3_600_000,
    outcomes: { error: 12, removed: 3_000 },
  },
  spool: { bytes: 1536, limitBytes: 2 ** 30, segments: 2, oldestAgeS: 61, setAside: 1 },
  store: {
    cardinality: { foldedServices: ['shop'], truncatedKeys: ['user.id', 'order'], hasAllKeys: false },
    spans: 1_000_000,
    bytes: 62_000_000,
    tables: [],
    oldestNs: nsBefore(3 * 86_400),
    newestNs: nsBefore(-90),
  },
};

describe('the table of clew stats', () => {
  it('has a line a receiver, the reasons by how often, and units that can be read', () => {
    assert.deepEqual(renderStats(stats, terminal, nowMs), [
      'RECEIVER   REQUESTS      SPANS    BYTES  REFUSED',
      'otlp-http    12,345  1,234,567  1.5 GiB  malformed 30, busy 2',
      'zipkin            0          0      0 B  none',
      '',
      'Since      2026-11-25T10:00:00.000Z',
      'Rejected   trace_id 3',
      'Dropped    name=GET /health* 1,200',
      'Sampled    removed 3,000, error 12; traces until 2026-11-25T11:00:00.000Z are decided',
      'In spool   1.5 KiB of 1 GiB in 2 files, the oldest for 1 min',
      'Set aside  1 file that the store did not take; see the log of the server',
      'Stored     1,000,000 spans in 59.1 MiB on disk, 62 B a span',
      'Limited    span names of shop are counted together as (other); not all values of user.id, order are completed; not all attribute keys are completed',
      'Oldest     2026-11-22T12:00:00.000Z (3 d ago)',
      'Newest     2026-11-25T12:01:30.000Z (1 min ahead)',
    ]);
  });

  it('says so when the store is empty, or away, and shows no control characters of a server', () => {
    const cardinality = { foldedServices: [], truncatedKeys: [], hasAllKeys: true };
    const empty = { cardinality, spans: 0, bytes: 0, tables: [], oldestNs: null, newestNs: null };
    const spool = { bytes: 0, limitBytes: 1024, segments: 0, oldestAgeS: null, setAside: 0 };
    const lines = renderStats({ ...stats, droppedSpans: {}, tailSampling: null, spool, store: empty }, terminal, nowMs);
    assert.deepEqual(lines.slice(6), ['In spool   0 B of 1 KiB in 0 files', 'Stored     0 spans in 0 B on disk']);
    const away = renderStats({ ...stats, store: { unavailable: 'gone \x1b[31m' } }, terminal, nowMs);
    assert.match(away.at(-1)!, /^Stored {5}unknown: gone /);
    assert.ok(!away.join('').includes('\x1b'));
  });
});
