import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LibraryApp } from './library-app.js';

const base = '@opentelemetry/instrumentation';

/** `moduledb`, a library that is an ES module; says when it is evaluated, and whether it was instrumented by then. */
const moduleLibrary = {
  'package.json': '{ "name": "moduledb", "version": "1.2.3", "type": "module", "exports": { ".": "./index.js" } }',
  'index.js': `import { send } from './wire.js';
    console.log('evaluated, instrumented=' + (globalThis.instrumented ?? false));
    export function query(text) { return send(text); }
    export class Client { query(text) { return send(text); } }
    export default function connect(text) { return send(text); }`,
  'wire.js': "export function send(text) { return 'answer to ' + text; }",
};

/** The same library as CommonJS, which has an ES module for those who import it. */
const wrapperLibrary = {
  'package.json': `{ "name": "moduledb", "version": "1.2.3",
    "exports": { ".": { "import": "./wrapper.mjs", "require": "./index.js" } } }`,
  'index.js': `const { send } = require('./wire.js');
    exports.query = (text) => send(text);
    exports.Client = class Client { query(text) { return send(text); } };
    exports.default = (text) => send(text);`,
  'wire.js': "exports.send = (text) => 'answer to ' + text;",
  'wrapper.mjs': `import moduledb from './index.js';
    export const { query, Client } = moduledb;
    export default moduledb.default;`,
};

/** As {@link wrapperLibrary}, without the ES module. */
const commonLibrary = {
  ...wrapperLibrary,
  'package.json': '{ "name": "moduledb", "version": "1.2.3" }',
};

const libraries = { module: moduleLibrary, wrapper: wrapperLibrary, common: commonLibrary };

/** Writes one of the forms of `moduledb`; `folder` is where its `node_modules` is. */
export async function writeModuleLibrary(app: LibraryApp, form: keyof typeof libraries, folder = '.'): Promise<void> {
  for (const [name, text] of Object.entries(libraries[form])) {
    await app.write(`${folder}/node_modules/moduledb/${name}`, text);
  }
}

/**
 * Writes its instrumentation, which stands on the community's base and replaces functions, as some do, and methods, as
 * most do: `named`, `default` and `method` spans, and one of an inner file, `send`.
 *
 * @param patch what it does when the library is loaded, instead.
 */
export async function writeModuleInstrumentation(app: LibraryApp, patch = ''): Promise<void> {
  if (!existsSync(join(app.folder, 'node_modules', base))) await app.install(base);
  await app.write(
    'node_modules/@opentelemetry/instrumentation-moduledb/index.js',
    `const { InstrumentationBase, InstrumentationNodeModuleDefinition, InstrumentationNodeModuleFile } =
      require('@opentelemetry/instrumentation');
    class ModuledbInstrumentation extends InstrumentationBase {
      constructor(config) { super('@opentelemetry/instrumentation-moduledb', '1.0.0', config); globalThis.instrumented = true; }
      init() {
        const traced = (name) => (original) => {
          const { tracer } = this;
          return function (text) {
            return tracer.startActiveSpan(name + ' ' + text, (span) => {
              try { return original.call(this, text); } finally { span.end(); }
            });
          };
        };
        const file = new InstrumentationNodeModuleFile('moduledb/wire.js', ['1.*'], (exports) => {
          this._wrap(exports, 'send', traced('send'));
          return exports;
        });
        const patch = (exports) => {
          ${patch}
          this._wrap(exports, 'query', traced('named'));
          this._wrap(exports, 'default', traced('default'));
          this._wrap(exports.Client.prototype, 'query', traced('method'));
          return exports;
        };
        return new InstrumentationNodeModuleDefinition('moduledb', ['1.*'], patch, () => {}, [file]);
      }
    }
    exports.ModuledbInstrumentation = ModuledbInstrumentation;`,
  );
}
