import { types } from 'node:util';
import type { FileDefinition, ModuleDefinition } from './community-definitions.ts';

/**
 * Makes the patches of instrumentations safe to be called while an app loads a library: one that throws leaves the module
 * as it was, and what has been patched as CommonJS is not patched again through an ES module that only passes it on.
 *
 * @param onFailure is told of a patch that has thrown.
 */
export function guardPatches(definitions: readonly ModuleDefinition[], onFailure: (error: unknown) => void): void {
  for (const definition of definitions) {
    for (const each of [definition, ...(definition.files ?? [])]) guardPatch(each, onFailure);
  }
}

function guardPatch(definition: FileDefinition, onFailure: (error: unknown) => void): void {
  const { patch } = definition;
  if (typeof patch !== 'function') return;
  const patched = new Set<object>();
  definition.patch = (exports, version) => {
    if (isPassedOn(exports, patched)) return exports;
    try {
      const result = patch.call(definition, exports, version);
      for (const each of [exports, result]) if (isObject(each)) patched.add(each);
      return result;
    } catch (error) {
      onFailure(error);
      return exports;
    }
  };
}

/**
 * Whether a module is the `wrapper.mjs` that many CommonJS packages have for those who `import` them: its exports are
 * those of the CommonJS module, which has been patched when the wrapper loaded it. What import-in-the-middle hands out
 * for an ES module is a proxy.
 */
function isPassedOn(exports: unknown, patched: ReadonlySet<object>): boolean {
  if (patched.size === 0 || !types.isProxy(exports)) return false;
  const namespace = exports as Record<string, unknown>;
  if (isObject(namespace.default) && patched.has(namespace.default)) return true;
  const names = Object.keys(namespace).filter((name) => name !== 'default' && name !== 'module.exports');
  if (names.length === 0) return false;
  return [...patched].some((each) => names.every((name) => (each as typeof namespace)[name] === namespace[name]));
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
