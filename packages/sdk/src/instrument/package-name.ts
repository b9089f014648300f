import { isAbsolute, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const inModules = `${sep}node_modules${sep}`;

/** The package that a bare specifier or an absolute path belongs to. */
export function packageNameOf(request: string): string | undefined {
  let path = request;
  if (isAbsolute(request)) {
    const start = request.lastIndexOf(inModules);
    if (start < 0) return undefined;
    path = request.slice(start + inModules.length);
    if (sep !== '/') path = path.replaceAll(sep, '/');
  }
  return firstNameOf(path);
}

const inModulesOfUrl = '/node_modules/';

/** What the URL of a module has behind its last `node_modules`: `openai/index.mjs`; undefined when it is elsewhere. */
function pathInModules(url: string): string | undefined {
  const start = url.lastIndexOf(inModulesOfUrl);
  return start < 0 ? undefined : url.slice(start + inModulesOfUrl.length);
}

/** How instrumentations name the module at a URL: by its path in `node_modules`; by its file, when it is elsewhere. */
export function moduleNameOf(url: string): string | undefined {
  return pathInModules(url) ?? (url.startsWith('file:') ? fileURLToPath(url) : undefined);
}

/**
 * Which of these libraries an imported module belongs to: by its URL, and by what was imported where the URL does not
 * tell, as that of a linked package. A library that is a file goes by its path.
 */
export function findLibrary(
  libraries: { has(name: string): boolean },
  specifier: string,
  url: string,
): string | undefined {
  const path = pathInModules(url);
  const name = path === undefined ? firstNameOf(specifier) : firstNameOf(path);
  if (name !== undefined && libraries.has(name)) return name;
  const file = path === undefined ? moduleNameOf(url) : undefined;
  return file !== undefined && libraries.has(file) ? file : undefined;
}

/** `openai` of `openai/index.mjs`, `@redis/client` of `@redis/client/dist/index.js`. */
function firstNameOf(path: string): string | undefined {
  const first = path.indexOf('/');
  if (!path.startsWith('@')) return first < 0 ? path : path.slice(0, first);
  const second = first < 0 ? -1 : path.indexOf('/', first + 1);
  return second < 0 ? path : path.slice(0, second);
}
