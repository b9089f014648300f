import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from 'node:module';
import { reportFailure } from '../notice.ts';
import type { LibraryHook } from './community-load-hook.ts';
import {
  announceImport,
  isWrapped,
  loadWrappingHooks,
  type NextLoad,
  type NextResolve,
  selectCopy,
} from './import-in-the-middle.ts';
import { findLibrary } from './package-name.ts';

type ResolveRequest = [specifier: string, context: ResolveHookContext, nextResolve: NextResolve];

/** Puts a module around one of a library. */
type Wrap = (library: string, ...request: ResolveRequest) => ResolveFnOutput;

/** `module.registerHooks`. */
export type RegisterHooks = (hooks: {
  resolve?(...request: ResolveRequest): ResolveFnOutput;
  load?(url: string, context: LoadHookContext, nextLoad: NextLoad): LoadFnOutput;
}) => { deregister(): void };

export interface SyncImportOptions {
  readonly hooks: ReadonlyMap<string, LibraryHook>;
  prepare(hook: LibraryHook): void;
  /** Lets a thread wrap what cannot be wrapped here. */
  startThread(): void;
}

/**
 * Hooks imports on the app's own thread. There is no `load` hook until a library is wrapped: it is asked for every module
 * that the app loads.
 *
 * @returns takes the hooks off again.
 */
export function hookImportsOnThisThread(
  registerHooks: RegisterHooks,
  { hooks, prepare, startThread }: SyncImportOptions,
): () => void {
  const registered: { deregister(): void }[] = [];
  /** By the folder of import-in-the-middle: instrumentations of different ages have different copies of it. */
  const copies = new Map<string, Wrap | undefined>();
  let hasThread = false;

  const openCopy = (home: string): Wrap | undefined => {
    const copy = loadWrappingHooks(home);
    if (copy === undefined) return undefined;
    /** Names of libraries, by the URL of what is around them. */
    const wrapped = new Map<string, string>();
    const load = (url: string, context: LoadHookContext, nextLoad: NextLoad): LoadFnOutput => {
      const loaded = copy.loadSync(url, context, nextLoad);
      const library = wrapped.get(url);
      return library === undefined ? loaded : announceImport(loaded, library);
    };
    registered.push(registerHooks({ load }));
    return (library, ...request) => {
      const resolved = copy.resolveSync(...request);
      wrapped.set(resolved.url, library);
      return resolved;
    };
  };

  const wrap = (library: string, resolved: ResolveFnOutput, request: ResolveRequest): ResolveFnOutput => {
    const hook = hooks.get(library)!;
    prepare(hook);
    // The app has a hook of its own.
    if (isWrapped(resolved.url)) return resolved;
    const [specifier, context, nextResolve] = request;
    const home = selectCopy(hook.modulesToWrap?.() ?? [], specifier, resolved.url);
    if (home === undefined) return resolved;
    if (!copies.has(home)) copies.set(home, openCopy(home));
    const copy = copies.get(home);
    if (copy !== undefined) return copy(library, ...request);
    if (!hasThread) startThread();
    hasThread = true;
    return nextResolve(specifier, context);
  };

  const resolve = (...request: ResolveRequest): ResolveFnOutput => {
    const [specifier, context, nextResolve] = request;
    const resolved = nextResolve(specifier, context);
    if (resolved.format !== 'module') return resolved;
    try {
      const library = findLibrary(hooks, specifier, resolved.url);
      if (library === undefined || isWrapped(context.parentURL)) return resolved;
      // By `require` it passes the CommonJS loader.
      return context.conditions.includes('require') ? resolved : wrap(library, resolved, request);
    } catch (error) {
      reportFailure('the hook for imports', error);
      return resolved;
    }
  };

  registered.push(registerHooks({ resolve }));
  return () => {
    for (const each of registered) each.deregister();
  };
}
