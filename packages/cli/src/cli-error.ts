/** A failure with a message for the user: printed as one line, without a stack; the command ends with exit code 1. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
