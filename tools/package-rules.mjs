/**
 * Who may import whom. What is not listed is forbidden.
 *
 * Inside a package, imports follow the data and never jump back: a stage (a folder of `src`) imports itself, stages that
 * the data has passed before it, and the files that stand beside the stages in `src`. Only the roots see all stages.
 *
 * @typedef {object} PackageRule
 * @property {readonly string[]} clew Packages of Clew it may import, by their public entries.
 * @property {'declared' | readonly string[]} npm Packages of npm: any that its package.json declares, or only these.
 * @property {boolean} node Whether it may import modules of Node.
 * @property {readonly string[]} roots Files in `src` that put the stages together.
 * @property {Readonly<Record<string, string>>} [fronts] Files in `src` that are the front of one folder: they import it,
 *   and any stage may import them.
 * @property {readonly string[]} [computed] Files that may import what is named by a value: a package of the app's.
 * @property {Readonly<Record<string, readonly string[]>>} stages Each stage with the stages that it may import.
 */

/**
 * Stages in the order of the data: each may import all that stand before it.
 *
 * @param {readonly string[]} names
 */
function inOrder(...names) {
  return Object.fromEntries(names.map((name, index) => [name, names.slice(0, index)]));
}

/** @type {Readonly<Record<string, PackageRule>>} By folder name under `packages/`. */
export const packageRules = {
  wire: {
    clew: [],
    npm: [],
    node: false,
    roots: ['index.ts'],
    // Formats that know nothing of each other, but for those whose spans become OTLP.
    stages: {
      otlp: ['json'],
      native: [],
      headers: [],
      json: [],
      zipkin: ['json', 'otlp'],
      jaeger: ['json', 'otlp'],
    },
  },
  sdk: {
    clew: ['wire'],
    npm: ['@opentelemetry/api'],
    node: true,
    roots: ['index.ts', 'register.ts', 'doctor.ts', 'start.ts', 'tracer-provider.ts'],
    computed: ['instrument/community-import-thread.ts'],
    stages: {
      ...inOrder('api', 'context', 'propagate', 'sample', 'record', 'export', 'instrument'),
      // Beside the path of a span: what the process is, and shorthands for apps on nothing but the api.
      resource: [],
      everyday: [],
    },
  },
  model: {
    clew: ['wire'],
    npm: [],
    node: false,
    roots: ['index.ts'],
    fronts: { 'api.ts': 'text' },
    stages: { text: [], fixtures: [] },
  },
  traceql: {
    clew: ['model'],
    npm: [],
    node: false,
    roots: ['index.ts'],
    stages: {},
  },
  server: {
    clew: ['wire', 'model', 'traceql'],
    npm: 'declared',
    node: true,
    roots: ['index.ts', 'main.ts', 'pipeline.ts'],
    fronts: { 'config.ts': 'config' },
    stages: {
      ...inOrder('receive', 'transcode', 'spool', 'store', 'query', 'retain', 'rollup', 'serve'),
      // How settings are read, described and masked; `config.ts` is the table of them.
      config: [],
      // The child process around the engine: the stages reach it over its socket alone, as they would a cluster.
      engine: [],
    },
  },
  web: {
    clew: ['wire', 'model', 'traceql'],
    npm: 'declared',
    node: false,
    roots: ['main.tsx'],
    stages: inOrder('messages', 'fetch', 'table', 'layout', 'draw', 'views'),
  },
  cli: {
    clew: ['wire', 'model', 'traceql', 'server'],
    npm: 'declared',
    node: true,
    roots: ['main.ts'],
    stages: {},
  },
};
