import {
  type AnyValue,
  bytesAt,
  hexAt,
  type KeyValue,
  type NativeBlock,
  type NativeColumn,
  readAnyValue,
  readKeyValueList,
  stringAt,
} from '@clew/wire';
import { anyColumnOf, columnOf } from './columns.ts';
import type { TraceTable } from './table.ts';

/** All that is known of one span. */
export interface SpanDetails {
  /** 32 and 16 hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for a root. */
  readonly parentSpanId: string | undefined;
  /** The W3C `tracestate` of the span's context, empty when there was none. */
  readonly traceState: string;
  /** OTLP's flags: the W3C trace flags in the low 8 bits, 0x100 and 0x200 tell whether the parent was remote. */
  readonly flags: number;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  /** Unix nanoseconds. */
  readonly startNs: bigint;
  readonly durationNs: number;
  readonly selfNs: number;
  readonly statusCode: number;
  readonly statusMessage: string;
  /** With their OTLP types, sorted by key. */
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
  /** In the order they were recorded. */
  readonly events: readonly SpanEvent[];
  readonly droppedEventsCount: number;
  readonly links: readonly SpanLink[];
  readonly droppedLinksCount: number;
  readonly resource: readonly KeyValue[];
  readonly resourceDroppedAttributesCount: number;
  /** The version of the semantic conventions that the resource follows; empty when the sender named none. */
  readonly resourceSchemaUrl: string;
  readonly scope: ScopeDetails;
}

export interface ScopeDetails {
  readonly name: string;
  readonly version: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
  /** As {@link SpanDetails.resourceSchemaUrl}, of the scope and its spans. */
  readonly schemaUrl: string;
}

export interface SpanEvent {
  /** Unix nanoseconds; 0 when the sender gave no time. */
  readonly timeNs: bigint;
  /** Nanoseconds after the span's start, negative when it was recorded before; undefined without a time. */
  readonly offsetNs: number | undefined;
  readonly name: string;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
}

const noParent = '0000000000000000';

/** Decodes one row. Throws `TraceTableError` when the answer lacked a column. */
export function detailsOf(table: TraceTable, row: number): SpanDetails {
  const block = table.origin.blocks[table.origin.blockOf[row]!]!;
  const at = table.origin.rows[row]!;
  const parentSpanId = hexAt(anyColumnOf(block, 'parent_span_id'), at);
  const startNs = columnOf(block, 'start', 'bigint').values[at]!;
  const resource = table.origin.resources.get(columnOf(block, 'resource_hash', 'bigint').values[at]!);
  return {
    traceId: hexAt(anyColumnOf(block, 'trace_id'), at),
    spanId: hexAt(anyColumnOf(block, 'span_id'), at),
    parentSpanId: parentSpanId === noParent ? undefined : parentSpanId,
    traceState: stringAt(anyColumnOf(block, 'trace_state'), at),
    flags: numberOf(block, 'flags', at),
    service: table.services[table.service[row]!]!,
    name: table.names[table.name[row]!]!,
    kind: table.kind[row]!,
    startNs,
    durationNs: table.spanDurationNs[row]!,
    selfNs: table.selfNs[row]!,
    statusCode: table.status[row]!,
    statusMessage: stringAt(anyColumnOf(block, 'status_message'), at),
    attributes: attributesOf(block, at),
    droppedAttributesCount: numberOf(block, 'dropped_attributes_count', at),
    events: eventsOf(block, at, startNs),
    droppedEventsCount: numberOf(block, 'dropped_events_count', at),
    links: linksOf(block, at),
    droppedLinksCount: numberOf(block, 'dropped_links_count', at),
    resource: resource === undefined ? [] : readKeyValueList(resource.attributes),
    resourceDroppedAttributesCount: resource?.droppedAttributesCount ?? 0,
    resourceSchemaUrl: resource?.schemaUrl ?? '',
    scope: {
      name: stringAt(anyColumnOf(block, 'scope_name'), at),
      version: stringAt(anyColumnOf(block, 'scope_version'), at),
      attributes: readKeyValueList(bytesAt(anyColumnOf(block, 'scope_attributes'), at)),
      droppedAttributesCount: numberOf(block, 'scope_dropped_attributes_count', at),
      schemaUrl: stringAt(anyColumnOf(block, 'scope_schema_url'), at),
    },
  };
}

function numberOf(block: NativeBlock, name: string, at: number): number {
  return columnOf(block, name, 'number').values[at]!;
}

/** Which map column holds which OTLP type, and how a value of it is read. */
const attributeColumns: readonly { name: string; valueAt: (values: NativeColumn, index: number) => AnyValue }[] = [
  { name: 'attr_string', valueAt: (values, index) => ({ type: 'string', value: stringAt(values, index) }) },
  { name: 'attr_int', valueAt: (values, index) => ({ type: 'int', value: BigInt(scalarAt(values, index)) }) },
  { name: 'attr_double', valueAt: (values, index) => ({ type: 'double', value: Number(scalarAt(values, index)) }) },
  { name: 'attr_bool', valueAt: (values, index) => ({ type: 'bool', value: Number(scalarAt(values, index)) !== 0 }) },
  { name: 'attr_other', valueAt: (values, index) => readAnyValue(bytesAt(values, index)) },
];

function scalarAt(column: NativeColumn, index: number): number | bigint {
  return column.kind === 'number' || column.kind === 'bigint' ? column.values[index]! : Number.NaN;
}

function attributesOf(block: NativeBlock, at: number): KeyValue[] {
  const attributes: KeyValue[] = [];
  for (const { name, valueAt } of attributeColumns) {
    const map = columnOf(block, name, 'map');
    for (let index = startOf(map.ends, at); index < map.ends[at]!; index++) {
      attributes.push({ key: stringAt(map.keys, index), value: valueAt(map.values, index) });
    }
  }
  return attributes.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function eventsOf(block: NativeBlock, at: number, spanStartNs: bigint): SpanEvent[] {
  const times = columnOf(block, 'event_time', 'array');
  const names = columnOf(block, 'event_name', 'array').elements;
  const attributes = columnOf(block, 'event_attributes', 'array').elements;
  const dropped = columnOf(block, 'event_dropped_attributes_count', 'array').elements;
  const events: SpanEvent[] = [];
  for (let index = startOf(times.ends, at); index < times.ends[at]!; index++) {
    const timeNs = BigInt(scalarAt(times.elements, index));
    events.push({
      timeNs,
      offsetNs: timeNs === 0n ? undefined : Number(timeNs - spanStartNs),
      name: stringAt(names, index),
      attributes: readKeyValueList(bytesAt(attributes, index)),
      droppedAttributesCount: Number(scalarAt(dropped, index)),
    });
  }
  return events;
}

function linksOf(block: NativeBlock, at: number): SpanLink[] {
  const traceIds = columnOf(block, 'link_trace_id', 'array');
  const elementsOf = (name: string): NativeColumn => columnOf(block, name, 'array').elements;
  const links: SpanLink[] = [];
  for (let index = startOf(traceIds.ends, at); index < traceIds.ends[at]!; index++) {
    links.push({
      traceId: hexAt(traceIds.elements, index),
      spanId: hexAt(elementsOf('link_span_id'), index),
      traceState: stringAt(elementsOf('link_trace_state'), index),
      flags: Number(scalarAt(elementsOf('link_flags'), index)),
      attributes: readKeyValueList(bytesAt(elementsOf('link_attributes'), index)),
      droppedAttributesCount: Number(scalarAt(elementsOf('link_dropped_attributes_count'), index)),
    });
  }
  return links;
}

function startOf(ends: Uint32Array, at: number): number {
  return at === 0 ? 0 : ends[at - 1]!;
}
