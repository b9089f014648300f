import { type CardinalityStats, formatBytes, type StatsResponse, type TailSamplingStats } from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { countOf, formatCount } from './count.ts';
import { renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/**
 * What `clew stats` prints: a line for each receiver, for what waits and for what is stored.
 *
 * @param nowMs For the ages of spans, Unix milliseconds.
 */
export function renderStats(stats: StatsResponse, { colors }: Terminal, nowMs: number): string[] {
  const { receivers, rejectedSpans, droppedSpans, tailSampling, spool, store, since } = stats;
  const rows = receivers.map(({ receiver, requests, spans, bytes, refused }) => [
    escapeControls(receiver),
    formatCount(requests),
    formatCount(spans),
    formatBytes(bytes),
    formatReasons(refused),
  ]);
  const lines = renderTable([['RECEIVER', 'REQUESTS', 'SPANS', 'BYTES', 'REFUSED'], ...rows], ['RECEIVER', 'REFUSED']);
  lines[0] = colors.dim(lines[0]!);
  const oldest = spool.oldestAgeS === null ? '' : `, the oldest for ${formatSeconds(spool.oldestAgeS)}`;
  lines.push(
    '',
    `Since      ${escapeControls(since)}`,
    `Rejected   ${formatReasons(rejectedSpans)}`,
    ...(Object.keys(droppedSpans).length === 0 ? [] : [`Dropped    ${formatReasons(droppedSpans)}`]),
    ...(tailSampling === null ? [] : [`Sampled    ${formatSampling(tailSampling)}`]),
    `In spool   ${formatBytes(spool.bytes)} of ${formatBytes(spool.limitBytes)} in ${spool.segments} files${oldest}`,
  );
  if (spool.setAside > 0) {
    lines.push(
      colors.red(
        `Set aside  ${countOf(spool.setAside, 'file')} that the store did not take; see the log of the server`,
      ),
    );
  }
  if ('unavailable' in store) {
    lines.push(colors.red(`Stored     unknown: ${escapeControls(store.unavailable)}`));
    return lines;
  }
  const { cardinality, spans, bytes, oldestNs, newestNs } = store;
  const perSpan = spans === 0 ? '' : `, ${formatBytes(bytes / spans)} a span`;
  lines.push(`Stored     ${formatCount(spans)} spans in ${formatBytes(bytes)} on disk${perSpan}`);
  const limited = formatLimited(cardinality);
  if (limited !== '') lines.push(`Limited    ${limited}`);
  if (oldestNs !== null && newestNs !== null) {
    lines.push(`Oldest     ${formatTime(oldestNs, nowMs)}`, `Newest     ${formatTime(newestNs, nowMs)}`);
  }
  return lines;
}

function formatReasons(reasons: Readonly<Record<string, number>>): string {
  const parts = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  return parts.map(([reason, count]) => `${escapeControls(reason)} ${formatCount(count)}`).join(', ') || 'none';
}

function formatSampling({ outcomes, decidedUntilMs }: TailSamplingStats): string {
  return `${formatReasons(outcomes)}; traces until ${new Date(decidedUntilMs).toISOString()} are decided`;
}

/** Empty when nothing was left out. */
function formatLimited({ foldedServices, truncatedKeys, hasAllKeys }: CardinalityStats): string {
  const list = (names: readonly string[]): string => names.map(escapeControls).join(', ');
  return [
    ...(foldedServices.length === 0 ? [] : [`span names of ${list(foldedServices)} are counted together as (other)`]),
    ...(truncatedKeys.length === 0 ? [] : [`not all values of ${list(truncatedKeys)} are completed`]),
    ...(hasAllKeys ? [] : ['not all attribute keys are completed']),
  ].join('; ');
}

function formatTime(ns: string, nowMs: number): string {
  const ms = Number(BigInt(ns) / 1_000_000n);
  const age = ms <= nowMs ? `${formatSeconds((nowMs - ms) / 1000)} ago` : `${formatSeconds((ms - nowMs) / 1000)} ahead`;
  return `${new Date(ms).toISOString()} (${age})`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
