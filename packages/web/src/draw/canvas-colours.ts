/** What the canvases take from the style sheet, so that both themes are defined in one place. */
export interface CanvasColours {
  readonly surface: string;
  readonly text: string;
  readonly muted: string;
  readonly grid: string;
  readonly border: string;
  readonly hover: string;
  readonly selected: string;
  readonly accent: string;
  readonly match: string;
  readonly danger: string;
  readonly onDanger: string;
  /** Laid over the parts of a bar in which children run. */
  readonly veil: string;
  readonly fontFamily: string;
}

/** Read anew when the theme changes. */
export function readCanvasColours(element: Element): CanvasColours {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    surface: colour('surface'),
    text: colour('text'),
    muted: colour('muted'),
    grid: colour('grid'),
    border: colour('border'),
    hover: colour('hover'),
    selected: colour('selected'),
    accent: colour('accent'),
    match: colour('match'),
    danger: colour('danger'),
    onDanger: colour('on-danger'),
    veil: colour('veil'),
    fontFamily: style.fontFamily,
  };
}

/**
 * Gives the canvas one pixel for each of the screen's, whatever the ratio; the context then draws in CSS pixels. The
 * style sheet must not size the canvas: a bitmap that is stretched shows bars where no click finds them.
 */
export function prepareCanvas(
  canvas: HTMLCanvasElement,
  widthPx: number,
  heightPx: number,
): CanvasRenderingContext2D | undefined {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(widthPx * ratio);
  const height = Math.round(heightPx * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.style.width = `${width / ratio}px`;
  canvas.style.height = `${height / ratio}px`;
  const context = canvas.getContext('2d');
  if (context === null || width === 0 || height === 0) return undefined;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, widthPx, heightPx);
  return context;
}
