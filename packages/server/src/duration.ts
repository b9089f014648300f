/** Nanoseconds in a unit. */
const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** How a duration is written, for messages. */
export const durationSyntax = 'a duration such as 1.5s, 200ms, 300us or 7ns, up to 2500h';

/** Beyond this, nanoseconds are no longer exact in a number. */
const maxNs = 2500 * 3600e9;

/** Reads `1.5s`, `200ms`, `300us`, `7ns`, `2m` or `1h`; answers whole nanoseconds, or undefined when it is none of these. */
export function parseDurationNs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)$/.exec(text);
  if (match === null) return undefined;
  const durationNs = Math.round(Number(match[1]) * units[match[2]!]!);
  return durationNs <= maxNs ? durationNs : undefined;
}
