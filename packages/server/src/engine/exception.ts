/** An error as ClickHouse's HTTP interface reports it. */
export interface EngineException {
  readonly code: number;
  readonly status: number;
  /** `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`. */
  readonly text: string;
}

/** Numbers of ClickHouse's own that this process reports by itself. */
export const exceptions = {
  BAD_ARGUMENTS: { code: 36, name: 'BAD_ARGUMENTS', status: 400 },
  UNKNOWN_QUERY_PARAMETER: { code: 456, name: 'UNKNOWN_QUERY_PARAMETER', status: 400 },
  TOO_MANY_SIMULTANEOUS_QUERIES: { code: 202, name: 'TOO_MANY_SIMULTANEOUS_QUERIES', status: 503 },
  TOO_MANY_BYTES: { code: 307, name: 'TOO_MANY_BYTES', status: 413 },
  ABORTED: { code: 236, name: 'ABORTED', status: 503 },
} as const;

const statusByCode: ReadonlyMap<number, number> = new Map([
  [27, 400], // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  [36, 400], // BAD_ARGUMENTS
  [41, 400], // CANNOT_PARSE_DATETIME
  [43, 400], // ILLEGAL_TYPE_OF_ARGUMENT
  [47, 404], // UNKNOWN_IDENTIFIER
  [53, 400], // TYPE_MISMATCH
  [60, 404], // UNKNOWN_TABLE
  [62, 400], // SYNTAX_ERROR
  [81, 404], // UNKNOWN_DATABASE
  [115, 404], // UNKNOWN_SETTING
  [159, 408], // TIMEOUT_EXCEEDED
  [241, 500], // MEMORY_LIMIT_EXCEEDED
  [456, 400], // UNKNOWN_QUERY_PARAMETER
]);

/** Builds an exception of this process. */
export function createException(kind: (typeof exceptions)[keyof typeof exceptions], message: string): EngineException {
  return { code: kind.code, status: kind.status, text: `Code: ${kind.code}. DB::Exception: ${message} (${kind.name})` };
}

/** Reads an error that the engine threw. What carries no number of ClickHouse's is reported as 1001 (STD_EXCEPTION). */
export function readException(error: unknown): EngineException {
  const message = error instanceof Error ? error.message : String(error);
  const code = Number(/Code: (\d+)\./.exec(message)?.[1] ?? 1001);
  const text = message.startsWith('Code: ') ? message : `Code: ${code}. DB::Exception: ${message} (STD_EXCEPTION)`;
  return { code, status: statusByCode.get(code) ?? 500, text };
}
