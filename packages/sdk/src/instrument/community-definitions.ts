import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { createRequire } from '../app-require.ts';
import type { InstrumentationPackage } from './community-packages.ts';

/** A file of a library that `@opentelemetry/instrumentation` patches; `moduleExports` is filled in when that is loaded. */
export interface FileDefinition {
  /** `graphql/execution/execute.js`; of a module definition, what is imported: `graphql`. */
  readonly name?: string;
  readonly moduleExports?: unknown;
  patch?: (exports: unknown, version?: string) => unknown;
}

/** What `@opentelemetry/instrumentation` says of one module that it patches. */
export interface ModuleDefinition extends FileDefinition {
  readonly supportedVersions?: readonly string[];
  readonly moduleVersion?: string;
  readonly files?: readonly FileDefinition[];
}

export interface Instrumentation {
  setTracerProvider(provider: TracerProvider): void;
  setMeterProvider?(provider: MeterProvider): void;
  disable(): void;
  readonly _modules?: readonly ModuleDefinition[];
}

type InstrumentationClass = new (config: object) => Instrumentation;

/**
 * Loads the package, and makes one of each of its instrumentations.
 *
 * @throws {Error} what loading it throws; or when there is none in it.
 */
export function createInstrumentations({ name, from }: InstrumentationPackage, config: object): Instrumentation[] {
  const exports = createRequire(from)(name) as Record<string, unknown>;
  const classes = new Set(Object.values(exports).filter(isInstrumentationClass));
  if (classes.size === 0) throw new Error('it exports no instrumentation');
  return [...classes].map((Instrumentation) => new Instrumentation(config));
}

function isInstrumentationClass(value: unknown): value is InstrumentationClass {
  if (typeof value !== 'function' || !value.name.endsWith('Instrumentation')) return false;
  const prototype = value.prototype as Partial<Record<'setTracerProvider' | 'disable', unknown>> | undefined;
  return typeof prototype?.setTracerProvider === 'function' && typeof prototype.disable === 'function';
}

/** The definitions of instrumentations, and of those that they consist of, as the one for redis does. */
export function definitionsOf(instrumentations: readonly Instrumentation[]): ModuleDefinition[] {
  return instrumentations.flatMap((instrumentation) => {
    const parts = Object.values(instrumentation).flatMap(
      (value) => (value as Partial<Instrumentation> | null | undefined)?._modules ?? [],
    );
    return [...(instrumentation._modules ?? []), ...parts];
  });
}
