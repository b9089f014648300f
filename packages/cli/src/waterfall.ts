import { formatDuration, parentMissing, type TraceTable } from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { countOf } from './count.ts';
import type { Terminal } from './terminal.ts';
import { fitCells, measureCells } from './text-width.ts';

/*
 *   gateway GET /checkout    ████████████████████    312 ms   12.1 ms
 *   └─ orders POST /orders     ███████████████       200 ms     10 ms
 *   ╰────── label ───────╯  ╰────── bar ───────╯  ╰ duration ╯╰ self ╯
 */
const gap = '  ';
const durationCells = 10;
const minBarCells = 10;
/** Where nothing bounds the width: what most windows show. */
const defaultWidthCells = 120;
/** Of the width, for the labels: the bars are what a waterfall is for. */
const maxLabelShare = 0.5;
const cellsPerLevel = 3;

const statusError = 2;

/**
 * A trace as lines of text: one span a line, parents above their children, bars on one time axis.
 *
 * @param maxSpans Spans beyond it are left out, and the last line says how many.
 */
export function renderWaterfall(table: TraceTable, terminal: Terminal, maxSpans: number): string[] {
  const { colors, widthCells = defaultWidthCells } = terminal;
  const shown = table.tree.order.subarray(0, maxSpans);
  const lines = [renderHead(table, terminal)];
  const orphans = table.tree.parentState.reduce((count, state) => count + (state === parentMissing ? 1 : 0), 0);
  if (orphans > 0) {
    const have = orphans === 1 ? '1 span names a parent that is' : `${orphans} spans name parents that are`;
    lines.push(colors.yellow(`${have} not in the trace: not arrived yet, not sampled, or lost.`));
  }
  lines.push('');

  const valuesCells = 2 * (gap.length + durationCells);
  const maxLabelCells = Math.max(Math.floor(widthCells * maxLabelShare), 20);
  let labelCells = 0;
  for (const row of shown) {
    labelCells = Math.max(labelCells, measureCells(renderLabel(table, row, maxLabelCells)));
    if (labelCells >= maxLabelCells) break;
  }
  labelCells = Math.min(labelCells, maxLabelCells);
  const roomCells = widthCells - labelCells - valuesCells - gap.length;
  const barCells = roomCells >= minBarCells ? roomCells : 0;

  const axis = barCells === 0 ? '' : `${gap}0${formatDuration(table.durationNs).padStart(barCells - 1)}`;
  lines.push(
    colors.dim(
      ' '.repeat(labelCells) + axis + gap + 'duration'.padStart(durationCells) + gap + 'self'.padStart(durationCells),
    ),
  );
  for (const row of shown) {
    const label = fitCells(renderLabel(table, row, maxLabelCells), labelCells);
    const failed = table.status[row] === statusError;
    const bar = barCells === 0 ? '' : gap + paintService(table, row, terminal)(renderBar(table, row, barCells));
    const duration = formatDuration(table.spanDurationNs[row]!).padStart(durationCells);
    const self = formatDuration(table.selfNs[row]!).padStart(durationCells);
    lines.push(`${failed ? colors.red(label) : label}${bar}${gap}${duration}${gap}${colors.dim(self)}`);
  }
  if (shown.length < table.spanCount) {
    lines.push('', `${shown.length} of ${table.spanCount} spans shown; --limit 0 shows all.`);
  }
  return lines;
}

function renderHead(table: TraceTable, { colors }: Terminal): string {
  const started = new Date(Number(table.startNs / 1_000_000n)).toISOString();
  const facts = [
    formatDuration(table.durationNs),
    countOf(table.spanCount, 'span'),
    countOf(table.services.length, 'service'),
    table.errorCount === 0 ? 'no errors' : colors.red(countOf(table.errorCount, 'error')),
    `started ${started}`,
  ];
  return `${colors.bold(`Trace ${table.traceId}`)}  ${facts.join(' · ')}`;
}

function renderLabel(table: TraceTable, row: number, maxCells: number): string {
  const service = escapeControls(table.services[table.service[row]!]!);
  const name = escapeControls(table.names[table.name[row]!]!);
  const mark = table.status[row] === statusError ? '✗ ' : '';
  return `${renderBranch(table, row, maxCells)}${mark}${service} ${name}`;
}

/** The lines of the tree left of a span; where they would take more than half of the label, the depth as a number. */
function renderBranch({ tree }: TraceTable, row: number, maxCells: number): string {
  const depth = tree.depth[row]!;
  if (depth === 0) return '';
  if (depth * cellsPerLevel > maxCells / 2) return `…${depth} `;
  let branch = tree.nextSibling[row] === -1 ? '└─ ' : '├─ ';
  // Roots are not joined to each other.
  for (let up = tree.parent[row]!; tree.depth[up]! > 0; up = tree.parent[up]!) {
    branch = (tree.nextSibling[up] === -1 ? '   ' : '│  ') + branch;
  }
  return branch;
}

/** At least one cell, so that no span vanishes; a sliver for what is shorter than its cell. */
function renderBar(table: TraceTable, row: number, barCells: number): string {
  const cellNs = Math.max(table.durationNs, 1) / barCells;
  const startNs = table.spanStartNs[row]!;
  const durationNs = table.spanDurationNs[row]!;
  const from = Math.min(Math.floor(startNs / cellNs), barCells - 1);
  const to = Math.min(Math.max(Math.round((startNs + durationNs) / cellNs), from + 1), barCells);
  const bar = durationNs < cellNs / 2 ? '▏' : '█'.repeat(to - from);
  return ' '.repeat(from) + bar + ' '.repeat(barCells - from - bar.length);
}

function paintService(table: TraceTable, row: number, { colors }: Terminal): (text: string) => string {
  // Red stands for errors alone.
  const hues = [colors.cyan, colors.magenta, colors.yellow, colors.blue, colors.green];
  return hues[table.service[row]! % hues.length]!;
}
