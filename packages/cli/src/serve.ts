import { CliError } from './cli-error.ts';
import { print } from './output.ts';

/** Runs the server until SIGINT or SIGTERM, then closes it: what was acknowledged is on disk. */
export async function runServe(flags: Record<string, unknown>): Promise<void> {
  const { ClewError, loadConfig, startServer } = await import('@clew/server');
  // Listened for before the start: a signal that comes during it must not leave an engine behind.
  const stopSignal = waitForStopSignal();
  try {
    const server = await startServer(loadConfig({ flags, env: process.env }));
    const addresses = [
      `  UI and API  ${server.uiUrl}`,
      `  OTLP/HTTP   ${server.otlpUrl}`,
      `  OTLP/gRPC   ${server.otlpGrpcUrl}`,
      `  Zipkin      ${server.zipkinUrl}`,
      `  Jaeger      ${server.jaegerUrl}`,
      `  Jaeger gRPC ${server.jaegerGrpcUrl}`,
      ...(server.healthUrl === undefined ? [] : [`  Health      ${server.healthUrl}`]),
    ];
    print(`Clew is ready\n${addresses.join('\n')}\n`);
    await stopSignal;
    await server.close();
  } catch (error) {
    // Anything else is a bug and keeps its stack.
    throw error instanceof ClewError ? new CliError(`${error.message} (${error.code})`) : error;
  }
  // A second signal, or a handle that somebody left open, must not keep a closed server's process alive.
  process.exit(0);
}

function waitForStopSignal(): Promise<void> {
  return new Promise((resolve) => {
    // Listening on, not once: npm and a terminal both send Ctrl-C, and the second would kill a server that is closing.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}
