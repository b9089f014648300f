import { readList } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import type { LibraryHook } from './community-load-hook.ts';
import { correlatePino } from './pino-logs.ts';
import { correlateWinston } from './winston-logs.ts';

const loggerNames = ['pino', 'winston', 'console'] as const;

/** What writes log lines that can carry the trace. */
export type LoggerName = (typeof loggerNames)[number];

// What people read on a terminal stays as it is unless they ask.
const defaultLoggers: readonly LoggerName[] = ['pino', 'winston'];

/**
 * The loggers whose lines get `trace_id`, `span_id` and `trace_flags`: `CLEW_LOG_CORRELATION`, a list of `pino`,
 * `winston` and `console`, or `none`. Default: pino and winston.
 */
export function loggersFromEnvironment(): readonly LoggerName[] {
  const names = readList('CLEW_LOG_CORRELATION');
  if (names === undefined) return defaultLoggers;
  if (names.length === 1 && names[0] === 'none') return [];
  const unknown = names.find((name) => !(loggerNames as readonly string[]).includes(name));
  if (unknown === undefined) return names as LoggerName[];
  writeNotice(
    'warn',
    `CLEW_LOG_CORRELATION=${names.join(',')} is ignored: "${unknown}" is none of ${loggerNames.join(', ')}; or write none`,
  );
  return defaultLoggers;
}

/** What correlates a logging library when no community instrumentation is there to do it. */
export const loggerHooks: ReadonlyMap<LoggerName, LibraryHook> = new Map([
  ['pino', { afterLoad: correlatePino }],
  ['winston', { afterLoad: correlateWinston }],
]);
