import { createHash } from 'node:crypto';
import { type ColumnWriter, ElementCounts, ProtobufReader, writeNativeBlock } from '@clew/wire';
import { DropRules } from '../drop-rules.ts';
import {
  appendAttributes,
  findAttributeText,
  findStringAttribute,
  KeyValueListBytes,
  MessagePositions,
  textOf,
} from './attributes.ts';
import { ResourceColumns, SpanColumns } from './columns.ts';
import { appendEvents, appendLinks } from './events-and-links.ts';
import { isId } from './ids.ts';

/** What became of one request's spans. */
export interface TranscodeResult {
  /** Those that a rule drops are accepted, too: their sender has done nothing wrong. */
  readonly acceptedSpans: number;
  readonly rejectedSpans: number;
  /** Why the first rejected span was rejected; empty when none was. */
  readonly rejectionReason: string;
  /** How many were rejected for what: the name of the field that is at fault. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  /** How many were accepted and are not stored, by the rule that drops them. */
  readonly droppedBy: Readonly<Record<string, number>>;
}

/** Rows ready for the engine; null when there are none. */
export interface TraceBlocks {
  readonly spanCount: number;
  readonly spans: Uint8Array<ArrayBuffer>;
  readonly resources: Uint8Array<ArrayBuffer>;
}

/** Where in the request a Resource stands, and the schema URL beside it. */
interface ResourcePosition {
  readonly start: number;
  readonly end: number;
  readonly urlStart: number;
  readonly urlEnd: number;
}

/** A day is a partition of the store. More come from clocks that are wrong, and each holds up all others a little. */
const maxDays = 1_000;
const nsPerDay = 86_400e9;

const unknownService = new TextEncoder().encode('unknown_service');
const serviceNameKey = new TextEncoder().encode('service.name');

/**
 * OTLP protobuf into columns: bytes are copied from the request into column buffers, and a span costs no object.
 * Requests add up until {@link takeBlocks}.
 *
 * Each span is read twice: first its own fields, noted as positions, so that a span with a bad id is left out before
 * anything of it is written; then into the columns. A request that is no protobuf takes all of its spans back.
 *
 * ```
 * ExportTraceServiceRequest  1 ResourceSpans*
 * ResourceSpans              1 Resource · 2 ScopeSpans* · 3 schema_url
 * Resource                   1 KeyValue* · 2 dropped_attributes_count
 * ScopeSpans                 1 InstrumentationScope · 2 Span* · 3 schema_url
 * InstrumentationScope       1 name · 2 version · 3 KeyValue* · 4 dropped_attributes_count
 * Span                       1 trace_id · 2 span_id · 3 trace_state · 4 parent_span_id · 5 name · 6 kind
 *                            7 start fixed64 · 8 end fixed64 · 9 KeyValue* · 10 dropped · 11 Event* · 12 dropped
 *                            13 Link* · 14 dropped · 15 Status · 16 flags fixed32
 * Status                     2 message · 3 code
 * ```
 */
export class TraceTranscoder {
  readonly #dropRules: DropRules;
  readonly #spans = new SpanColumns();
  readonly #resources = new ResourceColumns();
  readonly #columns: readonly ColumnWriter[] = [...Object.values(this.#spans), ...Object.values(this.#resources)];
  readonly #reader = new ProtobufReader(new Uint8Array(0));
  readonly #counts = new ElementCounts();
  readonly #attributes = new MessagePositions('attributes');
  readonly #events = new MessagePositions('events');
  readonly #links = new MessagePositions('links');
  readonly #list = new KeyValueListBytes(this.#counts);
  readonly #knownResources = new Set<string>();
  /** Those that the request has added to the known ones. */
  #addedResources: string[] = [];
  #spanCount = 0;
  #resourceCount = 0;
  #rejectedSpans = 0;
  #rejectionReason = '';
  #rejectedBy: Record<string, number> = {};
  #droppedSpans = 0;
  #droppedBy: Record<string, number> = {};
  /** On which the spans of the request start, since the epoch. */
  readonly #days = new Set<number>();
  #lastDay = -1;
  /** The resource of the ResourceSpans that is being read, until its first span: without one it is not hashed. */
  #unreadResource: ResourcePosition | null = null;
  /** The resource of this request whose fields follow. */
  #readResourceAt: ResourcePosition | null = null;
  // Of the ResourceSpans and ScopeSpans that are being read: the same in every row of theirs.
  #resourceHash = new Uint8Array(8);
  #service = 0;
  /** Its text, for the rules alone. */
  #serviceText = '';
  #scopeName = 0;
  #scopeVersion = 0;
  #scopeAttributes = 0;
  #scopeDroppedAttributes = 0;
  #scopeSchemaUrl = 0;

  constructor(dropRules: DropRules = new DropRules([])) {
    this.#dropRules = dropRules;
  }

  /**
   * Adds the spans of one `ExportTraceServiceRequest`.
   *
   * @throws MalformedProtobufError when the bytes are not one, TooManyElementsError when it has more elements than
   * allowed; then none of its spans was added
   */
  transcode(request: Uint8Array): TranscodeResult {
    const spansBefore = this.#spanCount;
    const resourcesBefore = this.#resourceCount;
    for (const column of this.#columns) column.save();
    this.#rejectedSpans = 0;
    this.#rejectionReason = '';
    this.#rejectedBy = {};
    this.#droppedSpans = 0;
    this.#droppedBy = {};
    this.#days.clear();
    this.#lastDay = -1;
    this.#counts.reset();
    this.#addedResources = [];
    this.#readResourceAt = null;
    try {
      const reader = this.#reader;
      reader.reset(request);
      const end = request.length;
      while (reader.position < end) {
        const tag = reader.readVarint32(end);
        if (tag === 0x0a) this.#readResourceSpans(reader.readLength(end));
        else reader.skip(tag, end);
      }
    } catch (error) {
      for (const column of this.#columns) column.restore();
      for (const resource of this.#addedResources) this.#knownResources.delete(resource);
      this.#spanCount = spansBefore;
      this.#resourceCount = resourcesBefore;
      throw error;
    }
    return {
      acceptedSpans: this.#spanCount - spansBefore + this.#droppedSpans,
      rejectedSpans: this.#rejectedSpans,
      rejectionReason: this.#rejectionReason,
      rejectedBy: this.#rejectedBy,
      droppedBy: this.#droppedBy,
    };
  }

  /** The rows since the last call, as two Native blocks, or null when there are none. */
  takeBlocks(): TraceBlocks | null {
    const blocks: TraceBlocks | null =
      this.#spanCount === 0
        ? null
        : {
            spanCount: this.#spanCount,
            spans: writeNativeBlock(Object.entries(this.#spans), this.#spanCount),
            resources: writeNativeBlock(Object.entries(this.#resources), this.#resourceCount),
          };
    // Without spans too: resources of which no span is stored would pile up.
    for (const column of this.#columns) column.clear();
    this.#knownResources.clear();
    this.#spanCount = 0;
    this.#resourceCount = 0;
    return blocks;
  }

  #readResourceSpans(end: number): void {
    const reader = this.#reader;
    this.#counts.add('resources');
    const start = reader.position;
    // The resource may legally stand behind the spans that it belongs to: look for it first.
    const resource = { start: 0, end: 0, urlStart: 0, urlEnd: 0 };
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag !== 0x0a && tag !== 0x1a) {
        reader.skip(tag, end);
        continue;
      }
      const fieldEnd = reader.readLength(end);
      if (tag === 0x0a) {
        resource.start = reader.position;
        resource.end = fieldEnd;
      } else {
        resource.urlStart = reader.position;
        resource.urlEnd = fieldEnd;
      }
      reader.position = fieldEnd;
    }
    this.#unreadResource = resource;
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x12) this.#readScopeSpans(reader.readLength(end));
      else reader.skip(tag, end);
    }
    if (this.#unreadResource === null) return;
    // A resource that is malformed is refused without spans, too.
    this.#list.copy(reader, resource.start, resource.end, 0x0a);
    reader.position = end;
  }

  /** Leaves the reader anywhere. */
  #readResource(resource: ResourcePosition): void {
    const reader = this.#reader;
    const { start, end, urlStart, urlEnd } = resource;
    const last = this.#readResourceAt;
    this.#unreadResource = null;
    this.#readResourceAt = resource;
    if (
      last !== null &&
      this.#isRepeated(last.start, last.end, start, end) &&
      this.#isRepeated(last.urlStart, last.urlEnd, urlStart, urlEnd)
    )
      return;
    const schemaUrl = reader.bytes.subarray(urlStart, urlEnd);
    this.#list.copy(reader, start, end, 0x0a);
    const list = this.#list.bytes.subarray(0, this.#list.length);

    const attributes = this.#attributes;
    attributes.length = 0;
    let droppedAttributes = 0;
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x0a) {
        const attributeEnd = reader.readLength(end);
        attributes.add(reader.position, attributeEnd);
        reader.position = attributeEnd;
      } else if (tag === 0x10) droppedAttributes = reader.readVarint32(end);
      else reader.skip(tag, end);
    }
    // Once a resource, not a span: a strong hash costs nothing here, and two resources never share one.
    const identity = createHash('sha256').update(list);
    // A list consists of fields with the tag 0a, so what begins with another byte is not mistaken for its end.
    if (schemaUrl.length > 0 || droppedAttributes > 0) identity.update(`\x10${droppedAttributes} `).update(schemaUrl);
    const hash = identity.digest();
    this.#resourceHash.set(hash.subarray(0, 8));
    const service = findStringAttribute(reader, attributes, serviceNameKey) ?? unknownService;
    this.#service = this.#spans.service.keyOf(service, 0, service.length);
    if (!this.#dropRules.isEmpty) this.#serviceText = textOf(service);

    const key = hash.toString('latin1', 0, 8);
    if (this.#knownResources.has(key)) return;
    this.#knownResources.add(key);
    this.#addedResources.push(key);
    const columns = this.#resources;
    columns.resource_hash.appendBytes(this.#resourceHash, 0);
    columns.service.append(service, 0, service.length);
    this.#list.appendTo(columns.attributes);
    columns.schema_url.append(schemaUrl, 0, schemaUrl.length);
    columns.dropped_attributes_count.append32(droppedAttributes);
    appendAttributes(reader, columns, attributes);
    this.#resourceCount++;
  }

  #isRepeated(lastStart: number, lastEnd: number, start: number, end: number): boolean {
    if (lastEnd - lastStart !== end - start) return false;
    const { bytes } = this.#reader;
    return Buffer.compare(bytes.subarray(lastStart, lastEnd), bytes.subarray(start, end)) === 0;
  }

  #readScopeSpans(end: number): void {
    const reader = this.#reader;
    this.#counts.add('scopes');
    const start = reader.position;
    let scopeStart = 0;
    let scopeEnd = 0;
    let urlStart = 0;
    let urlEnd = 0;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag !== 0x0a && tag !== 0x1a) {
        reader.skip(tag, end);
        continue;
      }
      const fieldEnd = reader.readLength(end);
      if (tag === 0x0a) {
        scopeStart = reader.position;
        scopeEnd = fieldEnd;
      } else {
        urlStart = reader.position;
        urlEnd = fieldEnd;
      }
      reader.position = fieldEnd;
    }
    this.#scopeSchemaUrl = this.#spans.scope_schema_url.keyOf(reader.bytes, urlStart, urlEnd);
    this.#readScope(scopeStart, scopeEnd);
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x12) {
        const spanEnd = reader.readLength(end);
        if (this.#unreadResource !== null) {
          const spanStart = reader.position;
          this.#readResource(this.#unreadResource);
          reader.position = spanStart;
        }
        this.#readSpan(spanEnd);
        reader.position = spanEnd;
      } else reader.skip(tag, end);
    }
  }

  #readScope(start: number, end: number): void {
    const reader = this.#reader;
    const { bytes } = reader;
    const { scope_name, scope_version, scope_attributes } = this.#spans;
    this.#list.copy(reader, start, end, 0x1a);
    this.#scopeAttributes = scope_attributes.keyOf(this.#list.bytes, 0, this.#list.length);
    this.#scopeName = scope_name.keyOf(bytes, 0, 0);
    this.#scopeVersion = scope_version.keyOf(bytes, 0, 0);
    this.#scopeDroppedAttributes = 0;
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x20) {
        this.#scopeDroppedAttributes = reader.readVarint32(end);
        continue;
      }
      if (tag !== 0x0a && tag !== 0x12) {
        reader.skip(tag, end);
        continue;
      }
      const textEnd = reader.readLength(end);
      if (tag === 0x0a) this.#scopeName = scope_name.keyOf(bytes, reader.position, textEnd);
      else this.#scopeVersion = scope_version.keyOf(bytes, reader.position, textEnd);
      reader.position = textEnd;
    }
  }

  #readSpan(end: number): void {
    const reader = this.#reader;
    const { bytes } = reader;
    const attributes = this.#attributes;
    const events = this.#events;
    const links = this.#links;
    this.#counts.add('spans');
    attributes.length = 0;
    events.length = 0;
    links.length = 0;
    let traceIdStart = 0;
    let traceIdEnd = 0;
    let spanIdStart = 0;
    let spanIdEnd = 0;
    let parentStart = 0;
    let parentEnd = 0;
    let stateStart = 0;
    let stateEnd = 0;
    let nameStart = 0;
    let nameEnd = 0;
    let kind = 0;
    let startLow = 0;
    let startHigh = 0;
    let endLow = 0;
    let endHigh = 0;
    let droppedAttributes = 0;
    let droppedEvents = 0;
    let droppedLinks = 0;
    let statusStart = 0;
    let statusEnd = 0;
    let flags = 0;

    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if ((tag & 7) === 2 && tag <= 0x7a) {
        const fieldEnd = reader.readLength(end);
        const fieldStart = reader.position;
        reader.position = fieldEnd;
        switch (tag) {
          case 0x0a:
            traceIdStart = fieldStart;
            traceIdEnd = fieldEnd;
            break;
          case 0x12:
            spanIdStart = fieldStart;
            spanIdEnd = fieldEnd;
            break;
          case 0x1a:
            stateStart = fieldStart;
            stateEnd = fieldEnd;
            break;
          case 0x22:
            parentStart = fieldStart;
            parentEnd = fieldEnd;
            break;
          case 0x2a:
            nameStart = fieldStart;
            nameEnd = fieldEnd;
            break;
          case 0x4a:
            attributes.add(fieldStart, fieldEnd);
            break;
          case 0x5a:
            events.add(fieldStart, fieldEnd);
            break;
          case 0x6a:
            links.add(fieldStart, fieldEnd);
            break;
          case 0x7a:
            statusStart = fieldStart;
            statusEnd = fieldEnd;
            break;
        }
        continue;
      }
      switch (tag) {
        case 0x30:
          kind = reader.readVarint32(end);
          break;
        case 0x39:
          startLow = reader.readFixed64(end);
          startHigh = reader.high;
          break;
        case 0x41:
          endLow = reader.readFixed64(end);
          endHigh = reader.high;
          break;
        case 0x50:
          droppedAttributes = reader.readVarint32(end);
          break;
        case 0x60:
          droppedEvents = reader.readVarint32(end);
          break;
        case 0x70:
          droppedLinks = reader.readVarint32(end);
          break;
        case 0x85:
          flags = reader.readFixed32(end);
          break;
        default:
          reader.skip(tag, end);
      }
    }

    if (!isId(bytes, traceIdStart, traceIdEnd, 16)) {
      this.#rejectId('trace_id', 'must be 16 bytes, not all zero', traceIdStart, traceIdEnd);
      return;
    }
    if (!isId(bytes, spanIdStart, spanIdEnd, 8)) {
      this.#rejectId('span_id', 'must be 8 bytes, not all zero', spanIdStart, spanIdEnd);
      return;
    }
    const parentLength = parentEnd - parentStart;
    if (parentLength !== 0 && parentLength !== 8) {
      this.#rejectId('parent_span_id', 'must be 8 bytes or empty', parentStart, parentEnd);
      return;
    }
    if (startHigh > 0x7fff_ffff || endHigh > 0x7fff_ffff) {
      this.#reject('time', 'a time beyond 2262-04-11, which nanoseconds in 63 bits cannot hold');
      return;
    }

    const day = Math.floor((startHigh * 2 ** 32 + startLow) / nsPerDay);
    if (day !== this.#lastDay && !this.#days.has(day)) {
      if (this.#days.size >= maxDays) {
        this.#reject('time', `the spans of a request start on more than ${maxDays} days; send smaller batches`);
        return;
      }
      this.#days.add(day);
    }
    this.#lastDay = day;

    if (!this.#dropRules.isEmpty && this.#isDropped(bytes.subarray(nameStart, nameEnd), kind)) return;

    const columns = this.#spans;
    columns.trace_id.appendBytes(bytes, traceIdStart);
    columns.span_id.appendBytes(bytes, spanIdStart);
    if (parentLength === 8) columns.parent_span_id.appendBytes(bytes, parentStart);
    else columns.parent_span_id.appendZero();
    columns.trace_state.append(bytes, stateStart, stateEnd);
    columns.flags.append32(flags);
    columns.name.append(bytes, nameStart, nameEnd);
    columns.kind.appendByte(kind > 5 ? 0 : kind);
    columns.start.append64(startLow, startHigh);
    // A span without an end has no known duration: 0. An end before the start is kept, as a negative duration.
    if (endLow === 0 && endHigh === 0) columns.duration_ns.append64(0, 0);
    else columns.duration_ns.append64(endLow - startLow, endHigh - startHigh - (endLow < startLow ? 1 : 0));
    columns.service.appendKey(this.#service);
    columns.resource_hash.appendBytes(this.#resourceHash, 0);
    columns.scope_name.appendKey(this.#scopeName);
    columns.scope_version.appendKey(this.#scopeVersion);
    columns.scope_attributes.appendKey(this.#scopeAttributes);
    columns.scope_dropped_attributes_count.append32(this.#scopeDroppedAttributes);
    columns.scope_schema_url.appendKey(this.#scopeSchemaUrl);
    columns.dropped_attributes_count.append32(droppedAttributes);
    columns.dropped_events_count.append32(droppedEvents);
    this.#counts.add('attributes', attributes.length / 2);
    this.#counts.add('attributes', appendAttributes(reader, columns, attributes));
    this.#appendStatus(statusStart, statusEnd);
    this.#counts.add('events', events.length / 2);
    appendEvents(reader, columns, events, this.#list);
    this.#counts.add('links', links.length / 2);
    columns.dropped_links_count.append32(droppedLinks + appendLinks(reader, columns, links, this.#list));
    this.#spanCount++;
  }

  /** Whether a rule drops the span whose attributes were noted; counts it. */
  #isDropped(name: Uint8Array, kind: number): boolean {
    const rule = this.#dropRules.find({
      service: this.#serviceText,
      name: textOf(name),
      kind,
      attribute: (key) => findAttributeText(this.#reader, this.#attributes, key),
    });
    if (rule === undefined) return false;
    this.#droppedSpans++;
    this.#droppedBy[rule] = (this.#droppedBy[rule] ?? 0) + 1;
    return true;
  }

  /** For an id that stands in `[start, end)`. Its digits are written for the first rejected span alone. */
  #rejectId(field: string, rule: string, start: number, end: number): void {
    this.#reject(
      field,
      this.#rejectedSpans > 0 ? rule : `${field} ${rule}; got ${hex(this.#reader.bytes, start, end)}`,
    );
  }

  #reject(field: string, reason: string): void {
    this.#rejectedSpans++;
    this.#rejectedBy[field] = (this.#rejectedBy[field] ?? 0) + 1;
    if (this.#rejectionReason === '') this.#rejectionReason = reason;
  }

  #appendStatus(start: number, end: number): void {
    const reader = this.#reader;
    reader.position = start;
    let code = 0;
    let messageStart = 0;
    let messageEnd = 0;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x12) {
        messageEnd = reader.readLength(end);
        messageStart = reader.position;
        reader.position = messageEnd;
      } else if (tag === 0x18) code = reader.readVarint32(end);
      else reader.skip(tag, end);
    }
    this.#spans.status_code.appendByte(code > 2 ? 0 : code);
    this.#spans.status_message.append(reader.bytes, messageStart, messageEnd);
  }
}

/** For messages: at most 32 bytes of a value that is wrong. */
function hex(bytes: Uint8Array, start: number, end: number): string {
  if (start === end) return 'nothing';
  const shown = Buffer.from(bytes.subarray(start, Math.min(end, start + 32))).toString('hex');
  return `${end - start} bytes, ${shown}${end - start > 32 ? '…' : ''}`;
}
