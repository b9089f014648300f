import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';

// A process of its own: makes spans at a steady rate, as an HTTP server's spans look, then ends in an orderly way.
//
//   node app.js clew|official SPANS_PER_SECOND SECONDS

const [, , sdk, rate, seconds] = process.argv;
const spansPerMs = Number(rate) / 1_000;

// Each process loads the SDK that it measures and not the other. Both have their defaults; the official one is set up as
// its documentation says. The endpoint comes from OTEL_* variables.
async function start(): Promise<{ shutdown(): Promise<void> }> {
  if (sdk === 'clew') return (await import('@clew/sdk')).startTracing();
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  provider.register();
  return provider;
}

const tracing = await start();
const tracer = trace.getTracer('load');
const startMs = performance.now();
let made = 0;
let peakMiB = 0;
for (;;) {
  const elapsedMs = performance.now() - startMs;
  const due = Math.min(elapsedMs, Number(seconds) * 1_000) * spansPerMs;
  for (; made < due; made++) {
    const span = tracer.startSpan('GET /orders/:id', {
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/orders/:id',
        'url.path': `/orders/${made}`,
        'server.address': 'shop.example',
        'server.port': 8080,
      },
    });
    span.setAttribute('http.response.status_code', 200);
    span.end();
  }
  peakMiB = Math.max(peakMiB, process.memoryUsage.rss() / 1_048_576);
  if (elapsedMs >= Number(seconds) * 1_000) break;
  await sleep(5);
}
await tracing.shutdown();
process.send?.({ made, peakMiB });
process.disconnect?.();
