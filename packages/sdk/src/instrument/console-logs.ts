import { logFields } from './logs-fields.ts';

const methods = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;

/**
 * Lets what is written with `console` inside a span carry it: a line that is a JSON object gets three fields, any other
 * ends in `trace_id=… span_id=… trace_flags=…`.
 *
 * @returns makes `console` what it was.
 */
export function correlateConsole(): () => void {
  const stops = methods.map((method) => {
    const original = console[method];
    const correlated = (...args: unknown[]): void => {
      original.apply(console, addFields(args));
    };
    console[method] = correlated;
    return () => {
      if (console[method] === correlated) console[method] = original;
    };
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function addFields(args: unknown[]): unknown[] {
  if (args.length === 0) return args;
  const fields = logFields();
  if (fields === undefined) return args;
  const [first] = args;
  if (args.length === 1 && typeof first === 'string' && isJsonObject(first)) {
    if (first.includes('"trace_id"')) return args;
    const rest = first.trimStart().slice(1);
    return [`${JSON.stringify(fields).slice(0, -1)}${rest.trimStart().startsWith('}') ? '' : ','}${rest}`];
  }
  const { trace_id, span_id, trace_flags } = fields;
  return [...args, `trace_id=${trace_id} span_id=${span_id} trace_flags=${trace_flags}`];
}

/** By its ends: to parse every line would cost more than to write it. */
function isJsonObject(line: string): boolean {
  return /^\s*\{\s*["}]/.test(line) && /\}\s*$/.test(line);
}
