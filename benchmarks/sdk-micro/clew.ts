import { encodeResource, encodeScope } from '@clew/wire';
import { context, propagation } from '@opentelemetry/api';
import { measureCases } from './cases.js';

// What `startTracing` puts together, without the exporter that would send the bytes: insides, which the package does not
// export.
const sdk = new URL('../../../packages/sdk/dist/', import.meta.url);
const load = <Module>(path: string): Promise<Module> => import(new URL(path, sdk).href) as Promise<Module>;
type Context = typeof import('../../packages/sdk/dist/context/context-manager.js');
type Propagators = typeof import('../../packages/sdk/dist/propagate/from-environment.js');
type Samplers = typeof import('../../packages/sdk/dist/sample/always-samplers.js');
type Buffer = typeof import('../../packages/sdk/dist/record/span-buffer.js');
type Limits = typeof import('../../packages/sdk/dist/record/span-limits.js');
type Tracers = typeof import('../../packages/sdk/dist/record/tracer.js');
const { AsyncContextManager } = await load<Context>('context/context-manager.js');
const { propagatorFromEnvironment } = await load<Propagators>('propagate/from-environment.js');
const { AlwaysOffSampler, AlwaysOnSampler } = await load<Samplers>('sample/always-samplers.js');
const { SpanBuffer } = await load<Buffer>('record/span-buffer.js');
const { spanLimitsFromEnvironment } = await load<Limits>('record/span-limits.js');
const { ClewTracer } = await load<Tracers>('record/tracer.js');

context.setGlobalContextManager(new AsyncContextManager());
propagation.setGlobalPropagator(propagatorFromEnvironment());
const buffer = new SpanBuffer({
  resource: encodeResource(['service.name', 'bench']),
  maxBatchBytes: Number.POSITIVE_INFINITY,
  maxBatchSpans: Number.POSITIVE_INFINITY,
  onFirstSpan: () => undefined,
  onFull: () => undefined,
});
const sink = buffer.addScope(encodeScope('bench', '', [], ''));
const limits = spanLimitsFromEnvironment();
const costs = measureCases({
  tracer: new ClewTracer({ sampler: new AlwaysOnSampler(), limits }, sink),
  unsampled: new ClewTracer({ sampler: new AlwaysOffSampler(), limits }, sink),
  encodeEnded: () => void buffer.take(),
});
process.send?.(costs, () => process.disconnect());
