import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { propagation, trace } from '@opentelemetry/api';

createServer(async (_request, response) => {
  const span = trace.getActiveSpan();
  span?.setAttribute('component', 'http-server');
  await trace.getTracer('hello').startActiveSpan('work', (work) => sleep(100).finally(() => work.end()));
  const userId = propagation.getActiveBaggage()?.getEntry('user-id')?.value ?? 'unknown';
  const { traceId, spanId } = span?.spanContext() ?? {};
  console.log(`User ID: ${userId} trace_id=${traceId} span_id=${spanId}`);
  response.end('Hello from my-service!\n');
}).listen(Number(process.env.PORT ?? 3000));
