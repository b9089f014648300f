/**
 * Every error that a user of the server can meet: its stable code, the HTTP status it is answered with, whether the same
 * request can succeed later, and its message. A message says what, the offending value, the limit, and what to do next.
 * `{name}` stands for a detail, and {@link ClewError} cannot be created without it.
 */
const errors = {
  CLEW_CONFIG_INVALID: {
    status: 500,
    retryable: false,
    message: '{name} is {value}, but it must be {expected}.',
  },
  CLEW_CONFIG_UNKNOWN: {
    status: 500,
    retryable: false,
    message: '{what} {hint}',
  },
  CLEW_CONFIG_FILE_UNUSABLE: {
    status: 500,
    retryable: false,
    message: 'The configuration file {place} cannot be used: {reason}.',
  },
  CLEW_CONFIG_FAULTS: {
    status: 500,
    retryable: false,
    message: 'The configuration has {count} faults:\n{faults}',
  },
  CLEW_PORT_TAKEN: {
    status: 500,
    retryable: false,
    message:
      'Port {port} on {host} is taken by another program. Stop that program, or choose another port with {flag} or {variable}.',
  },
  CLEW_ADDRESS_UNUSABLE: {
    status: 500,
    retryable: false,
    message:
      'Cannot listen on {host}:{port}: {reason}. Choose another address with --host or CLEW_HOST, or another port with {flag} or {variable}.',
  },
  CLEW_DATA_DIR_UNUSABLE: {
    status: 500,
    retryable: false,
    message:
      'The data directory {dataDir} cannot be used: {reason}. Choose another with --data-dir or CLEW_DATA_DIR, or mend its permissions.',
  },
  CLEW_STATE_FILE_UNUSABLE: {
    status: 500,
    retryable: false,
    message:
      'The file {path}, which the server wrote, cannot be used: {reason}. Repair it, or remove it: without it, {without}.',
  },
  CLEW_DATA_DIR_LOCKED: {
    status: 500,
    retryable: true,
    message:
      'The data directory {dataDir} is in use by another server. Stop that server, or choose another directory with --data-dir or CLEW_DATA_DIR.',
  },
  CLEW_ENGINE_START_FAILED: {
    status: 500,
    retryable: false,
    message: 'The storage engine did not start on {dataDir}: {reason}.',
  },
  CLEW_ENGINE_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message:
      'The storage engine cannot be reached ({reason}). Spans are kept for it meanwhile; try again in a few seconds.',
  },
  CLEW_ENGINE_BUSY: {
    status: 503,
    retryable: true,
    message: 'The storage engine has too much waiting: {reason} Try again in a few seconds.',
  },
  CLEW_QUERY_TOO_EXPENSIVE: {
    status: 422,
    retryable: true,
    message: 'The query went over a limit: {reason} Narrow the time window or add a condition.',
  },
  CLEW_TRACE_TOO_EXPENSIVE: {
    status: 422,
    retryable: true,
    message:
      'Reading the trace {traceId} went over a limit: {reason} Try again when the server is less busy, or raise CLEW_QUERY_TIMEOUT_MS or CLEW_QUERY_MAX_MEMORY_BYTES.',
  },
  CLEW_STORE_SETTING_REFUSED: {
    status: 503,
    retryable: true,
    message:
      'ClickHouse does not let the user of CLEW_CLICKHOUSE_URL change settings: {reason} Set readonly = 0 in the settings profile of that user, and no constraints on these settings.',
  },
  CLEW_STORE_REFUSED: {
    status: 500,
    retryable: false,
    message: 'The storage engine refused the statement: {reason}',
  },
  CLEW_STORE_FAILED: {
    status: 503,
    retryable: true,
    message: 'The storage engine failed: {reason} Try again; when it persists, look at the log of the server.',
  },
  CLEW_STORE_NEWER: {
    status: 500,
    retryable: false,
    message:
      'The database has schema version {found}, but this program knows versions up to {known}. Start the newer program again, or choose another data directory with --data-dir or CLEW_DATA_DIR.',
  },
  CLEW_PARAMETER_INVALID: {
    status: 400,
    retryable: false,
    message: 'The parameter {name} is {value}, but it must be {expected}.',
  },
  CLEW_PARAMETER_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'There is no parameter {name}. Known: {known}.',
  },
  CLEW_TRACE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message:
      'There is no trace {traceId}. It may not have arrived yet, or its spans were not sampled; check the id and try again in a few seconds.',
  },
  CLEW_SPOOL_BEHIND: {
    status: 503,
    retryable: true,
    message:
      'Spans that were received before still wait for the storage engine ({reason}), and what is not in it cannot be changed. Nothing was changed; try again in a few seconds.',
  },
  CLEW_RETENTION_NOT_SAVED: {
    status: 503,
    retryable: true,
    message:
      'The limits were used once but could not be kept ({reason}), and are as they were before. Free some space in the data directory and set them again.',
  },
  CLEW_REDACTION_NOT_SAVED: {
    status: 503,
    retryable: true,
    message:
      'The redaction was not started: the server could not write it down ({reason}). Free some space in the data directory, and send it again.',
  },
  CLEW_BODY_NOT_JSON: {
    status: 415,
    retryable: false,
    message: 'The Content-Type is {value}, but {method} {path} takes application/json only.',
  },
  CLEW_ADDRESS_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'There is nothing at {method} {path}. The API is under /clew/v1/.',
  },
  CLEW_UNAUTHENTICATED: {
    status: 401,
    retryable: false,
    message:
      '{what}. Send "Authorization: Bearer TOKEN" with a token of {variable}, {variable}_FILE or a tenant; the command clew takes it from --token or CLEW_TOKEN.',
  },
  CLEW_FORBIDDEN: {
    status: 403,
    retryable: false,
    message: 'This token may not {what}. Send a token of {variable}, {variable}_FILE or the same list of the tenant.',
  },
  CLEW_TOKEN_FILE_UNUSABLE: {
    status: 500,
    retryable: false,
    message: 'The file {path} of {variable} cannot be used: {reason}.',
  },
  CLEW_TOKEN_SHARED: {
    status: 500,
    retryable: false,
    message:
      'A token of the tenant {tenant} is also one of {variable}. A token tells whose spans are meant: give each its own.',
  },
  CLEW_TLS_UNUSABLE: {
    status: 500,
    retryable: false,
    message: 'The files for TLS, {files}, cannot be used: {reason}.',
  },
  CLEW_HOST_REFUSED: {
    status: 403,
    retryable: false,
    message:
      'This server does not answer to the host {value}: any page could have pointed that name at it. Use an address or localhost, or allow the name with --allowed-hosts or CLEW_ALLOWED_HOSTS.',
  },
  CLEW_REQUEST_INVALID: {
    status: 400,
    retryable: false,
    message: 'The request cannot be read: {reason}',
  },
  CLEW_INTERNAL: {
    status: 500,
    retryable: false,
    message: 'The server failed at {method} {path}. The reason is in its log.',
  },
} as const;

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

/** A stable name, the same in logs, in answers of the API and in the documentation. */
export type ErrorCode = keyof typeof errors;

/** What the message of an error names, one string or number for each placeholder. */
export type ErrorDetails<Code extends ErrorCode> = {
  readonly [Name in Placeholder<(typeof errors)[Code]['message']>]: string | number;
};

/** An error of the table above. */
export class ClewError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name: string = 'ClewError';
  readonly code: Code;
  /** The HTTP status it is answered with. */
  readonly status: number;
  /** True when the same request can succeed later without a change to it. */
  readonly retryable: boolean;

  constructor(code: Code, details: ErrorDetails<Code>, options?: ErrorOptions) {
    super(renderMessage(errors[code].message, details), options);
    this.code = code;
    this.status = errors[code].status;
    this.retryable = errors[code].retryable;
  }
}

/** All codes, for the documentation and for the test that ties it to the table. */
export function listErrorCodes(): readonly ErrorCode[] {
  return Object.keys(errors) as ErrorCode[];
}

function renderMessage(template: string, details: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name]));
}
