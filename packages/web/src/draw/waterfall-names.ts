import { rowHeightPx } from '../layout/row-range.ts';
import { fitText } from './fit-text.ts';
import type { WaterfallScene } from './waterfall-scene.ts';

const indentPx = 14;
const chevronPx = 16;
const leftMarginPx = 8;
/** However deep the tree, this much is left for the name. */
const leastTextPx = 110;
/** Where rows that are too deep stand, at least: their depth is written beside it. */
const leastChevronPx = 26;

/** Left edge of the chevron of a row at this depth. */
function chevronLeft(depth: number, nameWidthPx: number): number {
  const mostPx = Math.max(nameWidthPx - leastTextPx, leastChevronPx);
  return Math.min(leftMarginPx + depth * indentPx, mostPx);
}

/** Whether a point at this place in the column of names is on the chevron. */
export function isOnChevron(xPx: number, depth: number, nameWidthPx: number): boolean {
  const left = chevronLeft(depth, nameWidthPx);
  return xPx >= left - 3 && xPx < left + chevronPx;
}

/** Tree lines, chevron, service and span name, and a mark when something is wrong. */
export function drawName(context: CanvasRenderingContext2D, scene: WaterfallScene, row: number, topPx: number): void {
  const { table, nameWidthPx, colours } = scene;
  const { tree } = table;
  const depth = tree.depth[row]!;
  const middle = topPx + rowHeightPx / 2;
  const chevron = chevronLeft(depth, nameWidthPx);

  context.fillStyle = colours.border;
  for (let level = 0; level < depth; level++) {
    const x = chevronLeft(level, nameWidthPx) + 6;
    if (x >= chevron) break;
    context.fillRect(Math.round(x), topPx, 1, rowHeightPx);
  }

  // Below this depth all rows stand at one place: the number tells them apart.
  if (leftMarginPx + depth * indentPx > chevron) drawDepth(context, String(depth + 1), chevron, topPx, scene);

  const isCollapsed = scene.collapsed.has(row);
  if (tree.childCount[row]! > 0) drawChevron(context, chevron + 6, middle, isCollapsed, colours.muted);

  const service = table.services[table.service[row]!]!;
  let x = chevron + chevronPx;
  context.fillStyle = scene.serviceColours[table.service[row]!]!;
  context.beginPath();
  context.roundRect(x, topPx + 5, 4, rowHeightPx - 10, 2);
  context.fill();
  x += 10;

  let right = nameWidthPx - 8;
  if (table.status[row] === 2) {
    drawMark(context, right - 7, middle, '!', colours.danger, colours.onDanger);
    right -= 20;
  }
  if (scene.faults[row] !== 0) {
    drawMark(context, right - 7, middle, '?', colours.muted, colours.surface);
    right -= 20;
  }
  context.textAlign = 'left';
  if (isCollapsed) {
    context.font = `11px ${colours.fontFamily}`;
    const hidden = `+${tree.subtreeSize[row]! - 1}`;
    const width = context.measureText(hidden).width;
    context.fillStyle = colours.grid;
    context.beginPath();
    context.roundRect(right - width - 10, topPx + 5, width + 10, rowHeightPx - 10, 7);
    context.fill();
    context.fillStyle = colours.text;
    context.fillText(hidden, right - width - 5, middle + 0.5);
    right -= width + 16;
  }

  // A service is named where it changes: on every row it would be noise.
  const up = tree.parent[row]!;
  if (up === -1 || table.service[up] !== table.service[row]) {
    context.font = `600 12px ${colours.fontFamily}`;
    context.fillStyle = colours.text;
    const fitted = fitText(context, service, right - x);
    context.fillText(fitted, x, middle + 0.5);
    x += context.measureText(fitted).width + 7;
  }
  context.font = `12px ${colours.fontFamily}`;
  context.fillStyle = colours.muted;
  const name = table.names[table.name[row]!]! || scene.noName;
  context.fillText(fitText(context, name, right - x), x, middle + 0.5);
}

function drawDepth(
  context: CanvasRenderingContext2D,
  depth: string,
  rightPx: number,
  topPx: number,
  { colours }: WaterfallScene,
): void {
  context.font = `10px ${colours.fontFamily}`;
  const width = context.measureText(depth).width;
  context.fillStyle = colours.surface;
  context.fillRect(rightPx - width - 6, topPx, width + 5, rowHeightPx);
  context.fillStyle = colours.muted;
  context.textAlign = 'left';
  context.fillText(depth, rightPx - width - 4, topPx + rowHeightPx / 2 + 0.5);
}

function drawChevron(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  isCollapsed: boolean,
  colour: string,
): void {
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.beginPath();
  if (isCollapsed) {
    context.moveTo(x - 2, y - 4);
    context.lineTo(x + 2, y);
    context.lineTo(x - 2, y + 4);
  } else {
    context.moveTo(x - 4, y - 2);
    context.lineTo(x, y + 2);
    context.lineTo(x + 4, y - 2);
  }
  context.stroke();
}

/** A sign in a disc: readable without its colour. */
function drawMark(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  sign: string,
  fill: string,
  ink: string,
): void {
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, 7, 0, Math.PI * 2);
  context.fill();
  context.font = 'bold 11px system-ui, sans-serif';
  context.textAlign = 'center';
  context.fillStyle = ink;
  context.fillText(sign, x, y + 0.5);
}
