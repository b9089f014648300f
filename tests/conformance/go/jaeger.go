package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

// postBatch sends a batch with Jaeger's own client, and prints what the OpenTelemetry Collector makes of it.
func postBatch(ctx context.Context, address string) error {
	batch := newBatch()
	translated, err := jaeger.ProtoToTraces([]*model.Batch{batch})
	if err != nil {
		return err
	}
	bytes, err := ptraceotlp.NewExportRequestFromTraces(translated).MarshalProto()
	if err != nil {
		return err
	}
	request := &collector.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(bytes, request); err != nil {
		return err
	}
	if err := printRequest(request); err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	// The translation takes tags out of the batch that it was given.
	_, err = api_v2.NewCollectorServiceClient(connection).PostSpans(ctx, &api_v2.PostSpansRequest{Batch: *newBatchOf(batch)})
	return err
}

// newBatchOf is newBatch with the ids of another one.
func newBatchOf(batch *model.Batch) *model.Batch {
	return makeBatch(batch.Spans[0].TraceID)
}

func newBatch() *model.Batch {
	var id [16]byte
	rand.Read(id[:])
	return makeBatch(model.NewTraceID(binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])))
}

func makeBatch(traceID model.TraceID) *model.Batch {
	start := time.Unix(1_790_000_000, 123_456_789).UTC()
	tags := model.KeyValues{
		model.String("text", "Grüße, 世界 🧶"),
		model.String("empty", ""),
		model.Int64("largest", 1<<63-1),
		model.Int64("smallest", -1<<63),
		model.Float64("double", 2),
		model.Float64("fraction", 0.1),
		model.Bool("yes", true),
		model.Bool("no", false),
		model.Binary("bytes", []byte{0, 1, 255}),
	}
	root := &model.Span{
		TraceID:       traceID,
		SpanID:        model.NewSpanID(1),
		OperationName: "POST /checkout",
		Flags:         model.Flags(1),
		StartTime:     start,
		Duration:      1500 * time.Millisecond,
		Tags: append(tags,
			model.String("span.kind", "server"),
			model.Bool("error", true),
			model.String("otel.status_description", "out of stock"),
			model.String("otel.scope.name", "checkout"),
			model.String("otel.scope.version", "1.2.3"),
			model.String("w3c.tracestate", "vendor=a"),
		),
		Logs: []model.Log{
			{Timestamp: start.Add(time.Millisecond), Fields: []model.KeyValue{
				model.String("event", "cache.miss"), model.String("key", "cart:7"), model.Int64("size", 3),
			}},
			{Timestamp: start, Fields: []model.KeyValue{model.String("message", "unnamed")}},
		},
	}
	other := model.NewTraceID(7, 8)
	child := &model.Span{
		TraceID:       traceID,
		SpanID:        model.NewSpanID(2),
		OperationName: "charge",
		References: []model.SpanRef{
			model.NewFollowsFromRef(traceID, model.NewSpanID(3)),
			model.NewChildOfRef(traceID, root.SpanID),
			model.NewChildOfRef(other, model.NewSpanID(9)),
		},
		StartTime: start,
		Tags:      []model.KeyValue{model.String("span.kind", "client"), model.String("otel.status_code", "OK")},
	}
	elsewhere := &model.Span{
		TraceID:       traceID,
		SpanID:        model.NewSpanID(4),
		OperationName: "pay",
		References:    []model.SpanRef{model.NewChildOfRef(traceID, child.SpanID)},
		StartTime:     start,
		Duration:      time.Nanosecond,
		Process:       model.NewProcess("payments", []model.KeyValue{model.String("hostname", "b")}),
	}
	process := model.NewProcess("orders", []model.KeyValue{model.String("hostname", "a"), model.Int64("pid", 4711)})
	return &model.Batch{Spans: []*model.Span{root, child, elsewhere}, Process: process}
}
