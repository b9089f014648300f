import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { startChild } from '../child.js';

export interface Tracer {
  readonly name: string;
  /** Arguments of node in front of the app. */
  readonly args: readonly string[];
  /** Whether it exports OTLP, so that its spans can be counted and compared. */
  readonly isOtlp: boolean;
}

/** The app alone, and what is measured side by side. */
export const tracers: readonly Tracer[] = [
  { name: 'bare', args: [], isOtlp: false },
  { name: 'clew', args: ['--import', import.meta.resolve('@clew/sdk/register')], isOtlp: true },
  { name: 'official', args: ['--import', join(import.meta.dirname, 'official.js')], isOtlp: true },
  { name: 'dd-trace', args: ['--import', import.meta.resolve('dd-trace/initialize.mjs')], isOtlp: false },
];

/** Starts the app under a tracer. All of them send as often, in batches of the same size. */
export function startApp(tracer: Tracer, node: string, collectorUrl: string, env: NodeJS.ProcessEnv): ChildProcess {
  return startChild(join(import.meta.dirname, 'app.js'), {
    node,
    nodeArgs: tracer.args,
    env: {
      OTEL_SERVICE_NAME: 'bench',
      OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
      OTEL_BSP_SCHEDULE_DELAY: '1000',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '512',
      DD_TRACE_AGENT_URL: collectorUrl,
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
      DD_REMOTE_CONFIGURATION_ENABLED: 'false',
      ...env,
    },
  });
}
