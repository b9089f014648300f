export interface Scenario {
  readonly name: string;
  readonly spansPerRequest: number;
  readonly env: (collectorUrl: string) => NodeJS.ProcessEnv;
}

const unsampled = { OTEL_TRACES_SAMPLER: 'always_off', DD_TRACE_SAMPLE_RATE: '0' };

/** The server's span alone, and with one fetch out of it; both recorded, and both refused by the sampler. */
export const scenarios: readonly Scenario[] = [
  { name: 'recorded', spansPerRequest: 1, env: () => ({}) },
  { name: 'unsampled', spansPerRequest: 0, env: () => unsampled },
  { name: 'recorded+fetch', spansPerRequest: 2, env: (url) => ({ OUTGOING_URL: `${url}/ping` }) },
  { name: 'unsampled+fetch', spansPerRequest: 0, env: (url) => ({ ...unsampled, OUTGOING_URL: `${url}/ping` }) },
];
