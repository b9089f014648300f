import { forEachUnion, formatDuration } from '@clew/model';
import { rowHeightPx } from '../layout/row-range.ts';
import { computeTicks } from '../layout/time-ticks.ts';
import { drawName } from './waterfall-names.ts';
import type { WaterfallScene } from './waterfall-scene.ts';

export const rulerHeightPx = 28;
const barHeightPx = 12;
/** A span too short for the scale is still seen and hit. */
const minBarPx = 2;

/** Draws the rows in view and nothing else: the cost of a frame does not depend on the size of the trace. */
export function drawWaterfall(context: CanvasRenderingContext2D, scene: WaterfallScene): void {
  const { rows, range, widthPx, heightPx, nameWidthPx, colours } = scene;
  context.textBaseline = 'middle';
  const ticks = computeTicks(scene.scale);

  context.save();
  context.beginPath();
  context.rect(0, rulerHeightPx, widthPx, heightPx - rulerHeightPx);
  context.clip();
  for (let at = range.first; at < range.end; at++) {
    const topPx = rulerHeightPx + range.offsetPx + (at - range.first) * rowHeightPx;
    drawRowBackground(context, scene, rows[at]!, topPx);
  }
  context.fillStyle = colours.grid;
  for (const tick of ticks) {
    if (tick.px > nameWidthPx + 1) context.fillRect(Math.round(tick.px), rulerHeightPx, 1, heightPx);
  }
  for (let at = range.first; at < range.end; at++) {
    const row = rows[at]!;
    const topPx = rulerHeightPx + range.offsetPx + (at - range.first) * rowHeightPx;
    context.globalAlpha = scene.matches !== undefined && scene.matches[row] === 0 ? 0.35 : 1;
    drawName(context, scene, row, topPx);
    drawBar(context, scene, row, topPx);
  }
  context.globalAlpha = 1;
  context.restore();

  drawRuler(context, scene, ticks);
}

function drawRowBackground(context: CanvasRenderingContext2D, scene: WaterfallScene, row: number, topPx: number): void {
  const { colours } = scene;
  const fill = (colour: string): void => {
    context.fillStyle = colour;
    context.fillRect(0, topPx, scene.widthPx, rowHeightPx);
  };
  if (scene.matches?.[row] === 1) fill(colours.match);
  if (row === scene.selectedRow) {
    fill(colours.selected);
    context.fillStyle = colours.accent;
    context.fillRect(0, topPx, 3, rowHeightPx);
  } else if (row === scene.hoveredRow) fill(colours.hover);
}

function drawBar(context: CanvasRenderingContext2D, scene: WaterfallScene, row: number, topPx: number): void {
  const { table, scale, colours } = scene;
  const leftEdge = scale.leftPx;
  const rightEdge = scale.leftPx + scale.widthPx;
  const startPx = scale.toPx(table.spanStartNs[row]!);
  const endPx = scale.toPx(table.spanStartNs[row]! + table.spanDurationNs[row]!);
  if (endPx < leftEdge || startPx > rightEdge) {
    drawArrow(
      context,
      endPx < leftEdge ? leftEdge + 6 : rightEdge - 6,
      topPx,
      endPx < leftEdge ? -1 : 1,
      colours.muted,
    );
    return;
  }
  const from = Math.max(startPx, leftEdge);
  const to = Math.min(Math.max(endPx, startPx + minBarPx), rightEdge);
  const barTop = topPx + (rowHeightPx - barHeightPx) / 2;
  const isError = table.status[row] === 2;

  context.fillStyle = scene.serviceColours[table.service[row]!]!;
  context.beginPath();
  context.roundRect(from, barTop, to - from, barHeightPx, Math.min(2, (to - from) / 2));
  context.fill();
  veilChildren(context, scene, row, barTop, from, to);
  if (isError) {
    context.strokeStyle = colours.danger;
    context.lineWidth = 2;
    context.strokeRect(from - 1, barTop - 1, to - from + 2, barHeightPx + 2);
  }
  drawDuration(context, scene, row, topPx, from, to);
}

/** Where children run, the bar is paler: what stays dark is the span's own time. Its lower edge stays as it is. */
function veilChildren(
  context: CanvasRenderingContext2D,
  scene: WaterfallScene,
  row: number,
  barTop: number,
  fromPx: number,
  toPx: number,
): void {
  const { table, scale } = scene;
  if (scene.collapsed.has(row) || table.tree.firstChild[row] === -1) return;
  context.fillStyle = scene.colours.veil;
  // Children next to each other are one rectangle, or a fan of 100,000 would be as many.
  let start = -1;
  let end = -1;
  const flush = (): void => {
    if (end - start >= 0.5) context.fillRect(start, barTop, end - start, barHeightPx - 3);
  };
  forEachUnion(table.tree, table.spanStartNs, table.spanDurationNs, row, (fromNs, toNs) => {
    const from = Math.max(scale.toPx(fromNs), fromPx);
    const to = Math.min(scale.toPx(toNs), toPx);
    if (to <= from) return;
    if (start === -1 || from - end > 0.5) {
      flush();
      start = from;
    }
    end = to;
  });
  flush();
}

function drawDuration(
  context: CanvasRenderingContext2D,
  scene: WaterfallScene,
  row: number,
  topPx: number,
  fromPx: number,
  toPx: number,
): void {
  const { table, scale, colours } = scene;
  const label = formatDuration(table.spanDurationNs[row]!);
  context.font = `11px ${colours.fontFamily}`;
  const width = context.measureText(label).width;
  const middle = topPx + rowHeightPx / 2 + 0.5;
  context.textAlign = 'left';
  context.fillStyle = colours.muted;
  if (toPx + 6 + width <= scale.leftPx + scale.widthPx) context.fillText(label, toPx + 6, middle);
  else if (fromPx - 6 - width >= scale.leftPx) context.fillText(label, fromPx - 6 - width, middle);
  else if (toPx - fromPx > width + 16) {
    const left = toPx - width - 10;
    context.fillStyle = colours.surface;
    context.beginPath();
    context.roundRect(left - 4, topPx + 5, width + 8, rowHeightPx - 10, 3);
    context.fill();
    context.fillStyle = colours.text;
    context.fillText(label, left, middle);
  }
}

/** The bar lies outside of the window, on this side. */
function drawArrow(context: CanvasRenderingContext2D, px: number, topPx: number, side: -1 | 1, colour: string): void {
  const middle = topPx + rowHeightPx / 2;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(px - side * 2, middle - 3);
  context.lineTo(px + side * 2, middle);
  context.lineTo(px - side * 2, middle + 3);
  context.stroke();
}

function drawRuler(
  context: CanvasRenderingContext2D,
  scene: WaterfallScene,
  ticks: readonly { px: number; label: string }[],
): void {
  const { widthPx, heightPx, nameWidthPx, scale, colours, drag } = scene;
  context.font = `11px ${colours.fontFamily}`;
  context.textAlign = 'left';
  context.fillStyle = colours.muted;
  for (const tick of ticks) {
    const width = context.measureText(tick.label).width;
    if (tick.px + 5 + width > widthPx) continue;
    context.fillText(tick.label, tick.px + 5, rulerHeightPx / 2 + 0.5);
    context.fillRect(Math.round(tick.px), rulerHeightPx - 7, 1, 7);
  }
  context.fillStyle = colours.border;
  context.fillRect(0, rulerHeightPx - 1, widthPx, 1);
  context.fillRect(nameWidthPx, 0, 1, heightPx);
  if (drag !== undefined) {
    const from = scale.toPx(drag.fromNs);
    const to = scale.toPx(drag.toNs);
    context.fillStyle = colours.selected;
    context.globalAlpha = 0.5;
    context.fillRect(from, 0, to - from, heightPx);
    context.globalAlpha = 1;
    context.fillStyle = colours.accent;
    context.fillRect(from, 0, 1, heightPx);
    context.fillRect(to, 0, 1, heightPx);
  }
}
