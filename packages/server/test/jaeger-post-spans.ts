import protobuf from 'protobufjs';

export const postSpansPath = '/jaeger.api_v2.CollectorService/PostSpans';

// Jaeger's messages for a serializer that is not ours: the fields of jaeger-idl, proto/api_v2.
const { root } = protobuf.parse(
  `syntax = "proto3";
  message Time { int64 seconds = 1; int32 nanos = 2; }
  message KeyValue {
    string key = 1; int32 v_type = 2; string v_str = 3; bool v_bool = 4; int64 v_int64 = 5; double v_float64 = 6;
    bytes v_binary = 7;
  }
  message Log { Time timestamp = 1; repeated KeyValue fields = 2; }
  message SpanRef { bytes trace_id = 1; bytes span_id = 2; int32 ref_type = 3; }
  message Process { string service_name = 1; repeated KeyValue tags = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string operation_name = 3; repeated SpanRef references = 4; uint32 flags = 5;
    Time start_time = 6; Time duration = 7; repeated KeyValue tags = 8; repeated Log logs = 9; Process process = 10;
    string process_id = 11; repeated string warnings = 12;
  }
  message Batch { repeated Span spans = 1; Process process = 2; }
  message PostSpansRequest { Batch batch = 1; }`,
  { keepCase: true },
);

const type = root.lookupType('PostSpansRequest');

/** Bytes of a PostSpansRequest; ids are buffers, field names those of the .proto files. */
export function encodePostSpans(batch: object): Uint8Array {
  return type.encode(type.fromObject({ batch })).finish();
}
