import { ClickHouseError } from '@clickhouse/client';
import { ClewError, type ErrorCode, type ErrorDetails } from '../errors.ts';

/** What the store throws. `retryable` is false only where the same statement would be refused again. */
export class StoreError<Code extends ErrorCode = ErrorCode> extends ClewError<Code> {
  override readonly name = 'StoreError';
  /** ClickHouse's own number, where the engine gave one. */
  readonly clickhouseCode: number | undefined;
  readonly details: ErrorDetails<Code>;

  constructor(code: Code, details: ErrorDetails<Code>, clickhouseCode?: number, options?: ErrorOptions) {
    super(code, details, options);
    this.clickhouseCode = clickhouseCode;
    this.details = details;
  }
}

/**
 * The statement or its data are at fault: it fails the same way each time. Whatever is not listed may pass later; so may
 * an unknown table or database, which an engine that is starting has not loaded yet.
 */
const refusals: ReadonlySet<number> = new Set([
  6, // CANNOT_PARSE_TEXT
  8, // THERE_IS_NO_COLUMN
  10, // NOT_FOUND_COLUMN_IN_BLOCK
  16, // NO_SUCH_COLUMN_IN_TABLE
  20, // NUMBER_OF_COLUMNS_DOESNT_MATCH
  27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  32, // ATTEMPT_TO_READ_AFTER_EOF
  33, // CANNOT_READ_ALL_DATA
  36, // BAD_ARGUMENTS
  43, // ILLEGAL_TYPE_OF_ARGUMENT
  47, // UNKNOWN_IDENTIFIER
  50, // UNKNOWN_TYPE
  53, // TYPE_MISMATCH
  62, // SYNTAX_ERROR
  70, // CANNOT_CONVERT_TYPE
  115, // UNKNOWN_SETTING
  117, // INCORRECT_DATA
  128, // TOO_LARGE_ARRAY_SIZE
  131, // TOO_LARGE_STRING_SIZE
  271, // CANNOT_DECOMPRESS
  307, // TOO_MANY_BYTES
  395, // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
  456, // UNKNOWN_QUERY_PARAMETER
  636, // CANNOT_EXTRACT_TABLE_STRUCTURE
]);

/** The settings profile of the user forbids a setting of the statement. */
export const settingRefusals: ReadonlySet<number> = new Set([
  164, // READONLY
  452, // SETTING_CONSTRAINT_VIOLATION
]);

const limits: ReadonlySet<number> = new Set([
  158, // TOO_MANY_ROWS
  159, // TIMEOUT_EXCEEDED
  160, // TOO_SLOW
  241, // MEMORY_LIMIT_EXCEEDED
  396, // TOO_MANY_ROWS_OR_BYTES
]);

const tooManySimultaneousQueries = 202;

/** Turns what `@clickhouse/client` throws into a {@link StoreError}; leaves errors of our own as they are. */
export function toStoreError(error: unknown): Error {
  if (error instanceof ClewError) return error;
  if (!(error instanceof ClickHouseError)) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The message of a failed connection names a path, or a host and a port, which are for the log alone.
    const reason = code ?? message;
    return new StoreError('CLEW_ENGINE_UNAVAILABLE', { reason }, undefined, { cause: error });
  }
  const clickhouseCode = Number(error.code);
  const reason = `${error.message.trim()} (${error.type ?? 'code'} ${clickhouseCode}).`;
  const options = { cause: error };
  if (clickhouseCode === tooManySimultaneousQueries) {
    return new StoreError('CLEW_ENGINE_BUSY', { reason }, clickhouseCode, options);
  }
  if (limits.has(clickhouseCode))
    return new StoreError('CLEW_QUERY_TOO_EXPENSIVE', { reason }, clickhouseCode, options);
  if (settingRefusals.has(clickhouseCode)) {
    return new StoreError('CLEW_STORE_SETTING_REFUSED', { reason }, clickhouseCode, options);
  }
  if (refusals.has(clickhouseCode)) return new StoreError('CLEW_STORE_REFUSED', { reason }, clickhouseCode, options);
  return new StoreError('CLEW_STORE_FAILED', { reason }, clickhouseCode, options);
}
