/** Variables of other parts of Clew, which may be set for the same process: they are no mistakes of a server's settings. */
const otherVariables: ReadonlySet<string> = new Set([
  // The command line.
  'CLEW_URL',
  'CLEW_TOKEN',
  // The SDK, docs/sdk.md: a server that traces itself has them.
  'CLEW_BAGGAGE_ATTRIBUTES',
  'CLEW_BAGGAGE_HOSTS',
  'CLEW_DOCTOR_DIR',
  'CLEW_FLUSH_TIMEOUT',
  'CLEW_LOG_CORRELATION',
  'CLEW_MAX_QUEUE_BYTES',
  'CLEW_OVERFLOW_DIR',
  'CLEW_OVERFLOW_MAX_BYTES',
  'CLEW_REDACTED_QUERY_PARAMETERS',
  'CLEW_REPORT_RUNNING_AFTER',
  'CLEW_RESPONSE_HEADERS',
  'CLEW_SAMPLING_RULES',
  // The tests of this repository.
  'CLEW_CHROMIUM',
  'CLEW_FAULT_MUTATIONS',
  'CLEW_FAULT_ROUNDS',
  'CLEW_FAULT_SECONDS',
  'CLEW_FAULT_SEED',
  'CLEW_FAULT_TRACE_SPANS',
  'CLEW_GO_ABSENT',
  'CLEW_GO_CLIENT',
  'CLEW_JAVA_ABSENT',
  'CLEW_JAVA_LIBRARIES',
  'CLEW_POSTGRES',
  'CLEW_PYTHON_ABSENT',
  'CLEW_PYTHON_PACKAGES',
  'CLEW_RABBITMQ_SERVER',
  'CLEW_REDIS_SERVER',
]);

export type Environment = Readonly<Record<string, string | undefined>>;

/** The set variables that begin with `CLEW_` and that nothing of Clew reads: most likely misspelt. */
export function listUnknownVariables(env: Environment, known: ReadonlySet<string>): readonly string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('CLEW_') && env[name] !== undefined)
    .filter((name) => !known.has(name) && !otherVariables.has(name) && !isServiceLink(name, env[name]!))
    .sort();
}

/**
 * Kubernetes sets variables for every service of the namespace in every container. For a service that is named `clew`:
 *
 * ```
 * CLEW_SERVICE_HOST  CLEW_SERVICE_PORT  CLEW_SERVICE_PORT_OTLP  CLEW_PORT=tcp://10.0.0.7:4318  CLEW_PORT_4318_TCP_ADDR
 * ```
 */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_\w+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}
