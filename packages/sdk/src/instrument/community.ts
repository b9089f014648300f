import { syncBuiltinESMExports } from 'node:module';
import type { TracerProvider } from '@opentelemetry/api';
import { createRequire } from '../app-require.ts';
import { writeNotice } from '../notice.ts';
import { replaceMethod } from '../replace-method.ts';
import { hookLibraryImports, type InstrumentedLibraries } from './community-import-hook.ts';
import { CommunityInstrumentation } from './community-instrumentation.ts';
import {
  builtinInstrumentations,
  isInstrumentationWanted,
  librariesOf,
  namedInstrumentations,
  neverLoaded,
  unknownDisabledNames,
} from './community-libraries.ts';
import { hookLibraryLoads, type LibraryHook, listLoadedLibraries } from './community-load-hook.ts';
import { findInstrumentationPackages, type InstrumentationPackage, listRoots } from './community-packages.ts';
import { clearInstrumentationReport, noteInstrumentation } from './community-registry.ts';
import { correlateConsole } from './console-logs.ts';
import { type LoggerName, loggerHooks } from './logs.ts';
import { hasModulePackage, isModuleFile } from './module-package.ts';
import type { OwnInstrumentations } from './own-instrumentations.ts';

export interface LibraryOptions {
  readonly tracerProvider: TracerProvider;
  /** The loggers whose lines carry the trace. */
  readonly loggers: readonly LoggerName[];
  /** Ours, which end when the app enables the community's for the same. */
  readonly own: OwnInstrumentations;
}

/**
 * Traces the libraries for which the app has a community instrumentation installed, and correlates its logs. Nothing of
 * that is loaded before the library is.
 *
 * @returns stops it.
 */
export function traceLibraries({ tracerProvider, loggers, own }: LibraryOptions): () => void {
  const active: { found: InstrumentationPackage; libraries: readonly string[] }[] = [];
  const hooks = new Map<string, LibraryHook>();
  const byPackage = new Map<string, CommunityInstrumentation>();
  const found = findInstrumentationPackages();
  for (const each of found) {
    const { shortName, name } = each;
    if (neverLoaded.has(shortName)) continue;
    if (!isInstrumentationWanted(shortName) || isUnwantedLogger(shortName, loggers)) {
      noteInstrumentation({ name: shortName, package: name, state: 'off' });
      continue;
    }
    if (builtinInstrumentations.has(shortName) && !namedInstrumentations().includes(shortName)) continue;
    const libraries = librariesOf(shortName);
    if (libraries.length === 0) continue;
    const instrumentation = new CommunityInstrumentation(each, tracerProvider);
    byPackage.set(name, instrumentation);
    active.push({ found: each, libraries });
    for (const library of libraries) addHook(hooks, library, instrumentation);
    hooks.set(name, { beforeLoad: () => instrumentation.leaveToApp() });
    if (builtinInstrumentations.has(shortName)) enableBuiltin(shortName, instrumentation);
  }
  sayUnknown(new Set(found.map(({ shortName }) => shortName)));
  for (const [logger, hook] of loggerHooks) {
    if (loggers.includes(logger) && isInstrumentationWanted(logger) && !hooks.has(logger)) hooks.set(logger, hook);
  }
  const stopConsole = loggers.includes('console') ? correlateConsole() : undefined;
  failLoaded(hooks);
  const stopLoads = hooks.size === 0 ? undefined : hookLoads(hooks, active);
  const stopWatching = leaveToApp(tracerProvider, byPackage, own);
  return () => {
    stopLoads?.();
    stopWatching();
    stopConsole?.();
    for (const instrumentation of byPackage.values()) instrumentation.disable();
    clearInstrumentationReport();
  };
}

/**
 * Every instrumentation takes a tracer under the name of its package when it is made. One that we have not made is the
 * app's, which may have it from a bundle or an ES module, where no hook sees it loaded.
 */
function leaveToApp(
  provider: TracerProvider,
  byPackage: ReadonlyMap<string, CommunityInstrumentation>,
  own: OwnInstrumentations,
): () => void {
  return replaceMethod(provider, 'getTracer', (getTracer) => {
    return function (this: TracerProvider, name, ...rest) {
      byPackage.get(name)?.leaveToApp();
      own.leaveToApp(name);
      return getTracer.call(this, name, ...rest);
    };
  });
}

/** Imports of ES modules are hooked only when there are any: it makes every module of the app a little slower to load. */
function hookLoads(hooks: ReadonlyMap<string, LibraryHook>, instrumentations: InstrumentedLibraries): () => void {
  const loads = hookLibraryLoads(hooks);
  const libraries = instrumentations.flatMap((each) => each.libraries);
  if (!hasModulePackage(libraries, listRoots()) && !libraries.some(isModuleFile)) return loads.stop;
  const stopImports = hookLibraryImports({ hooks, prepare: loads.prepare, instrumentations });
  return () => {
    stopImports();
    loads.stop();
  };
}

/** One library may have two instrumentations: redis had one for its version 4 alone. */
function addHook(hooks: Map<string, LibraryHook>, library: string, instrumentation: CommunityInstrumentation): void {
  const other = hooks.get(library);
  if (other === undefined) {
    hooks.set(library, instrumentation);
    return;
  }
  hooks.set(library, {
    beforeLoad: () => {
      other.beforeLoad?.();
      instrumentation.beforeLoad();
    },
    modulesToWrap: () => [...(other.modulesToWrap?.() ?? []), ...instrumentation.modulesToWrap()],
    afterImport: () => {
      other.afterImport?.();
      instrumentation.afterImport();
    },
  });
}

function isUnwantedLogger(shortName: string, loggers: readonly LoggerName[]): boolean {
  return loggerHooks.has(shortName as LoggerName) && !loggers.includes(shortName as LoggerName);
}

/** Modules of Node are loaded already: the instrumentation patches them the next time they are required. */
function enableBuiltin(shortName: string, instrumentation: CommunityInstrumentation): void {
  instrumentation.beforeLoad();
  createRequire(process.execPath)(shortName);
  syncBuiltinESMExports();
}

/** What the app loaded before tracing started is not patched any more; said, since nothing else would show it. */
function failLoaded(hooks: ReadonlyMap<string, LibraryHook>): void {
  for (const library of listLoadedLibraries(hooks)) {
    const hook = hooks.get(library);
    if (hook instanceof CommunityInstrumentation) hook.comeTooLate(library);
  }
}

function sayUnknown(found: ReadonlySet<string>): void {
  const disabled = unknownDisabledNames(found);
  if (disabled.length > 0) {
    writeNotice(
      'warn',
      `OTEL_NODE_DISABLED_INSTRUMENTATIONS names ${disabled.join(', ')}, which turns nothing off: short names are needed, ` +
        'such as http, undici, pg or aws-sdk',
    );
  }
  const ours = new Set(['http', 'undici', 'pino', 'winston']);
  const unknown = namedInstrumentations().filter((name) => !found.has(name) && !ours.has(name));
  if (unknown.length === 0) return;
  writeNotice(
    'warn',
    `OTEL_NODE_ENABLED_INSTRUMENTATIONS names ${unknown.join(', ')}, which the app has not installed as ` +
      unknown.map((name) => `@opentelemetry/instrumentation-${name}`).join(', '),
  );
}
