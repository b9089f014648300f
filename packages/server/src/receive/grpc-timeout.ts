/** Milliseconds of the units of `grpc-timeout`. */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/**
 * How long a caller waits, from the header `grpc-timeout` (at most eight digits and a unit), in milliseconds.
 * @returns undefined when it did not say, or not in gRPC's way
 */
export function parseGrpcTimeoutMs(header: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  return digits === undefined || unit === undefined ? undefined : Number(digits) * unitMs[unit]!;
}
