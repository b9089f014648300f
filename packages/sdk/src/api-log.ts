import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { type NoticeKind, noticeLevelFromEnvironment, writeNotice } from './notice.ts';

/*
 * The api, and the community's instrumentations, tell their troubles to its `diag`, which says nothing until somebody
 * listens. We do, unless the app does itself: one notice for each thing said.
 */

const logLevels = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

// A text with changing parts must not fill the memory, nor stderr.
const maxSaid = 100;

/**
 * Turns what the api logs into notices: warnings and errors, or what `OTEL_LOG_LEVEL` asks for.
 *
 * @returns stops it.
 */
export function listenToApi(): () => void {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as { diag?: unknown };
  if (api?.diag !== undefined) return () => undefined;
  const said = new Set<string>();
  const sayAs =
    (kind: NoticeKind) =>
    (message: string, ...args: unknown[]): void => {
      const text = phrase(message, args);
      if (text === undefined || said.has(text) || said.size === maxSaid) return;
      said.add(text);
      writeNotice(kind, text);
    };
  const logger: DiagLogger = {
    error: sayAs('error'),
    warn: sayAs('warn'),
    info: sayAs('info'),
    debug: sayAs('debug'),
    verbose: sayAs('verbose'),
  };
  const logLevel = logLevels[noticeLevelFromEnvironment() ?? 'warn'];
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true });
  return () => diag.disable();
}

/** The line to say; undefined for what the app does on purpose. */
function phrase(message: string, args: readonly unknown[]): string | undefined {
  const [first = '', ...stack] = String(message).split('\n');
  // The app sets a logger of its own, which is then the one that hears everything.
  if (first.startsWith('Current logger will be overwritten')) return undefined;
  if (first.includes('Attempted duplicate registration of API: trace')) {
    const caller = stack.find((line) => !line.includes('@opentelemetry/api') && !line.includes('@opentelemetry\\api'));
    return `a second SDK has tried to start (${(caller ?? 'from an unknown place').trim()}) and was ignored: start only one`;
  }
  if (first.includes('Attempted duplicate registration')) return undefined;
  const details = args.map((arg) => (arg instanceof Error ? arg.message : typeof arg === 'string' ? arg : ''));
  return [first, ...details.filter((detail) => detail !== '')].join(' ');
}
