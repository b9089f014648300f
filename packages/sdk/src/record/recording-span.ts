import type { AttributeValue, EventSource, FlatAttributes, LinkSource, SpanSource } from '@clew/wire';
import type { Attributes, Exception, Link, Span, SpanStatus, TimeInput } from '@opentelemetry/api';
import { type ClockAnchor, nanosAt, readTime, secondsAt } from '../api/clock.ts';
import { isUsable, SpanIdentity } from '../api/span-identity.ts';
import { reportFailure } from '../notice.ts';
import { flattenAttributes, putAttribute } from './flat-attributes.ts';
import { sayExceeded } from './limit-notice.ts';
import type { SharedAttributes } from './shared-attributes.ts';
import type { SpanLimits } from './span-limits.ts';

/** Where spans go. */
export interface SpanSink {
  /** A span has started. */
  open(span: RecordingSpan): void;
  /** It has ended; it is encoded before this returns, and may be forgotten after. */
  record(span: RecordingSpan): void;
  /** A span that was never open: it is only encoded. */
  write(span: SpanSource): void;
}

/** OTLP's status codes, which are the api's too. */
const statusUnset = 0;
const statusOk = 1;
const statusError = 2;

/**
 * A span that is being recorded. Its fields are what the OTLP writer reads: nothing is copied when it ends. After that
 * it is frozen, as the specification says: every setter is ignored.
 */
export class RecordingSpan extends SpanIdentity implements Span, SpanSource {
  name: string;
  /** OTLP's SpanKind, the api's plus one. */
  readonly kind: number;
  parentSpanId0 = 0;
  parentSpanId1 = 0;
  hasRemoteParent = false;
  startSeconds = 0;
  startNanos = 0;
  endSeconds = 0;
  endNanos = 0;
  /** Beside the span's own attributes; no key is in both. */
  shared: SharedAttributes | undefined = undefined;
  attributes: AttributeValue[] = [];
  droppedAttributes = 0;
  events: EventSource[] | undefined = undefined;
  droppedEvents = 0;
  links: LinkSource[] | undefined = undefined;
  droppedLinks = 0;
  statusCode: number = statusUnset;
  statusMessage = '';
  override anchor: ClockAnchor;
  /** Its place among the open spans; -1 when it has none. */
  openSlot = -1;
  readonly sink: SpanSink;
  private hasEnded = false;
  private readonly limits: SpanLimits;

  constructor(name: string, kind: number, anchor: ClockAnchor, nowMs: number, sink: SpanSink, limits: SpanLimits) {
    super();
    this.name = name;
    this.kind = kind;
    this.anchor = anchor;
    this.startSeconds = secondsAt(anchor, nowMs);
    this.startNanos = nanosAt(anchor, nowMs);
    this.sink = sink;
    this.limits = limits;
  }

  setAttribute(key: string, value: unknown): this {
    if (this.hasEnded) return this;
    try {
      this.put(key, value);
    } catch (error) {
      reportFailure('Span.setAttribute', error);
    }
    return this;
  }

  /** What {@link SpanSource} calls the bytes of the shared attributes. */
  get encodedAttributes(): Uint8Array | undefined {
    return this.shared?.bytes;
  }

  /** The shared attributes and the span's own. */
  allAttributes(): FlatAttributes {
    return this.shared === undefined ? this.attributes : [...this.shared.attributes, ...this.attributes];
  }

  /**
   * Gives a span that has no attributes yet those that many have alike.
   *
   * @returns false when the limits leave no room for them, or might cut their values: then nothing is changed.
   */
  share(shared: SharedAttributes): boolean {
    const { attributes, attributeValueChars } = this.limits;
    if (attributes < shared.count || attributeValueChars !== Number.POSITIVE_INFINITY) return false;
    this.shared = shared;
    return true;
  }

  /** As {@link setAttribute}, on a span that has not ended. */
  put(key: string, value: unknown): void {
    const { attributes: maxCount, attributeValueChars } = this.limits;
    let ownCount = maxCount;
    if (this.shared !== undefined) {
      if (this.shared.has(key)) {
        this.attributes.unshift(...this.shared.attributes);
        this.shared = undefined;
      } else ownCount -= this.shared.count;
    }
    if (putAttribute(this.attributes, key, value, ownCount, attributeValueChars) === 0) return;
    this.droppedAttributes++;
    sayExceeded('attributes', maxCount, this.name);
  }

  setAttributes(attributes: Attributes): this {
    if (this.hasEnded || typeof attributes !== 'object' || attributes === null) return this;
    try {
      for (const key of Object.keys(attributes)) this.setAttribute(key, attributes[key]);
    } catch (error) {
      reportFailure('Span.setAttributes', error);
    }
    return this;
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.hasEnded) return this;
    try {
      const isTime = isTimeInput(attributesOrTime);
      this.pushEvent(name, isTime ? undefined : attributesOrTime, isTime ? attributesOrTime : time);
    } catch (error) {
      reportFailure('Span.addEvent', error);
    }
    return this;
  }

  addLink(link: Link): this {
    if (this.hasEnded) return this;
    try {
      this.pushLink(link);
    } catch (error) {
      reportFailure('Span.addLink', error);
    }
    return this;
  }

  addLinks(links: Link[]): this {
    if (Array.isArray(links)) for (const link of links) this.addLink(link);
    return this;
  }

  /** Ok is final, unset is ignored, and a message is kept with an error only. */
  setStatus(status: SpanStatus): this {
    if (this.hasEnded || this.statusCode === statusOk) return this;
    try {
      const code = status?.code;
      if (code !== statusOk && code !== statusError) return this;
      const { message } = status;
      this.statusMessage = code === statusError && message !== undefined && message !== null ? String(message) : '';
      this.statusCode = code;
    } catch (error) {
      reportFailure('Span.setStatus', error);
    }
    return this;
  }

  updateName(name: string): this {
    if (this.hasEnded) return this;
    try {
      this.name = String(name);
    } catch (error) {
      reportFailure('Span.updateName', error);
    }
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    if (this.hasEnded) return;
    try {
      this.pushEvent('exception', describeException(exception), time);
    } catch (error) {
      reportFailure('Span.recordException', error);
    }
  }

  isRecording(): boolean {
    return !this.hasEnded;
  }

  end(endTime?: TimeInput): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    try {
      const nowMs = performance.now();
      const given = endTime === undefined ? undefined : readTime(endTime, this.anchor);
      this.endSeconds = given?.seconds ?? secondsAt(this.anchor, nowMs);
      this.endNanos = given?.nanos ?? nanosAt(this.anchor, nowMs);
      if (this.endsBeforeStart()) {
        this.endSeconds = this.startSeconds;
        this.endNanos = this.startNanos;
      }
      this.sink.record(this);
    } catch (error) {
      reportFailure('Span.end', error);
    }
  }

  /** Sets a start other than the moment of creation; what is no time is ignored. */
  startAt(startTime: TimeInput): void {
    const given = readTime(startTime, this.anchor);
    if (given === undefined) return;
    this.startSeconds = given.seconds;
    this.startNanos = given.nanos;
  }

  private endsBeforeStart(): boolean {
    if (this.endSeconds !== this.startSeconds) return this.endSeconds < this.startSeconds;
    return this.endNanos < this.startNanos;
  }

  private pushEvent(name: string, source: object | undefined, time: TimeInput | undefined): void {
    this.events ??= [];
    if (this.events.length >= this.limits.events) {
      this.droppedEvents++;
      sayExceeded('events', this.limits.events, this.name);
      return;
    }
    const { attributesOfEvent, attributeValueChars } = this.limits;
    const { attributes, dropped } = flattenAttributes(source, attributesOfEvent, attributeValueChars);
    if (dropped > 0) sayExceeded('attributes of an event', attributesOfEvent, this.name);
    const given = time === undefined ? undefined : readTime(time, this.anchor);
    const nowMs = performance.now();
    const seconds = given?.seconds ?? secondsAt(this.anchor, nowMs);
    const nanos = given?.nanos ?? nanosAt(this.anchor, nowMs);
    this.events.push({ seconds, nanos, name: String(name), attributes, droppedAttributes: dropped });
  }

  private pushLink(link: Link): void {
    const context = link?.context;
    if (!isUsable(context)) return;
    this.links ??= [];
    if (this.links.length >= this.limits.links) {
      this.droppedLinks++;
      sayExceeded('links', this.limits.links, this.name);
      return;
    }
    const { attributesOfLink, attributeValueChars } = this.limits;
    const { attributes, dropped } = flattenAttributes(link.attributes, attributesOfLink, attributeValueChars);
    if (dropped > 0) sayExceeded('attributes of a link', attributesOfLink, this.name);
    this.links.push({
      traceId: context.traceId,
      spanId: context.spanId,
      traceState: context.traceState,
      traceFlags: context.traceFlags,
      isRemote: context.isRemote === true,
      attributes,
      droppedAttributes: dropped + (link.droppedAttributesCount ?? 0),
    });
  }
}

function isTimeInput(input: unknown): input is TimeInput {
  return typeof input === 'number' || input instanceof Date || Array.isArray(input);
}

/** The event `exception` of OpenTelemetry's semantic conventions. */
function describeException(exception: Exception): Attributes {
  if (typeof exception === 'string') return { 'exception.message': exception };
  if (typeof exception !== 'object' || exception === null) return { 'exception.message': String(exception) };
  const { code, name, message, stack } = exception;
  const type = code === undefined || code === null ? name : String(code);
  return { 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stack };
}
