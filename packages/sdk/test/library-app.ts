import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Where the packages stand that an app may have; the instrumentations under the names that they have in an app. */
const resolved: Readonly<Record<string, string>> = {
  '@clew/sdk': import.meta.resolve('@clew/sdk'),
  '@opentelemetry/api': import.meta.resolve('@opentelemetry/api'),
  '@opentelemetry/instrumentation-amqplib': import.meta.resolve('otel-amqplib'),
  '@opentelemetry/instrumentation-ioredis': import.meta.resolve('otel-ioredis'),
  '@opentelemetry/instrumentation-kafkajs': import.meta.resolve('otel-kafkajs'),
  '@opentelemetry/instrumentation-pg': import.meta.resolve('otel-pg'),
  '@opentelemetry/instrumentation-pino': import.meta.resolve('otel-pino'),
  '@opentelemetry/instrumentation-redis': import.meta.resolve('otel-redis'),
  '@opentelemetry/instrumentation-winston': import.meta.resolve('otel-winston'),
  amqplib: import.meta.resolve('amqplib'),
  ioredis: import.meta.resolve('ioredis'),
  kafkajs: import.meta.resolve('kafkajs'),
  pg: import.meta.resolve('pg'),
  pino: import.meta.resolve('pino'),
  redis: import.meta.resolve('redis'),
  winston: import.meta.resolve('winston'),
};

/** The folder of a package. */
function packageFolder(name: string): string {
  const file = fileURLToPath(resolved[name]!);
  if (name === '@clew/sdk') return dirname(dirname(file));
  const inModules = file.lastIndexOf('/node_modules/') + '/node_modules/'.length;
  const [first = '', second = ''] = file.slice(inModules).split('/');
  return file.slice(0, inModules) + (first.startsWith('@') ? `${first}/${second}` : first);
}

/** An app in a folder of its own: it has what it installed, and nothing of this workspace besides. */
export class LibraryApp {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** With the SDK, the api and `packages`; removed when the test ends. */
  static async create(t: TestContext, packages: readonly string[] = []): Promise<LibraryApp> {
    const app = new LibraryApp(await mkdtemp(join(await realpath(tmpdir()), 'clew-app-')));
    t.after(() => rm(app.folder, { recursive: true, force: true }));
    await app.write('package.json', '{ "name": "library-app" }');
    for (const name of ['@clew/sdk', '@opentelemetry/api', ...packages]) await app.install(name);
    return app;
  }

  /** Makes a package of the tests one of the app's, in its `node_modules` or in `folder`. */
  async install(name: string, folder = 'node_modules'): Promise<void> {
    const path = join(this.folder, folder, name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(packageFolder(name), path);
  }

  /** Writes a file; returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  }
}

/** The ways in which an app is written and the SDK is started. */
export const waysToStart = [
  { flag: '--import', form: 'an ES module', extension: 'mjs' },
  { flag: '--require', form: 'an ES module', extension: 'mjs' },
  { flag: '--import', form: 'a CommonJS app', extension: 'cjs' },
  { flag: '--require', form: 'a CommonJS app', extension: 'cjs' },
] as const;

/** Statements that load libraries, by `import` or by `require`: `{ pg: 'pg' }` makes `pg` the default export. */
export function loadStatements(extension: 'mjs' | 'cjs', bindings: Readonly<Record<string, string>>): string {
  return Object.entries(bindings)
    .map(([binding, name]) =>
      extension === 'mjs' ? `import ${binding} from '${name}';` : `const ${binding} = require('${name}');`,
    )
    .join('\n');
}
