import { isolateText, showControls } from './visible-text.ts';

const ellipsis = '…';
/** More than this fits into no column. */
const longest = 500;
/** Texts of one screen are far fewer; the cache starts anew when it is full. */
const maxCached = 4_000;
const cache = new Map<string, string>();

/**
 * The text of others, or as much of its beginning as fits, with an ellipsis; empty when not even that fits. Its controls
 * are visible, and it is isolated from what is drawn beside it.
 */
export function fitText(context: CanvasRenderingContext2D, text: string, widthPx: number): string {
  if (widthPx < 8 || text === '') return '';
  const start = text.slice(0, longest);
  const key = `${context.font}|${Math.floor(widthPx)}|${start}`;
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  if (cache.size >= maxCached) cache.clear();
  const cut = cutText(context, showControls(start), widthPx);
  const fitted = cut === '' ? '' : isolateText(cut);
  cache.set(key, fitted);
  return fitted;
}

function cutText(context: CanvasRenderingContext2D, text: string, widthPx: number): string {
  if (context.measureText(text).width <= widthPx) return text;
  let fits = 0;
  let tooLong = text.length;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (context.measureText(text.slice(0, middle) + ellipsis).width <= widthPx) fits = middle;
    else tooLong = middle;
  }
  return fits === 0 ? '' : text.slice(0, fits).trimEnd() + ellipsis;
}
