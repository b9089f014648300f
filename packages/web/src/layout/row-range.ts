export const rowHeightPx = 24;

/**
 * Browsers cap the height of an element (Chromium at 33,554,428 px). A list that would be taller gets this height, and
 * a scroll by one pixel of the bar moves more than one pixel of the list.
 */
export const maxContentPx = 30_000_000;

/** The height of the scrolled element for so many rows. */
export function contentHeight(rowCount: number): number {
  return Math.min(rowCount * rowHeightPx, maxContentPx);
}

export interface RowRange {
  /** First row that is at least partly in view, and the one behind the last. */
  readonly first: number;
  readonly end: number;
  /** Top of the row `first` in the view; 0 or negative. */
  readonly offsetPx: number;
}

export function rangeInView(scrollTopPx: number, viewPx: number, rowCount: number): RowRange {
  const topPx = scrollTopPx * scrollRatio(viewPx, rowCount);
  const first = Math.min(Math.max(Math.floor(topPx / rowHeightPx), 0), Math.max(rowCount - 1, 0));
  const end = Math.min(Math.ceil((topPx + viewPx) / rowHeightPx), rowCount);
  return { first, end: Math.max(end, first), offsetPx: first * rowHeightPx - topPx };
}

/** Where to scroll to have the row in view: not at all when it is, into the middle when it is far. */
export function scrollTopToShow(index: number, scrollTopPx: number, viewPx: number, rowCount: number): number {
  const ratio = scrollRatio(viewPx, rowCount);
  const topPx = scrollTopPx * ratio;
  const rowTopPx = index * rowHeightPx;
  const rowEndPx = rowTopPx + rowHeightPx;
  if (rowTopPx >= topPx && rowEndPx <= topPx + viewPx) return scrollTopPx;
  const isNear = rowEndPx > topPx - 3 * rowHeightPx && rowTopPx < topPx + viewPx + 3 * rowHeightPx;
  const wantedPx = !isNear ? rowTopPx - (viewPx - rowHeightPx) / 2 : rowTopPx < topPx ? rowTopPx : rowEndPx - viewPx;
  const lastPx = Math.max(rowCount * rowHeightPx - viewPx, 0);
  return Math.min(Math.max(wantedPx, 0), lastPx) / ratio;
}

/** Pixels of the list for a pixel of the scroll bar: 1 until the list is too tall for an element. */
function scrollRatio(viewPx: number, rowCount: number): number {
  const contentPx = contentHeight(rowCount);
  const fullPx = rowCount * rowHeightPx;
  return fullPx <= contentPx || contentPx <= viewPx ? 1 : (fullPx - viewPx) / (contentPx - viewPx);
}
