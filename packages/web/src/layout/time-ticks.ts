import { formatDuration } from '@clew/model';
import type { TimeScale } from './time-window.ts';

export interface Tick {
  readonly ns: number;
  readonly px: number;
  readonly label: string;
}

/** Labels are up to some 90 px wide (`12.345678 s`). */
const spacingPx = 110;

/** Steps above a second, in nanoseconds; below, 1, 2 and 5 times a power of ten. */
const longSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * 1e9,
);

/** Ticks at round times inside the window, about {@link spacingPx} apart. */
export function computeTicks(scale: TimeScale): Tick[] {
  const { fromNs, toNs } = scale.window;
  const stepNs = chooseStep(((toNs - fromNs) * spacingPx) / Math.max(scale.widthPx, 1));
  const ticks: Tick[] = [];
  // Counted, not summed up: a thousand additions of 0.1 drift.
  for (let index = Math.ceil(fromNs / stepNs); index * stepNs <= toNs; index++) {
    const ns = index * stepNs;
    ticks.push({ ns, px: scale.toPx(ns), label: formatTick(ns, stepNs) });
  }
  return ticks;
}

/** The smallest round step that is not below `leastNs`, and not below a nanosecond. */
export function chooseStep(leastNs: number): number {
  if (leastNs > 1e9) {
    const days = Math.ceil(leastNs / 86_400e9);
    return longSteps.find((step) => step >= leastNs) ?? days * 86_400e9;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(leastNs, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= leastNs) ?? power * 10;
}

/** As many decimals as the step needs, so that neighbours never read the same. */
function formatTick(ns: number, stepNs: number): string {
  if (ns === 0) return '0';
  if (stepNs >= 60e9) return formatDuration(ns);
  if (stepNs >= 1e9 && ns >= 60e9) {
    const seconds = Math.round(ns / 1e9);
    return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`;
  }
  const unit = ns >= 1e9 ? 's' : ns >= 1e6 ? 'ms' : ns >= 1e3 ? 'µs' : 'ns';
  const sizeNs = { s: 1e9, ms: 1e6, µs: 1e3, ns: 1 }[unit];
  const decimals = Math.max(0, Math.ceil(Math.log10(sizeNs / stepNs) - 1e-9));
  return `${Number((ns / sizeNs).toFixed(decimals))} ${unit}`;
}
