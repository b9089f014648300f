/** Unix microseconds (a decimal string) as the value of an `<input type="datetime-local">`; empty for anything else. */
export function formatLocalInput(microseconds: string | undefined): string {
  const ms = Math.floor(Number(microseconds ?? Number.NaN) / 1000);
  if (Number.isNaN(new Date(ms).getTime())) return '';
  const shifted = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** The inverse, as Unix milliseconds; undefined for what is not a time. */
export function parseLocalInput(text: string): number | undefined {
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** Unix milliseconds as the address has them: microseconds, which a number could not count after the year 2255. */
export function toMicroseconds(ms: number): string {
  return String(BigInt(ms) * 1000n);
}
