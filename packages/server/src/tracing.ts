import { type Attributes, SpanStatusCode, trace } from '@opentelemetry/api';
import { ClewError } from './errors.ts';

/** Asks for the SDK of the process at each span: without one, spans are nothing and cost next to it. */
const tracer = trace.getTracer('clew');

/** Runs work in a span of the server's own. Not for the path of an export request: that takes its spans as they are. */
export function traced<Result>(
  name: string,
  attributes: Attributes,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      const { name: type, message } = error as Error;
      span.setAttribute('error.type', error instanceof ClewError ? error.code : type);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      span.end();
    }
  });
}
