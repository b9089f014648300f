/**
 * The path that the UI is served under, with a slash at both ends: `/`, or `/clew/` behind a proxy that serves it under
 * that prefix and removes it from the requests. The server cannot know such a prefix. The page's own script can: it was
 * loaded from `<prefix>assets/`.
 */
export const basePath: string = findBasePath(import.meta.url);

/** @param scriptUrl Of a script in the folder `assets`. */
export function findBasePath(scriptUrl: string): string {
  return new URL('..', scriptUrl).pathname;
}

/** A path of the server (`/clew/v1/…`) as the browser has to ask for it. */
export function underBase(path: string): string {
  return `${basePath}${path.slice(1)}`;
}
