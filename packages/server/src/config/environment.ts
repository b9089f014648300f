import { suggestName } from './nearest-name.ts';

/** Variables of other parts of Clew, which may be set for the same process: they are no mistakes of a server's settings. */
const otherVariables: readonly string[] = [
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
];

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What is wrong with the environment and keeps nothing from starting: variables that begin with `CLEW_` and that nothing of
 * Clew reads, most likely misspelt, and those of settings that Kubernetes has set.
 * @param known the variables of the settings
 */
export function findWarnings(env: Environment, known: readonly string[]): readonly string[] {
  const all = [...known, ...otherVariables];
  const names = Object.keys(env).filter((name) => name.startsWith('CLEW_') && env[name] !== undefined);
  return names.sort().flatMap((name) => {
    const value = env[name]!;
    if (!isServiceLink(name, value)) return all.includes(name) ? [] : [warnOfUnknown(name, all)];
    return known.includes(name) ? [warnOfServiceLink(name, value)] : [];
  });
}

function warnOfUnknown(name: string, known: readonly string[]): string {
  return `The variable ${name} is set, but nothing reads it. ${suggestName(name, known)}`;
}

function warnOfServiceLink(name: string, value: string): string {
  const service = name.slice(0, -'_PORT'.length).toLowerCase().replaceAll('_', '-');
  return `The variable ${name} is ${JSON.stringify(value)}, which Kubernetes sets for a service named ${service}; it is ignored. Set enableServiceLinks: false in the pod, or rename the service.`;
}

/**
 * Whether Kubernetes has set the variable, as it does for every service of the namespace in every container. For a service
 * that is named `clew`:
 *
 * ```
 * CLEW_SERVICE_HOST  CLEW_SERVICE_PORT  CLEW_SERVICE_PORT_OTLP  CLEW_PORT=tcp://10.0.0.7:4318  CLEW_PORT_4318_TCP_ADDR
 * ```
 */
export function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_\w+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}
