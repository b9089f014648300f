import type { Span, SpanContext } from '@opentelemetry/api';
import { SpanIdentity } from './span-identity.ts';

/** A span that records nothing and only carries its identity on: one not sampled, or the parent in another process. */
export class PassiveSpan extends SpanIdentity implements Span {
  static fromContext(context: SpanContext): PassiveSpan {
    const span = new PassiveSpan();
    span.adopt(context.traceId, context.spanId, context.traceFlags & 0xff, context.traceState);
    span.isRemote = context.isRemote === true;
    return span;
  }

  setAttribute(): this {
    return this;
  }

  setAttributes(): this {
    return this;
  }

  addEvent(): this {
    return this;
  }

  addLink(): this {
    return this;
  }

  addLinks(): this {
    return this;
  }

  setStatus(): this {
    return this;
  }

  updateName(): this {
    return this;
  }

  end(): void {}

  isRecording(): boolean {
    return false;
  }

  recordException(): void {}
}
