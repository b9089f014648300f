/**
 * Node's own `createRequire`, for what the app has installed. Not imported: bundlers see through the import, put what they
 * find when they build in the place of what is asked for when the app runs, and module numbers in the place of paths.
 */
export const createRequire: typeof import('node:module').createRequire =
  process.getBuiltinModule('node:module').createRequire;
