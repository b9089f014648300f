// Exports spans with OpenTelemetry's Go SDK, and posts a batch with Jaeger's own client:
//
//	conformance grpc|http none|gzip ENDPOINT
//	conformance jaeger HOST:PORT
//
// Prints each ExportTraceServiceRequest that was sent, or should have the same effect, as JSON, one a line, as
// protobuf's own library writes it.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// The SDK reports a failed export here and nowhere else.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(fail))
	if err := run(ctx, os.Args[1:]); err != nil {
		fail(err)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "jaeger":
		return postBatch(ctx, args[1])
	case len(args) == 3:
		return exportSpans(ctx, args[0], args[1], args[2])
	}
	return fmt.Errorf("%d arguments, not 2 or 3", len(args))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func printRequest(request proto.Message) error {
	line, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(request)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

func newTraceID() trace.TraceID {
	var id trace.TraceID
	rand.Read(id[:])
	return id
}
