import Module from 'node:module';
import { reportFailure } from '../notice.ts';
import { importThread } from '../threads.ts';
import { hookImportsOnThisThread, type RegisterHooks } from './community-import-sync.ts';
import type { LibraryHook } from './community-load-hook.ts';
import type { InstrumentationPackage } from './community-packages.ts';
import { listenToImports } from './import-in-the-middle.ts';

export interface ImportHookOptions {
  /** By package name. */
  readonly hooks: ReadonlyMap<string, LibraryHook>;
  /** Calls `beforeLoad` of a hook, unless that has happened. */
  prepare(hook: LibraryHook): void;
  readonly instrumentations: InstrumentedLibraries;
}

/** What finds out, on Node's loader thread, which modules are to be wrapped. */
export type InstrumentedLibraries = readonly {
  readonly found: InstrumentationPackage;
  readonly libraries: readonly string[];
}[];

/** Of Node 22.15 and newer. */
const { registerHooks } = Module as { registerHooks?: RegisterHooks };

/**
 * Calls hooks when libraries are imported that are ES modules, which do not pass Node's CommonJS loader, and lets
 * import-in-the-middle put a module around what instrumentations patch:
 *
 * ```
 *   import 'openai' ─▶ resolve ─▶ this hook: beforeLoad, and openai/index.mjs?iitm=true
 *                      load    ─▶ a module around openai/index.mjs, whose exports can be replaced
 * ```
 *
 * Nothing of import-in-the-middle is loaded before such a library is. From Node 22.15 on the hook runs on the app's own
 * thread, and costs 10 to 35 us for each module that the app loads. Older ones have but a thread for such hooks, which
 * takes 60 ms of CPU to start; so do newer ones for an import-in-the-middle before 3.1. Install it where it is of use.
 *
 * @returns takes the hook off again; a thread stays, and passes everything on.
 */
export function hookLibraryImports({ hooks, prepare, instrumentations }: ImportHookOptions): () => void {
  const call = (library: string, action: (hook: LibraryHook) => void): void => {
    const hook = hooks.get(library);
    if (hook === undefined) return;
    try {
      action(hook);
    } catch (error) {
      reportFailure('the hook of an imported library', error);
    }
  };
  const stopListening = listenToImports({
    beforeImport: (library) => call(library, prepare),
    afterImport: (library) => call(library, (hook) => hook.afterImport?.()),
  });
  const startThread = (): void => {
    try {
      Module.register(importThread(), { data: instrumentations });
    } catch (error) {
      reportFailure('the loader thread for ES modules', error);
    }
  };
  if (registerHooks === undefined) {
    startThread();
    return stopListening;
  }
  const stopHooks = hookImportsOnThisThread(registerHooks, { hooks, prepare, startThread });
  return () => {
    stopHooks();
    stopListening();
  };
}
