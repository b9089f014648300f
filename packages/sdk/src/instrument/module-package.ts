import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, parse } from 'node:path';

interface PackageJson {
  readonly type?: unknown;
  readonly main?: unknown;
  readonly exports?: unknown;
}

/** Whether one of these packages, in a `node_modules` of one of these folders, has to be hooked as an ES module. */
export function hasModulePackage(names: Iterable<string>, roots: Iterable<string>): boolean {
  // The second is where pnpm has what the app's own dependencies depend on.
  const folders = [...roots].flatMap((root) => [
    join(root, 'node_modules'),
    join(root, 'node_modules', '.pnpm', 'node_modules'),
  ]);
  const wanted = [...names];
  // Listing a folder once is cheaper than asking for each of forty packages that are not there.
  return folders.some((folder) => {
    const installed = new Set(list(folder));
    return wanted.some((name) => installed.has(name.split('/')[0]!) && isModulePackage(join(folder, name)));
  });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Whether `import` of the package in this folder gives an ES module that does not pass Node's CommonJS loader. It does
 * when the module is but a wrapper around CommonJS, as that of pg is. A package that cannot be read is none.
 */
export function isModulePackage(folder: string): boolean {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return false;
  const { type, main, exports } = readPackage(file);
  const entry = exports === undefined ? (main ?? 'index.js') : targetOf(exports);
  if (typeof entry !== 'string') return type === 'module';
  const path = join(folder, entry);
  return hasModuleFormat(path, folder) && !isWrapper(path, folder);
}

/** Whether an absolute path, not the name of a package, is that of a file that is an ES module. */
export function isModuleFile(path: string): boolean {
  return isAbsolute(path) && existsSync(path) && hasModuleFormat(path, parse(path).root);
}

/** By the file's extension, else the nearest package.json up to `folder`: builds for `import` bring one of their own. */
function hasModuleFormat(path: string, folder: string): boolean {
  if (path.endsWith('.mjs')) return true;
  if (path.endsWith('.cjs')) return false;
  for (let nearest = dirname(path); nearest.startsWith(folder); nearest = dirname(nearest)) {
    const file = join(nearest, 'package.json');
    if (existsSync(file)) return readPackage(file).type === 'module';
    if (nearest === folder) break;
  }
  return false;
}

// A wrapper has a line for each export; what is larger is the library, and is not read at an app's start.
const maxWrapperBytes = 32_768;

const comment = /\/\*[\s\S]*?\*\/|\/\/.*/g;
const importedFile = /\b(?:from|import)\s*["']([^"']+)["']/g;
const ownCode = /\b(?:function|class|await|import\s*\()|=>/;

/** Whether an ES module gives out what files of its package have that are CommonJS, and has no code of its own. */
function isWrapper(path: string, folder: string): boolean {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? Number.POSITIVE_INFINITY) > maxWrapperBytes) return false;
  const source = read(path)?.replace(comment, '');
  if (source === undefined || ownCode.test(source)) return false;
  const imported = [...source.matchAll(importedFile)].map(([, specifier = '']) => specifier);
  return (
    imported.length > 0 &&
    imported.every((specifier) => specifier.startsWith('.') && !hasModuleFormat(join(dirname(path), specifier), folder))
  );
}

function readPackage(file: string): PackageJson {
  try {
    return (JSON.parse(read(file) ?? '') ?? {}) as PackageJson;
  } catch {
    return {};
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

const conditions: ReadonlySet<string> = new Set(['node', 'node-addons', 'import', 'module-sync', 'default']);

/** What `exports` says of the package itself under the conditions of an import, as Node reads it: the first that holds. */
function targetOf(exports: unknown): unknown {
  if (Array.isArray(exports)) return exports.map(targetOf).find((target) => target !== undefined);
  if (typeof exports !== 'object' || exports === null) return exports;
  if ('.' in exports) return targetOf(exports['.']);
  for (const [condition, target] of Object.entries(exports)) {
    if (!conditions.has(condition)) continue;
    const found = targetOf(target);
    if (found !== undefined) return found;
  }
  return undefined;
}
