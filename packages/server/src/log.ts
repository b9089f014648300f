import { type Logger, pino } from 'pino';
import type { LogLevel } from './config.ts';

export type { Logger } from 'pino';

/** The server's own log: one JSON object a line, to standard error, so that standard output stays the command's. */
export function createLogger(level: LogLevel): Logger {
  return pino({ name: 'clew', level, base: null }, pino.destination({ dest: 2, sync: false }));
}
