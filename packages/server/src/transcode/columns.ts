import {
  type ColumnWriter,
  FixedColumnWriter,
  LowCardinalityColumnWriter,
  NestedColumnWriter,
  StringColumnWriter,
} from '@clew/wire';

/*
 * The columns of a block, by the names and types of store/migrations/*.sql. The engine matches them by name; a test
 * inserts every column into the real tables.
 */

type ArrayColumn<Element extends ColumnWriter> = NestedColumnWriter<[Element]>;
type MapColumn<Value extends ColumnWriter> = NestedColumnWriter<[LowCardinalityColumnWriter, Value]>;

const uint8 = (): FixedColumnWriter => new FixedColumnWriter('UInt8', 1);
const uint32 = (): FixedColumnWriter => new FixedColumnWriter('UInt32', 4);
const int64 = (): FixedColumnWriter => new FixedColumnWriter('Int64', 8);
const uint64 = (): FixedColumnWriter => new FixedColumnWriter('UInt64', 8);
const bool = (): FixedColumnWriter => new FixedColumnWriter('Bool', 1);
const double = (): FixedColumnWriter => new FixedColumnWriter('Float64', 8);
const time = (): FixedColumnWriter => new FixedColumnWriter("DateTime64(9, 'UTC')", 8);
const traceId = (): FixedColumnWriter => new FixedColumnWriter('FixedString(16)', 16);
const spanId = (): FixedColumnWriter => new FixedColumnWriter('FixedString(8)', 8);
const string = (): StringColumnWriter => new StringColumnWriter();
const lowCardinality = (): LowCardinalityColumnWriter => new LowCardinalityColumnWriter();

const array = <Element extends ColumnWriter>(element: Element): ArrayColumn<Element> =>
  new NestedColumnWriter('Array', element);
const map = <Value extends ColumnWriter>(value: Value): MapColumn<Value> =>
  new NestedColumnWriter('Map', lowCardinality(), value);

/** Attributes by type: one Map a scalar type, and one for all that is not a scalar. */
export class AttributeColumns {
  readonly attr_string: MapColumn<StringColumnWriter> = map(string());
  readonly attr_int: MapColumn<FixedColumnWriter> = map(int64());
  readonly attr_double: MapColumn<FixedColumnWriter> = map(double());
  readonly attr_bool: MapColumn<FixedColumnWriter> = map(bool());
  readonly attr_other: MapColumn<StringColumnWriter> = map(string());
}

export class SpanColumns extends AttributeColumns {
  readonly trace_id: FixedColumnWriter = traceId();
  readonly span_id: FixedColumnWriter = spanId();
  readonly parent_span_id: FixedColumnWriter = spanId();
  readonly trace_state: StringColumnWriter = string();
  readonly flags: FixedColumnWriter = uint32();
  readonly name: LowCardinalityColumnWriter = lowCardinality();
  readonly kind: FixedColumnWriter = uint8();
  readonly start: FixedColumnWriter = time();
  readonly duration_ns: FixedColumnWriter = int64();
  readonly status_code: FixedColumnWriter = uint8();
  readonly status_message: StringColumnWriter = string();
  readonly service: LowCardinalityColumnWriter = lowCardinality();
  readonly resource_hash: FixedColumnWriter = uint64();
  readonly scope_name: LowCardinalityColumnWriter = lowCardinality();
  readonly scope_version: LowCardinalityColumnWriter = lowCardinality();
  readonly scope_attributes: LowCardinalityColumnWriter = lowCardinality();
  readonly scope_dropped_attributes_count: FixedColumnWriter = uint32();
  readonly scope_schema_url: LowCardinalityColumnWriter = lowCardinality();
  readonly dropped_attributes_count: FixedColumnWriter = uint32();
  readonly event_time: ArrayColumn<FixedColumnWriter> = array(time());
  readonly event_name: ArrayColumn<LowCardinalityColumnWriter> = array(lowCardinality());
  readonly event_attributes: ArrayColumn<StringColumnWriter> = array(string());
  readonly event_dropped_attributes_count: ArrayColumn<FixedColumnWriter> = array(uint32());
  readonly dropped_events_count: FixedColumnWriter = uint32();
  readonly link_trace_id: ArrayColumn<FixedColumnWriter> = array(traceId());
  readonly link_span_id: ArrayColumn<FixedColumnWriter> = array(spanId());
  readonly link_trace_state: ArrayColumn<StringColumnWriter> = array(string());
  readonly link_flags: ArrayColumn<FixedColumnWriter> = array(uint32());
  readonly link_attributes: ArrayColumn<StringColumnWriter> = array(string());
  readonly link_dropped_attributes_count: ArrayColumn<FixedColumnWriter> = array(uint32());
  readonly dropped_links_count: FixedColumnWriter = uint32();
}

export class ResourceColumns extends AttributeColumns {
  readonly resource_hash: FixedColumnWriter = uint64();
  readonly service: LowCardinalityColumnWriter = lowCardinality();
  readonly attributes: StringColumnWriter = string();
  readonly schema_url: LowCardinalityColumnWriter = lowCardinality();
  readonly dropped_attributes_count: FixedColumnWriter = uint32();
}
