import { isSpanContextValid, type SpanContext, type TraceState } from '@opentelemetry/api';
import type { ClockAnchor } from './clock.ts';
import { hexOfFour, hexOfTwo, wordOfHex } from './random-ids.ts';

/**
 * What every span of ours has, recorded or not: its ids as words, flags and trace state. Hex and the SpanContext object
 * are made when first asked for.
 */
export class SpanIdentity {
  traceId0 = 0;
  traceId1 = 0;
  traceId2 = 0;
  traceId3 = 0;
  spanId0 = 0;
  spanId1 = 0;
  traceFlags = 0;
  traceState: TraceState | undefined = undefined;
  isRemote = false;
  /** Set on spans of this process that are recorded. */
  anchor: ClockAnchor | undefined = undefined;
  private traceIdText: string | undefined = undefined;
  private spanIdText: string | undefined = undefined;
  private contextObject: SpanContext | undefined = undefined;

  /** Takes over trace id, flags and trace state of the span above. */
  continueTrace(parent: SpanIdentity): void {
    this.traceId0 = parent.traceId0;
    this.traceId1 = parent.traceId1;
    this.traceId2 = parent.traceId2;
    this.traceId3 = parent.traceId3;
    this.traceFlags = parent.traceFlags;
    this.traceState = parent.traceState;
    this.traceIdText = parent.traceIdText;
  }

  /** Takes over another's whole identity, given as hex that is known to be valid. */
  adopt(traceId: string, spanId: string, traceFlags: number, traceState: TraceState | undefined): void {
    this.traceId0 = wordOfHex(traceId, 0);
    this.traceId1 = wordOfHex(traceId, 8);
    this.traceId2 = wordOfHex(traceId, 16);
    this.traceId3 = wordOfHex(traceId, 24);
    this.spanId0 = wordOfHex(spanId, 0);
    this.spanId1 = wordOfHex(spanId, 8);
    this.traceFlags = traceFlags;
    this.traceState = traceState;
    this.traceIdText = traceId;
    this.spanIdText = spanId;
  }

  traceIdHex(): string {
    this.traceIdText ??= hexOfFour(this.traceId0, this.traceId1, this.traceId2, this.traceId3);
    return this.traceIdText;
  }

  spanIdHex(): string {
    this.spanIdText ??= hexOfTwo(this.spanId0, this.spanId1);
    return this.spanIdText;
  }

  spanContext(): SpanContext {
    if (this.contextObject === undefined) {
      const context: SpanContext = {
        traceId: this.traceIdHex(),
        spanId: this.spanIdHex(),
        traceFlags: this.traceFlags,
      };
      if (this.traceState !== undefined) context.traceState = this.traceState;
      if (this.isRemote) context.isRemote = true;
      this.contextObject = context;
    }
    return this.contextObject;
  }
}

/** Whether a span context from outside is one that a child may continue. */
export function isUsable(context: SpanContext | undefined): context is SpanContext {
  return context !== undefined && isSpanContextValid(context);
}
