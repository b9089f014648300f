/** What runs this app, when it is not Node; both say so beside the version of Node that they resemble. */
export const otherRuntime: 'Bun' | 'Deno' | undefined =
  process.versions.bun !== undefined ? 'Bun' : process.versions.deno !== undefined ? 'Deno' : undefined;

/** What is traced on a runtime that publishes less than Node does: these, and the spans that the app makes. */
export const tracedOnOther = {
  Bun: { server: false, missing: 'the HTTP server, fetch and libraries are' },
  Deno: { server: true, missing: 'fetch and libraries are' },
} as const;
