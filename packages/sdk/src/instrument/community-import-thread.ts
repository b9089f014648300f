import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createInstrumentations } from './community-definitions.ts';
import type { InstrumentedLibraries } from './community-import-hook.ts';
import {
  announceImport,
  findModulesToWrap,
  isWrapped,
  type ModulesToWrap,
  selectCopy,
} from './import-in-the-middle.ts';
import { findLibrary } from './package-name.ts';

/*
 * Wraps imported libraries on Node's loader thread, for versions of Node, or of import-in-the-middle, that cannot do it on
 * the app's own. Instrumentations are loaded here, too, once their library is imported, to know what they patch; they are
 * not enabled here. Whatever fails leaves a module as it is.
 */

type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => Promise<ResolveFnOutput>;
type NextLoad = (url: string, context?: Partial<LoadHookContext>) => Promise<LoadFnOutput>;

/** `import-in-the-middle/hook.mjs`. */
interface WrappingModule {
  resolve(specifier: string, context: ResolveHookContext, nextResolve: NextResolve): Promise<ResolveFnOutput>;
  load(url: string, context: LoadHookContext, nextLoad: NextLoad): Promise<LoadFnOutput>;
}

/** By library, for each of its instrumentations. */
const modules = new Map<string, (() => ModulesToWrap | undefined)[]>();
/** By URL, the library; what a hook of the app has wrapped, too. */
const wrapped = new Map<string, string>();
const copies = new Map<string, WrappingModule>();

/** Called by Node, with what the thread was registered with. */
export function initialize(order: InstrumentedLibraries): void {
  for (const { found, libraries } of order) {
    let known: { readonly modules: ModulesToWrap | undefined } | undefined;
    const describe = (): ModulesToWrap | undefined => {
      known ??= { modules: findModulesToWrap(found, createInstrumentations(found, { enabled: false })) };
      return known.modules;
    };
    for (const library of libraries) modules.set(library, [...(modules.get(library) ?? []), describe]);
  }
}

export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  nextResolve: NextResolve,
): Promise<ResolveFnOutput> {
  const resolved = await nextResolve(specifier, context);
  if (resolved.format !== 'module') return resolved;
  const library = findLibrary(modules, specifier, resolved.url);
  if (library === undefined || isWrapped(context.parentURL)) return resolved;
  try {
    const result = isWrapped(resolved.url) ? resolved : await wrap(library, resolved, specifier, context, nextResolve);
    if (isWrapped(result.url)) wrapped.set(result.url, library);
    return result;
  } catch {
    return resolved;
  }
}

async function wrap(
  library: string,
  resolved: ResolveFnOutput,
  ...[specifier, context, nextResolve]: Parameters<WrappingModule['resolve']>
): Promise<ResolveFnOutput> {
  const described = modules.get(library)!.flatMap((describe) => describe() ?? []);
  const home = selectCopy(described, specifier, resolved.url);
  if (home === undefined) return resolved;
  const copy = copies.get(home) ?? (await openCopy(home));
  copies.set(home, copy);
  return copy.resolve(specifier, context, nextResolve);
}

/** An instance of its own: that of a hook of the app would leave out this thread's `load` for what both have seen. */
async function openCopy(home: string): Promise<WrappingModule> {
  const { href } = pathToFileURL(join(home, 'hook.mjs'));
  return (await import(`${href}?clew`)) as WrappingModule;
}

export async function load(url: string, context: LoadHookContext, nextLoad: NextLoad): Promise<LoadFnOutput> {
  const loadThrough = [...copies.values()].reduce<NextLoad>(
    (next, copy) => (nextUrl, nextContext) => copy.load(nextUrl, { ...context, ...nextContext }, next),
    nextLoad,
  );
  const loaded = await loadThrough(url, context);
  const library = wrapped.get(url);
  return library === undefined ? loaded : announceImport(loaded, library);
}
