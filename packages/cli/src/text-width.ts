/**
 * Text in a terminal is measured in cells: a Chinese character takes two, a combining accent none. Control
 * characters have no width: escape them first.
 */

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** East Asian Wide and Fullwidth of Unicode Annex 11, in its large blocks, and what is drawn as an emoji. */
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{17000}-\u{18cff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Emoji}\ufe0f)/u;

const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Cells that a text without control characters takes. */
export function measureCells(text: string): number {
  let cells = 0;
  for (const { segment } of segmenter.segment(text)) cells += measureGrapheme(segment);
  return cells;
}

/** Exactly `cells` wide: padded on the right, or cut with an ellipsis. */
export function fitCells(text: string, cells: number): string {
  const width = measureCells(text);
  if (width <= cells) return text + ' '.repeat(cells - width);
  let kept = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = used + measureGrapheme(segment);
    // One cell is kept free for the ellipsis.
    if (next > cells - 1) break;
    kept += segment;
    used = next;
  }
  return cells < 1 ? '' : `${kept}…${' '.repeat(cells - 1 - used)}`;
}

function measureGrapheme(grapheme: string): number {
  if (wide.test(grapheme)) return 2;
  return invisible.test(grapheme) ? 0 : 1;
}
