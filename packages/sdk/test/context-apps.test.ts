import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { runNode, writeApp } from './run-app.js';

/** The ways that an app goes between a request and its response, each of which notes which span is active. */
const places = [
  'after an await',
  'async iterator over a stream',
  'async local storage of the app',
  'child process',
  'compression',
  'crypto',
  'events.once',
  'file',
  'file promise',
  'generator of the app',
  'immediate',
  'interval',
  'interval as an iterator',
  'message channel',
  'message of a worker',
  'microtask',
  'name lookup',
  'nextTick',
  'pipeline',
  'request chunk',
  'request close',
  'request end',
  'request iterator',
  'response close',
  'response finish',
  'then',
  'timeout',
  'timeout promise',
  'transform',
  'web stream',
] as const;

/** The app, but for how it gets its modules. It answers with the places that it came to, as `place=span id`. */
const body = `
const activeId = () => trace.getActiveSpan()?.spanContext().spanId;
const local = new AsyncLocalStorage();
const worker = new Worker("require('node:worker_threads').parentPort.on('message', (port) => port.postMessage('x'))", { eval: true });
worker.unref();

async function* steps() {
  for (let index = 0; index < 2; index++) {
    await sleep(1);
    yield index;
  }
}

const server = http.createServer(async (request, response) => {
  const noted = [];
  const note = (place) => noted.push([place, activeId()]);
  const own = activeId();
  const iterated = new PassThrough();
  request.on('data', () => note('request chunk'));
  request.on('end', () => note('request end'));
  request.on('close', () => note('request close'));
  request.pipe(iterated);
  response.on('finish', () => note('response finish'));
  response.on('close', () => {
    note('response close');
    console.log('notes=' + JSON.stringify({ own, noted }));
  });
  const called = (place, start) => new Promise((resolve) => start(() => (note(place), resolve())));
  await Promise.all([
    called('nextTick', process.nextTick),
    called('microtask', queueMicrotask),
    called('immediate', setImmediate),
    called('timeout', (done) => setTimeout(done, 2)),
    called('interval', (done) => {
      const timer = setInterval(() => (clearInterval(timer), done()), 1);
    }),
    called('then', (done) => Promise.resolve().then(done)),
    called('file', (done) => fs.readFile(file, done)),
    called('name lookup', (done) => dns.lookup('localhost', done)),
    called('crypto', (done) => crypto.randomBytes(8, done)),
    called('compression', (done) => zlib.gzip('x', done)),
    called('child process', (done) => childProcess.execFile(process.execPath, ['--version'], done)),
    called('async local storage of the app', (done) => local.run(1, () => setTimeout(done, 1))),
    called('message channel', (done) => {
      const { port1, port2 } = new MessageChannel();
      port2.once('message', () => (port1.close(), done()));
      port1.postMessage('x');
    }),
    called('message of a worker', (done) => {
      const { port1, port2 } = new MessageChannel();
      port1.once('message', () => (port1.close(), done()));
      worker.postMessage(port2, [port2]);
    }),
    fs.promises.readFile(file).then(() => note('file promise')),
    sleep(1).then(() => note('timeout promise')),
    (async () => {
      for await (const _chunk of iterated) note('request iterator');
    })(),
    (async () => {
      for await (const _tick of everyMs(1)) {
        note('interval as an iterator');
        break;
      }
    })(),
    (async () => {
      for await (const _step of steps()) note('generator of the app');
    })(),
    (async () => {
      for await (const _chunk of Readable.from(['a', 'b'])) note('async iterator over a stream');
    })(),
    (async () => {
      for await (const _chunk of new Blob(['abc']).stream()) note('web stream');
    })(),
    (async () => {
      const emitter = new EventEmitter();
      setTimeout(() => emitter.emit('ready'), 1);
      await once(emitter, 'ready');
      note('events.once');
    })(),
    (async () => {
      const transform = new Transform({
        transform(chunk, _encoding, callback) {
          note('transform');
          setImmediate(callback, null, chunk);
        },
      });
      await pipeline(fs.createReadStream(file), transform, new PassThrough().resume());
      note('pipeline');
    })(),
  ]);
  note('after an await');
  response.end('done');
});
server.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
`;

const modules = [
  ['http', 'node:http'],
  ['fs', 'node:fs'],
  ['dns', 'node:dns'],
  ['crypto', 'node:crypto'],
  ['zlib', 'node:zlib'],
  ['childProcess', 'node:child_process'],
  ['{ AsyncLocalStorage }', 'node:async_hooks'],
  ['{ EventEmitter, once }', 'node:events'],
  ['{ MessageChannel, Worker }', 'node:worker_threads'],
  ['{ PassThrough, Readable, Transform }', 'node:stream'],
  ['{ pipeline }', 'node:stream/promises'],
  ['{ trace }', '@opentelemetry/api'],
] as const;
const apps = {
  'an ES module': [
    'app.mjs',
    `${modules.map(([what, name]) => `import ${what} from '${name}';`).join('\n')}
     import { setInterval as everyMs, setTimeout as sleep } from 'node:timers/promises';
     const file = new URL(import.meta.url);`,
  ],
  'a CommonJS app': [
    'app.cjs',
    `${modules.map(([what, name]) => `const ${what} = require('${name}');`).join('\n')}
     const { setInterval: everyMs, setTimeout: sleep } = require('node:timers/promises');
     const file = __filename;`,
  ],
} as const;

interface Notes {
  readonly own: string;
  readonly noted: readonly (readonly [place: string, spanId: string | undefined])[];
}

/** Sends a body in three parts, so that requests overlap. */
async function post(url: string): Promise<void> {
  const outgoing = httpRequest(url, { method: 'POST' });
  for (const part of ['one', 'two']) {
    outgoing.write(part);
    await wait(3);
  }
  outgoing.end('three');
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  for await (const _chunk of answer);
}

for (const [what, [fileName, head]] of Object.entries(apps)) {
  for (const flag of ['--import', '--require']) {
    test(`${what} under ${flag}: every way that a request goes is in its context, whatever runs beside it`, async (t) => {
      const path = await writeApp(t, fileName, head + body);
      const app = runNode(t, [flag, '@clew/sdk/register', path], { OTEL_TRACES_EXPORTER: 'none' });
      const url = await app.url();
      await Promise.all([post(url), post(url), post(url)]);
      await app.waitForText(/(?:notes=.*\n.*){3}/);
      const all = [...app.stdout.matchAll(/notes=(.*)\n/g)].map((match) => JSON.parse(match[1]!) as Notes);
      assert.equal(new Set(all.map(({ own }) => own)).size, 3);
      for (const { own, noted } of all) {
        assert.deepEqual(
          noted.filter(([, spanId]) => spanId !== own),
          [],
        );
        assert.deepEqual([...new Set(noted.map(([place]) => place))].sort(), [...places]);
      }
    });
  }
}
