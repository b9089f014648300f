import Module from 'node:module';

/** A module that was loaded as CommonJS. */
export interface LoadedModule {
  exports: unknown;
  loaded: boolean;
}

/**
 * Node's cache of CommonJS modules, by file. Not reached through `createRequire(import.meta.url)`, which bundlers replace,
 * and which has no URL to start from in a bundle of CommonJS.
 */
export const loadedModules: Record<string, LoadedModule | undefined> = (
  Module as unknown as { readonly _cache: Record<string, LoadedModule | undefined> }
)._cache;
