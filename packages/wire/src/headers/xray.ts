import { type Caller, type CallerDecision, callerOf } from './caller.ts';

const rootPattern = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i;
const parentPattern = /^[0-9a-f]{16}$/i;

/**
 * Reads an `X-Amzn-Trace-Id` header (AWS X-Ray, "Tracing header"); undefined when it names no span. Fields come in any
 * order, those that are not known do not matter, and of several with one name the last counts. `Sampled=?`, or none,
 * leaves the decision to the receiver.
 *
 * ```
 * Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1
 *        seconds  the rest of the trace id
 * ```
 */
export function parseXRay(header: string): Caller | undefined {
  let root: RegExpExecArray | null = null;
  let parent = '';
  let decision: CallerDecision | undefined = 'defer';
  for (const field of header.split(';')) {
    const text = field.trim();
    const equals = text.indexOf('=');
    const value = text.slice(equals + 1);
    switch (text.slice(0, Math.max(0, equals))) {
      case 'Root':
        root = rootPattern.exec(value);
        break;
      case 'Parent':
        parent = value;
        break;
      case 'Sampled':
        decision = value === '1' ? 'keep' : value === '0' ? 'drop' : value === '?' ? 'defer' : undefined;
        break;
      default:
    }
  }
  if (root === null || decision === undefined || !parentPattern.test(parent)) return undefined;
  return callerOf(root[1]! + root[2]!, parent, decision);
}

/** Writes an `X-Amzn-Trace-Id` header. */
export function formatXRay(traceId: string, spanId: string, decision: 'keep' | 'drop' | 'defer'): string {
  const sampled = decision === 'keep' ? '1' : decision === 'drop' ? '0' : '?';
  return `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=${sampled}`;
}
