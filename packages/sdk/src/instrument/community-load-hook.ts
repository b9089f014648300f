import Module from 'node:module';
import { types } from 'node:util';
import { type LoadedModule, loadedModules } from '../loaded-modules.ts';
import { reportFailure } from '../notice.ts';
import type { ModulesToWrap } from './import-in-the-middle.ts';
import { packageNameOf } from './package-name.ts';

/** What happens when a library is loaded. The modules of one library share one object. */
export interface LibraryHook {
  /** Before its first module is evaluated; once. */
  beforeLoad?(): void;
  /** After each of its CommonJS modules is; what it returns takes the place of the exports. */
  afterLoad?(exports: unknown): unknown;
  /** Which of its ES modules are patched; asked after `beforeLoad`. */
  modulesToWrap?(): readonly ModulesToWrap[];
  /** After each of these is evaluated. */
  afterImport?(): void;
}

/** Lets all who load a file from now on have `exports`. */
type KeepExports = (filename: string, exports: unknown) => void;

interface LoaderPrototype {
  require(this: unknown, request: string): unknown;
}

/** A hook on library loads. */
export interface LibraryLoads {
  /** Calls `beforeLoad` of a hook, unless that has happened. */
  prepare(hook: LibraryHook): void;
  /** Takes the hook off again. */
  stop(): void;
}

/** The inside of Node's CommonJS loader that its own documentation tells people to patch. */
interface CommonJsLoader {
  _load(request: string, parent: unknown, isMain: boolean): unknown;
  _resolveFilename(request: string, parent: unknown): string;
  readonly prototype: LoaderPrototype;
}

const loader = Module as unknown as CommonJsLoader;

/**
 * Calls hooks when libraries are loaded as CommonJS, which nearly all are, by `require` or by `import`: Node 20 to 26
 * pass both through `Module._load`, so that no ES module loader is needed. `require` of an ES module passes it, too; its
 * exports cannot be changed, so that who requires it gets an object that stands for them.
 *
 * ```
 *   require('pg')  ─▶ Module.prototype.require ─▶ Module._load('pg', parent)
 *                     ▲ community instrumentations           │ this hook
 *                     │ patch what passes here              ▼
 *   import 'pg'    ─────────────────────────────▶ Module._load('/…/node_modules/pg/lib/index.js', undefined)
 * ```
 *
 * An import does not pass `Module.prototype.require`, and neither does the very load that made an instrumentation patch
 * it: the hook sends these two through it once more, and puts what comes out into the module cache, where imports find
 * it.
 *
 * @param hooks by package name.
 */
export function hookLibraryLoads(hooks: ReadonlyMap<string, LibraryHook>): LibraryLoads {
  const original = loader._load;
  const prepared = new Set<LibraryHook>();
  const stops: (() => void)[] = [];
  /** Files on their second way, or in a cycle of requires: these pass as they would without the hook. */
  const loading = new Set<string>();
  let isOn = true;

  /** Modules that imports wait for, by file. */
  const imported = new Map<string, LoadedModule>();
  const keep: KeepExports = (filename, exports) => {
    replaceExports(filename, exports);
    const module = imported.get(filename);
    if (module === undefined) return;
    module.exports = exports;
    module.loaded = true;
  };

  const prepare = (hook: LibraryHook): void => {
    if (prepared.has(hook)) return;
    prepared.add(hook);
    const { require } = loader.prototype;
    hook.beforeLoad?.();
    if (loader.prototype.require !== require) stops.push(keepPatchedExports(hooks, keep));
  };

  const loadOriginal = (hook: LibraryHook, request: string, parent: unknown): unknown => {
    const exports = original.call(loader, request, parent, false);
    return hook.modulesToWrap !== undefined && types.isModuleNamespaceObject(exports)
      ? standFor(exports as object)
      : exports;
  };

  const loadFile = (hook: LibraryHook, filename: string, request: string, parent: unknown): unknown => {
    const isFirst = !prepared.has(hook);
    prepare(hook);
    takeUnloaded(filename, imported);
    let exports =
      isFirst || parent === undefined || parent === null
        ? loader.prototype.require.call(parent, request)
        : loadOriginal(hook, request, parent);
    if (hook.afterLoad !== undefined) exports = afterLoad(hook, exports);
    keep(filename, exports);
    return exports;
  };

  const loadHooked = (hook: LibraryHook, request: string, parent: unknown): unknown => {
    let filename: string;
    try {
      filename = loader._resolveFilename(request, parent);
    } catch {
      // Not installed: an optional dependency, say. Node throws what the app expects.
      return original.call(loader, request, parent, false);
    }
    if (loading.has(filename)) return loadOriginal(hook, request, parent);
    loading.add(filename);
    try {
      return loadFile(hook, filename, request, parent);
    } finally {
      loading.delete(filename);
    }
  };

  const patched: CommonJsLoader['_load'] = (request, parent, isMain) => {
    const hook = isOn && !isMain ? hookOf(hooks, request) : undefined;
    return hook === undefined ? original.call(loader, request, parent, isMain) : loadHooked(hook, request, parent);
  };
  loader._load = patched;
  return {
    prepare,
    stop() {
      isOn = false;
      if (loader._load === patched) loader._load = original;
      for (const stop of stops) stop();
    },
  };
}

/** An object with the exports of an ES module, whose properties can be replaced. */
function standFor(namespace: object): object {
  const exports = Object.create(null, { [Symbol.toStringTag]: { value: 'Module' } }) as Record<string, unknown>;
  for (const name of Object.keys(namespace)) {
    Object.defineProperty(exports, name, {
      get: () => (namespace as typeof exports)[name],
      set: (value: unknown) => Object.defineProperty(exports, name, { value, writable: true, enumerable: true }),
      configurable: true,
      enumerable: true,
    });
  }
  return exports;
}

function afterLoad(hook: LibraryHook, exports: unknown): unknown {
  try {
    return hook.afterLoad?.(exports);
  } catch (error) {
    reportFailure('a library hook', error);
    return exports;
  }
}

/**
 * Around the `require` that an instrumentation has just patched: one that replaces exports instead of changing them
 * tells only those who `require` the library. Here they get into the module cache, for those who `import` it later.
 *
 * @returns takes it off again.
 */
function keepPatchedExports(hooks: ReadonlyMap<string, LibraryHook>, keep: KeepExports): () => void {
  const { prototype } = loader;
  const inner = prototype.require;
  let isOn = true;
  const require: LoaderPrototype['require'] = function (request) {
    const exports = inner.call(this, request);
    if (isOn && hookOf(hooks, request) !== undefined) keep(loader._resolveFilename(request, this), exports);
    return exports;
  };
  prototype.require = require;
  return () => {
    isOn = false;
    if (prototype.require === require) prototype.require = inner;
  };
}

/**
 * An import puts an empty module into the cache, long before it has it loaded and takes the exports from it. Until Node 22
 * it takes a reference of its own that loading leaves in the module, out of anyone's reach; so another module is loaded in
 * its place, and it is given the exports.
 */
function takeUnloaded(filename: string, imported: Map<string, LoadedModule>): void {
  const module = loadedModules[filename];
  if (module === undefined || module.loaded) return;
  delete loadedModules[filename];
  imported.set(filename, module);
}

/** Lets everyone who loads this file from now on have `exports`: from a copy of its module, without that reference. */
function replaceExports(filename: string, exports: unknown): void {
  const module = loadedModules[filename];
  if (module === undefined || module.exports === exports) return;
  module.exports = exports;
  loadedModules[filename] = Object.assign(Object.create(loader.prototype) as LoadedModule, module);
}

/** Relative requests stay inside a package that was hooked already, or are the app's own. */
function hookOf(hooks: ReadonlyMap<string, LibraryHook>, request: unknown): LibraryHook | undefined {
  if (typeof request !== 'string' || request.startsWith('.')) return undefined;
  const direct = hooks.get(request);
  if (direct !== undefined) return direct;
  const name = packageNameOf(request);
  return name === undefined ? undefined : hooks.get(name);
}

/** Which of the hooked libraries were loaded before: nothing can be done for these any more. */
export function listLoadedLibraries(hooks: ReadonlyMap<string, LibraryHook>): string[] {
  const loaded = new Set<string>();
  for (const filename of Object.keys(loadedModules)) {
    const name = packageNameOf(filename);
    if (name !== undefined && hooks.has(name)) loaded.add(name);
  }
  return [...loaded];
}
