import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRequire } from '../app-require.ts';
import { definitionsOf, type Instrumentation } from './community-definitions.ts';
import type { InstrumentationPackage } from './community-packages.ts';
import { moduleNameOf } from './package-name.ts';

/** The ES modules that an instrumentation patches. */
export interface ModulesToWrap {
  /** What is imported, or is in `node_modules`: `graphql`, `graphql/execution/execute.js`. */
  readonly names: ReadonlySet<string>;
  /** The folder of the copy of import-in-the-middle through which the instrumentation patches them. */
  readonly home: string;
}

/** @returns undefined when it patches nothing, or has no import-in-the-middle, without which it patches no ES module. */
export function findModulesToWrap(
  found: InstrumentationPackage,
  instrumentations: readonly Instrumentation[],
): ModulesToWrap | undefined {
  const definitions = definitionsOf(instrumentations);
  const home = definitions.length === 0 ? undefined : findHome(found);
  if (home === undefined) return undefined;
  const names = definitions.flatMap(({ name, files = [] }) => [name, ...files.map((file) => file.name)]);
  return { names: new Set(names.flatMap((name) => name?.replaceAll('\\', '/') ?? [])), home };
}

function findHome({ name, from }: InstrumentationPackage): string | undefined {
  try {
    const base = createRequire(createRequire(from).resolve(name)).resolve('@opentelemetry/instrumentation');
    return dirname(createRequire(base).resolve('import-in-the-middle'));
  } catch {
    return undefined;
  }
}

/** @returns the folder of the copy that an imported module is to be wrapped by; undefined when it is not to be. */
export function selectCopy(modules: readonly ModulesToWrap[], specifier: string, url: string): string | undefined {
  const path = moduleNameOf(url) ?? '';
  return modules.find(({ names }) => names.has(specifier) || names.has(path))?.home;
}

export type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput;
export type NextLoad = (url: string, context?: Partial<LoadHookContext>) => LoadFnOutput;

/** The hooks of a copy of import-in-the-middle that run on the app's own thread. */
export interface WrappingHooks {
  resolveSync(specifier: string, context: ResolveHookContext, nextResolve: NextResolve): ResolveFnOutput;
  loadSync(url: string, context: LoadHookContext, nextLoad: NextLoad): LoadFnOutput;
}

interface CreateHookModule {
  createHook(meta: { readonly url: string }): WrappingHooks;
  supportsSyncHooks?(): boolean;
}

/**
 * Those of the copy in a folder. Not its `register()`, which works once in a process: the app may need it.
 *
 * @returns undefined when it has none, as those before 3.1, or when they do not work on this version of Node.
 */
export function loadWrappingHooks(home: string): WrappingHooks | undefined {
  try {
    // Required from within node_modules, where Node does not warn of an ES module.
    const { createHook, supportsSyncHooks } = createRequire(join(home, 'index.js'))(
      './create-hook.mjs',
    ) as CreateHookModule;
    if (supportsSyncHooks?.() !== true) return undefined;
    return createHook({ url: pathToFileURL(join(home, 'register-hooks.mjs')).href });
  } catch {
    return undefined;
  }
}

/** Whether this is the URL of a module that import-in-the-middle has put around another. */
export function isWrapped(url: string | undefined): boolean {
  return url !== undefined && /[?&]iitm=/.test(url);
}

/** What a wrapped library calls when it is imported; on `globalThis`, since its code runs in modules of its own. */
export interface ImportListener {
  beforeImport(library: string): void;
  afterImport(library: string): void;
}

const listenerKey = Symbol.for('clew.sdk.imports');

/** @returns stops it. */
export function listenToImports(listener: ImportListener): () => void {
  const processWide = globalThis as { [listenerKey]?: ImportListener };
  processWide[listenerKey] = listener;
  return () => {
    delete processWide[listenerKey];
  };
}

/** What all modules import that import-in-the-middle makes. */
const importsRegister = /\bfrom ["']file:[^"']*\/lib\/register\.js["']/;

/**
 * Lets the module around a library say that the library is imported. What it imports first is evaluated first, before
 * the library.
 *
 * @param loaded the module around it; what is no such module, since it could not be wrapped, stays as it is.
 */
export function announceImport(loaded: LoadFnOutput, library: string): LoadFnOutput {
  if (typeof loaded.source !== 'string' || !importsRegister.test(loaded.source)) return loaded;
  const call = (name: keyof ImportListener): string =>
    `globalThis[Symbol.for("clew.sdk.imports")]?.${name}(${JSON.stringify(library)});`;
  const before = `data:text/javascript,${encodeURIComponent(call('beforeImport'))}`;
  return { ...loaded, source: `import ${JSON.stringify(before)};${loaded.source}${call('afterImport')}\n` };
}
