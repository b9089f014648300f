import { escapeJson } from '@clew/model/text';
import { type Logger, pino } from 'pino';
import type { LogLevel } from './config.ts';

export type { Logger } from 'pino';

/**
 * The server's own log: one JSON object a line, to standard error, so that standard output stays the command's. Texts come
 * from senders, files and the engine, and somebody reads them in a terminal.
 */
export function createLogger(level: LogLevel): Logger {
  const options = { name: 'clew', level, base: null, hooks: { streamWrite: escapeJson } };
  return pino(options, pino.destination({ dest: 2, sync: false }));
}
