package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// recordingClient prints what it passes on.
type recordingClient struct{ otlptrace.Client }

func (client recordingClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	if err := printRequest(&collector.ExportTraceServiceRequest{ResourceSpans: spans}); err != nil {
		return err
	}
	return client.Client.UploadTraces(ctx, spans)
}

func newClient(protocol, compression, endpoint string) otlptrace.Client {
	if protocol == "grpc" {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(endpoint), otlptracegrpc.WithInsecure()}
		if compression == "gzip" {
			options = append(options, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.NewClient(options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(endpoint)}
	if compression == "gzip" {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.NewClient(options...)
}

// exportSpans makes spans with all that a span can have in OpenTelemetry's Go SDK, and sends them.
func exportSpans(ctx context.Context, protocol, compression, endpoint string) error {
	exporter, err := otlptrace.New(ctx, recordingClient{newClient(protocol, compression, endpoint)})
	if err != nil {
		return err
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = 14
	limits.LinkCountLimit = 2
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "orders"),
			attribute.Int("process.pid", 4711),
			attribute.Float64("ratio", 0.25),
			attribute.Bool("spot", true),
		)),
	)
	makeSpans(ctx, provider.Tracer(
		"checkout",
		trace.WithInstrumentationVersion("1.2.3"),
		trace.WithInstrumentationAttributes(attribute.String("team", "cart")),
	))
	return provider.Shutdown(ctx)
}

func makeSpans(ctx context.Context, tracer trace.Tracer) {
	state, _ := trace.ParseTraceState("vendor=a,other=b")
	caller := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    newTraceID(),
		SpanID:     trace.SpanID{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31},
		TraceFlags: trace.FlagsSampled,
		TraceState: state,
		Remote:     true,
	})
	links := []trace.Link{
		{SpanContext: caller, Attributes: []attribute.KeyValue{attribute.String("why", "retry"), attribute.Int("attempt", 2)}},
		{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: newTraceID(), SpanID: trace.SpanID{1}})},
		{SpanContext: caller},
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	ctx, root := tracer.Start(ctx, "POST /checkout/:id", trace.WithSpanKind(trace.SpanKindServer), trace.WithLinks(links...))
	root.SetAttributes(
		attribute.String("text", "Grüße, 世界 🧶"),
		attribute.String("empty", ""),
		attribute.Int64("whole", 42),
		attribute.Int64("largest", 1<<63-1),
		attribute.Int64("smallest", -1<<63),
		attribute.Float64("double", 2),
		attribute.Float64("fraction", 0.1),
		attribute.Bool("yes", true),
		attribute.Bool("no", false),
		attribute.StringSlice("strings", []string{"a", "", "ü"}),
		attribute.Int64Slice("ints", []int64{1, -2}),
		attribute.Float64Slice("doubles", []float64{1, 2.5}),
		attribute.BoolSlice("booleans", []bool{true, false}),
		attribute.String("long", strings.Repeat("x", 70_000)),
		attribute.String("over", "dropped"),
	)
	root.AddEvent(
		"cache.miss",
		trace.WithAttributes(attribute.String("key", "cart:7"), attribute.Int("size", 3)),
		trace.WithTimestamp(time.Unix(1_800_000_000, 123_456_789)),
	)
	root.RecordError(errors.New("no stock"))
	root.SetStatus(codes.Error, "out of stock: Ü")
	for _, kind := range []trace.SpanKind{
		trace.SpanKindInternal, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer,
	} {
		_, child := tracer.Start(ctx, fmt.Sprintf("kind %v", kind), trace.WithSpanKind(kind))
		if kind == trace.SpanKindClient {
			child.SetStatus(codes.Ok, "")
		}
		child.End()
	}
	root.End()
}
