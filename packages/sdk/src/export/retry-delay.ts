/** The answers that OTLP/HTTP allows to be tried again. */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function isRetryable(status: number): boolean {
  return retryableStatuses.has(status);
}

const firstDelayMs = 500;
const longestDelayMs = 15_000;

// A collector that asks for more is asked again after this.
const longestAskedDelayMs = 60_000;

/**
 * How long to wait after the `failures`-th failure in a row (from 1): doubling, up to 15 s, by ±25 % so that many
 * processes do not come back at once. What the collector asks for counts instead when it is more.
 */
export function retryDelayMs(failures: number, askedMs: number): number {
  const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 10));
  const jitteredMs = delayMs * (0.75 + Math.random() / 2);
  return Math.max(jitteredMs, Math.min(longestAskedDelayMs, askedMs));
}

/** `Retry-After` of RFC 9110 in milliseconds from now: seconds, or a date. 0 when it is neither. */
export function readRetryAfter(text: string | undefined, nowMs: number): number {
  if (text === undefined) return 0;
  if (/^\d+$/.test(text.trim())) return Number(text) * 1_000;
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - nowMs);
}
