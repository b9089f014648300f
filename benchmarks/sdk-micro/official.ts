import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  AlwaysOffSampler,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { measureCases } from './cases.js';

// The official SDK as its documentation sets it up, with a processor that keeps what has ended until it is encoded.
let ended: ReadableSpan[] = [];
const keeping: SpanProcessor = {
  onStart: () => undefined,
  onEnd: (span) => void ended.push(span),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const provider = new NodeTracerProvider({ spanProcessors: [keeping] });
provider.register();
const unsampled = new NodeTracerProvider({ sampler: new AlwaysOffSampler(), spanProcessors: [keeping] });
const costs = measureCases({
  tracer: provider.getTracer('bench'),
  unsampled: unsampled.getTracer('bench'),
  encodeEnded: () => {
    ProtobufTraceSerializer.serializeRequest(ended);
    ended = [];
  },
});
process.send?.(costs, () => process.disconnect());
