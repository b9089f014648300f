import { formatBytes, type RetentionLimit, type RetentionRequest, type RetentionResponse } from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { connect } from './api-client.ts';
import { CliError } from './cli-error.ts';
import { print, printJson } from './output.ts';

/** The options of `clew retention`, as parsed. */
export interface RetentionOptions {
  readonly server: string;
  readonly token?: string;
  readonly json?: boolean;
}

const reasons = { age: 'too old', ahead: 'ahead of the clock', bytes: 'over the limit', disk: 'over the share' };

/** Prints the limits, what is stored, and what was removed last. */
export async function showRetention({ server, token, json }: RetentionOptions): Promise<void> {
  printReport(await connect(server, token).retention(), json);
}

/** Changes limits and prints what holds now. */
export async function setRetention(change: RetentionRequest, { server, token, json }: RetentionOptions): Promise<void> {
  const { age, maxBytes, diskShare } = change;
  if (age === undefined && maxBytes === undefined && diskShare === undefined) {
    throw new CliError('nothing to set: give --age, --max-bytes or --disk-share');
  }
  const limits = { age: readNone(age), maxBytes: readNone(maxBytes), diskShare: readNone(diskShare) };
  printReport(await connect(server, token).changeRetention(limits), json);
}

/** The word none takes a limit away. */
function readNone<Value>(value: Value): Value | null {
  return value === 'none' ? null : value;
}

function printReport(report: RetentionResponse, json = false): void {
  if (json) printJson(report);
  else print(`${renderRetention(report).join('\n')}\n`);
}

/** The lines of `clew retention`. */
export function renderRetention(report: RetentionResponse): readonly string[] {
  const { age, maxBytes, diskShare, lastRun, lastRemoval } = report;
  const lines = [
    `Age         ${renderLimit(age, escapeControls)}`,
    `Bytes       ${renderLimit(maxBytes, formatBytes)}`,
    `Disk share  ${renderLimit(diskShare, String)}`,
    `Stored      ${report.spans} spans, ${formatBytes(report.bytesUsed)}` +
      ` (disk: ${formatBytes(report.diskFreeBytes)} of ${formatBytes(report.diskTotalBytes)} free)`,
    `Oldest      ${report.oldestMs === null ? 'none' : renderTime(report.oldestMs)}`,
    `Last run    ${lastRun === null ? 'not yet' : renderTime(lastRun.startedMs)}`,
  ];
  if (typeof lastRun?.error === 'string') lines.push(`  failed: ${escapeControls(lastRun.error)}`);
  if (lastRemoval === null) return lines;
  lines.push(`Removed     ${renderTime(lastRemoval.startedMs)}`);
  for (const { day, reason, beforeMs, spans, bytes } of lastRemoval.removed) {
    const name = escapeControls(day);
    const part = beforeMs === null ? name : `${name} before ${renderTime(beforeMs).slice(11, 16)}`;
    lines.push(`  ${part}: ${spans} spans, ${formatBytes(bytes)} (${reasons[reason]})`);
  }
  return lines;
}

function renderLimit<Value>({ value, source }: RetentionLimit<Value>, format: (value: Value) => string): string {
  return `${value === null ? 'no limit' : format(value)}${source === 'api' ? ' (set over the API)' : ''}`;
}

function renderTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z');
}
