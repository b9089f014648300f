const ellipsis = '…';
/** Texts of one screen are far fewer; the cache starts anew when it is full. */
const maxCached = 4_000;
const cache = new Map<string, string>();

/** The text, or as much of its beginning as fits, with an ellipsis; empty when not even that fits. */
export function fitText(context: CanvasRenderingContext2D, text: string, widthPx: number): string {
  if (widthPx < 8 || text === '') return '';
  const key = `${context.font}|${Math.floor(widthPx)}|${text}`;
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  if (cache.size >= maxCached) cache.clear();
  const fitted = cutText(context, text, widthPx);
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
