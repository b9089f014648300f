import type { ProtobufReader } from '@clew/wire';
import type { KeyValueListBytes, MessagePositions } from './attributes.ts';
import type { SpanColumns } from './columns.ts';
import { isId } from './ids.ts';

/**
 * Appends the events of one span.
 *
 * ```
 * Event  1 time fixed64 · 2 name · 3 KeyValue* · 4 dropped
 * ```
 */
export function appendEvents(
  reader: ProtobufReader,
  columns: SpanColumns,
  { positions, length }: MessagePositions,
  list: KeyValueListBytes,
): void {
  const { event_time, event_name, event_attributes, event_dropped_attributes_count } = columns;
  for (let i = 0; i < length; i += 2) {
    const start = positions[i]!;
    const end = positions[i + 1]!;
    list.copy(reader, start, end, 0x1a);
    let timeLow = 0;
    let timeHigh = 0;
    let nameStart = 0;
    let nameEnd = 0;
    let dropped = 0;
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x09) {
        timeLow = reader.readFixed64(end);
        timeHigh = reader.high;
      } else if (tag === 0x12) {
        nameEnd = reader.readLength(end);
        nameStart = reader.position;
        reader.position = nameEnd;
      } else if (tag === 0x20) dropped = reader.readVarint32(end);
      else reader.skip(tag, end);
    }
    event_time.elements[0].append64(timeLow, timeHigh);
    event_name.elements[0].append(reader.bytes, nameStart, nameEnd);
    list.appendTo(event_attributes.elements[0]);
    event_dropped_attributes_count.elements[0].append32(dropped);
  }
  const count = length / 2;
  event_time.appendRow(count);
  event_name.appendRow(count);
  event_attributes.appendRow(count);
  event_dropped_attributes_count.appendRow(count);
}

/**
 * Appends the links of one span.
 *
 * ```
 * Link  1 trace_id · 2 span_id · 3 trace_state · 4 KeyValue* · 5 dropped · 6 flags fixed32
 * ```
 *
 * @returns how many were left out because their ids are none: they point nowhere.
 */
export function appendLinks(
  reader: ProtobufReader,
  columns: SpanColumns,
  { positions, length }: MessagePositions,
  list: KeyValueListBytes,
): number {
  const { bytes } = reader;
  let count = 0;
  for (let i = 0; i < length; i += 2) {
    const start = positions[i]!;
    const end = positions[i + 1]!;
    list.copy(reader, start, end, 0x22);
    let traceIdStart = 0;
    let traceIdEnd = 0;
    let spanIdStart = 0;
    let spanIdEnd = 0;
    let stateStart = 0;
    let stateEnd = 0;
    let dropped = 0;
    let flags = 0;
    reader.position = start;
    while (reader.position < end) {
      const tag = reader.readVarint32(end);
      if (tag === 0x0a || tag === 0x12 || tag === 0x1a) {
        const fieldEnd = reader.readLength(end);
        if (tag === 0x0a) {
          traceIdStart = reader.position;
          traceIdEnd = fieldEnd;
        } else if (tag === 0x12) {
          spanIdStart = reader.position;
          spanIdEnd = fieldEnd;
        } else {
          stateStart = reader.position;
          stateEnd = fieldEnd;
        }
        reader.position = fieldEnd;
      } else if (tag === 0x28) dropped = reader.readVarint32(end);
      else if (tag === 0x35) flags = reader.readFixed32(end);
      else reader.skip(tag, end);
    }
    if (!isId(bytes, traceIdStart, traceIdEnd, 16) || !isId(bytes, spanIdStart, spanIdEnd, 8)) continue;
    columns.link_trace_id.elements[0].appendBytes(bytes, traceIdStart);
    columns.link_span_id.elements[0].appendBytes(bytes, spanIdStart);
    columns.link_trace_state.elements[0].append(bytes, stateStart, stateEnd);
    columns.link_flags.elements[0].append32(flags);
    list.appendTo(columns.link_attributes.elements[0]);
    columns.link_dropped_attributes_count.elements[0].append32(dropped);
    count++;
  }
  columns.link_trace_id.appendRow(count);
  columns.link_span_id.appendRow(count);
  columns.link_trace_state.appendRow(count);
  columns.link_flags.appendRow(count);
  columns.link_attributes.appendRow(count);
  columns.link_dropped_attributes_count.appendRow(count);
  return length / 2 - count;
}
