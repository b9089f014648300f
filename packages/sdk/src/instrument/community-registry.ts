/** What became of one instrumentation. */
export interface InstrumentationEntry {
  /** The short name, as the `OTEL_NODE_…_INSTRUMENTATIONS` variables have it: `pg`. */
  readonly name: string;
  /** The package that does it: `@opentelemetry/instrumentation-pg`, or `@clew/sdk` for what we do ourselves. */
  readonly package: string;
  /**
   * `waiting`: found, and the app has not loaded the library. `enabled`: the library is traced. `off`: turned off by a
   * variable or an option. `failed`: found, and not traced all the same; `reason` says why.
   */
  readonly state: 'waiting' | 'enabled' | 'off' | 'failed';
  readonly reason?: string;
}

// Shared by all copies of this module in a process: what `register` starts and what the app imports may be two.
const entriesKey = Symbol.for('clew.sdk.instrumentations');
const processWide = globalThis as { [entriesKey]?: Map<string, InstrumentationEntry> };
processWide[entriesKey] ??= new Map();
const entries = processWide[entriesKey];

/** Notes the newest state of an instrumentation. */
export function noteInstrumentation(entry: InstrumentationEntry): void {
  entries.set(entry.package === '@clew/sdk' ? entry.name : entry.package, entry);
}

/** What was found in the app and what became of it, in the order in which it was found. */
export function instrumentationReport(): readonly InstrumentationEntry[] {
  return [...entries.values()];
}

/** Forgets everything: tracing was shut down. */
export function clearInstrumentationReport(): void {
  entries.clear();
}
