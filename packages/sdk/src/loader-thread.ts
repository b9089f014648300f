/**
 * Whether this is the thread on which Node runs the loader hooks of an app that has registered some. It preloads what
 * `--require` names, as other threads do, and has nothing to trace.
 */
export function isLoaderThread(): boolean {
  // It has no script. Where there is one, node:worker_threads need not be loaded to find out.
  if (process.argv[1] !== undefined) return false;
  const { isMainThread, parentPort } = process.getBuiltinModule('node:worker_threads');
  return !isMainThread && parentPort === null;
}
