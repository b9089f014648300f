/** Unix microseconds (a decimal string) as the value of an `<input type="datetime-local">`; empty for none. */
export function formatLocalInput(microseconds: string | undefined): string {
  const ms = Math.floor(Number(microseconds) / 1000);
  if (microseconds === undefined || !Number.isFinite(ms)) return '';
  const shifted = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** The inverse; undefined for what is not a time. */
export function parseLocalInput(text: string): number | undefined {
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? undefined : ms * 1000;
}
