import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Where the packages stand that an app may have; the instrumentations under the names that they have in an app. */
const resolved: Readonly<Record<string, string>> = {
  '@clew/sdk': import.meta.resolve('@clew/sdk'),
  '@opentelemetry/api': import.meta.resolve('@opentelemetry/api'),
  '@opentelemetry/instrumentation': import.meta.resolve('@opentelemetry/instrumentation'),
  '@opentelemetry/instrumentation-amqplib': import.meta.resolve('otel-amqplib'),
  '@opentelemetry/instrumentation-aws-lambda': import.meta.resolve('otel-aws-lambda'),
  '@opentelemetry/instrumentation-ioredis': import.meta.resolve('otel-ioredis'),
  '@opentelemetry/instrumentation-kafkajs': import.meta.resolve('otel-kafkajs'),
  '@opentelemetry/instrumentation-koa': import.meta.resolve('otel-koa'),
  '@opentelemetry/instrumentation-openai': import.meta.resolve('otel-openai'),
  '@opentelemetry/instrumentation-pg': import.meta.resolve('otel-pg'),
  '@opentelemetry/instrumentation-pino': import.meta.resolve('otel-pino'),
  '@opentelemetry/instrumentation-redis': import.meta.resolve('otel-redis'),
  '@opentelemetry/instrumentation-winston': import.meta.resolve('otel-winston'),
  amqplib: import.meta.resolve('amqplib'),
  'iitm-2': import.meta.resolve('iitm-2'),
  'import-in-the-middle': import.meta.resolve('import-in-the-middle'),
  ioredis: import.meta.resolve('ioredis'),
  kafkajs: import.meta.resolve('kafkajs'),
  koa: import.meta.resolve('koa'),
  openai: import.meta.resolve('openai'),
  pg: import.meta.resolve('pg'),
  pino: import.meta.resolve('pino'),
  redis: import.meta.resolve('redis'),
  'require-in-the-middle': import.meta.resolve('require-in-the-middle'),
  winston: import.meta.resolve('winston'),
};

/** The folder of a package. */
export function packageFolder(name: string): string {
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

  /**
   * Makes a package of the tests one of the app's, in its `node_modules` or in `folder`.
   *
   * @param as the name that it has there.
   */
  async install(name: string, folder = 'node_modules', as = name): Promise<void> {
    const path = join(this.folder, folder, as);
    await mkdir(dirname(path), { recursive: true });
    await symlink(packageFolder(name), path);
  }

  /** Copies a package into the app's `node_modules`: what it depends on, it then finds there, too. */
  async copy(name: string): Promise<void> {
    await cp(packageFolder(name), join(this.folder, 'node_modules', name), { recursive: true });
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
