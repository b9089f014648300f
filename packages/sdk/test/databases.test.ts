import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryApp, loadStatements, waysToStart } from './library-app.js';
import { type LibraryServer, startPostgres, startRedis } from './library-servers.js';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode } from './run-app.js';

let postgres: LibraryServer;
let redis: LibraryServer;

before(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
});

after(async () => {
  await Promise.all([postgres?.stop(), redis?.stop()]);
});

const instrumentations = ['pg', 'redis', 'ioredis'].map((name) => `@opentelemetry/instrumentation-${name}`);

/** A server that asks all three databases for every request. */
const service = `
const pool = new pg.Pool({ host: '127.0.0.1', port: Number(process.env.PG_PORT), user: 'postgres' });
const cache = redis.createClient({ url: 'redis://127.0.0.1:' + process.env.REDIS_PORT });
const io = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1', { lazyConnect: true });
const ready = Promise.all([cache.connect(), io.connect(), pool.query('SELECT 0')]);
const server = http.createServer(async (request, response) => {
  const { rows } = await pool.query('SELECT $1::int AS answer', [42]);
  await cache.set('key', String(rows[0].answer));
  response.end(await io.get('key'));
});
ready.then(() => server.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port)));
process.on('SIGTERM', async () => { server.close(); await Promise.all([pool.end(), cache.close(), io.quit()]); });
`;

for (const { flag, form, extension } of waysToStart) {
  test(`queries of pg, redis and ioredis are children of the request in ${form} under ${flag}`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const app = await LibraryApp.create(t, ['pg', 'redis', 'ioredis', ...instrumentations]);
    const loads = loadStatements(extension, { http: 'node:http', pg: 'pg', redis: 'redis', Redis: 'ioredis' });
    const path = await app.write(`app.${extension}`, `${loads}\n${service}`);
    const run = runNode(
      t,
      [flag, '@clew/sdk/register', path],
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
        OTEL_BSP_SCHEDULE_DELAY: '20',
        PG_PORT: String(postgres.port),
        REDIS_PORT: String(redis.port),
      },
      app.folder,
    );
    const response = await fetch(await run.url());
    assert.equal(await response.text(), '42');
    run.child.kill('SIGTERM');
    assert.deepEqual(await run.exit(), { code: 0, signal: null });
    const request = sink.spans.find((span) => span.kind === kind.server)!;
    const children = sink.spans.filter((span) => span.parentSpanId === request.spanId);
    const summary = (scope: string): unknown[] =>
      children
        .filter((span) => span.scope.endsWith(scope))
        .map(({ kind: spanKind, traceId, attributes }) => [
          spanKind,
          traceId,
          attributes['db.statement'] ?? attributes['db.query.text'],
        ]);
    assert.deepEqual(summary('instrumentation-pg'), [
      [kind.client, request.traceId, undefined],
      [kind.client, request.traceId, 'SELECT $1::int AS answer'],
    ]);
    assert.deepEqual(summary('instrumentation-redis'), [[kind.client, request.traceId, 'SET key [1 other arguments]']]);
    assert.deepEqual(summary('instrumentation-ioredis'), [[kind.client, request.traceId, 'get key']]);
    assert.equal(run.notices.length, 1, run.stderr);
  });
}

test('a query that waits for a connection of the pool belongs to the request that waits', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const app = await LibraryApp.create(t, ['pg', '@opentelemetry/instrumentation-pg']);
  const path = await app.write(
    'app.mjs',
    `import http from 'node:http'; import pg from 'pg';
    const pool = new pg.Pool({ host: '127.0.0.1', port: Number(process.env.PG_PORT), user: 'postgres', max: 1 });
    const server = http.createServer(async (request, response) => {
      const name = request.url.slice(1);
      await pool.query('SELECT pg_sleep(0.02), $1::text', [name]);
      await pool.query('SELECT $1::text AS ' + name, [name]);
      response.end();
    });
    server.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
    process.on('SIGTERM', () => { server.close(); pool.end(); });`,
  );
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint, PG_PORT: String(postgres.port) };
  const run = runNode(t, ['--import', '@clew/sdk/register', path], env, app.folder);
  const url = await run.url();
  const names = ['first', 'second', 'third', 'fourth'];
  await Promise.all(names.map(async (name) => (await fetch(`${url}/${name}`)).text()));
  run.child.kill('SIGTERM');
  assert.deepEqual(await run.exit(), { code: 0, signal: null }, run.stderr);
  for (const name of names) {
    const request = sink.spans.find(({ attributes }) => attributes['url.path'] === `/${name}`)!;
    const children = sink.spans.filter(({ parentSpanId }) => parentSpanId === request.spanId);
    assert.deepEqual(
      children.flatMap(({ attributes }) => attributes['db.statement'] ?? attributes['db.query.text'] ?? []),
      ['SELECT pg_sleep(0.02), $1::text', `SELECT $1::text AS ${name}`],
    );
  }
});
