import type { Attributes, Context, HrTime, Link, Span, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api';

/*
 * The interfaces that processors and exporters of OpenTelemetry's own SDK are written against
 * (`@opentelemetry/sdk-trace-base` 2.x), by structure: what implements those can be attached here unchanged.
 */

/** A span as processors and exporters read it. */
export interface ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanContext: () => SpanContext;
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly links: Link[];
  readonly events: TimedEvent[];
  readonly duration: HrTime;
  readonly ended: boolean;
  readonly resource: ReadableResource;
  readonly instrumentationScope: ReadableScope;
  readonly droppedAttributesCount: number;
  readonly droppedEventsCount: number;
  readonly droppedLinksCount: number;
}

export interface TimedEvent {
  readonly time: HrTime;
  readonly name: string;
  readonly attributes?: Attributes;
  readonly droppedAttributesCount?: number;
}

export interface ReadableScope {
  readonly name: string;
  readonly version?: string;
  readonly schemaUrl?: string;
}

export interface ReadableResource {
  readonly attributes: Attributes;
  /** Whether attributes are still being found out; `waitForAsyncAttributes` resolves when they are. */
  readonly asyncAttributesPending?: boolean;
  readonly schemaUrl?: string;
  waitForAsyncAttributes?(): Promise<void>;
  merge(other: ReadableResource | null): ReadableResource;
  getRawAttributes(): [string, Attributes[string]][];
}

/** Sees every span that is recorded when it starts and when it has ended. */
export interface SpanProcessor {
  onStart(span: Span & ReadableSpan, parentContext: Context): void;
  onEnd(span: ReadableSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Takes batches of spans that ended; never called again before it called back. */
export interface SpanExporter {
  /** `code` 0: taken; 1: failed. */
  export(spans: ReadableSpan[], resultCallback: (result: { code: number; error?: Error }) => void): void;
  shutdown(): Promise<void>;
  forceFlush?(): Promise<void>;
}
