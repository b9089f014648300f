/**
 * Lets through `ratePerSecond` a second on the average. What was not used is saved, up to one second's worth and at
 * least one, so that a rate below one lets the first through at once.
 */
export class TokenBucket {
  readonly ratePerSecond: number;
  private readonly capacity: number;
  private tokens: number;
  private filledAtMs: number;

  /** @param nowMs of a monotonic clock. */
  constructor(ratePerSecond: number, nowMs: number) {
    this.ratePerSecond = ratePerSecond;
    this.capacity = ratePerSecond > 0 ? Math.max(1, ratePerSecond) : 0;
    this.tokens = this.capacity;
    this.filledAtMs = nowMs;
  }

  /** Whether one more may pass now. */
  take(nowMs: number): boolean {
    this.tokens = Math.min(this.capacity, this.tokens + ((nowMs - this.filledAtMs) * this.ratePerSecond) / 1_000);
    this.filledAtMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
