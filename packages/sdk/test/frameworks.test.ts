import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { kind, type SinkSpan } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { type App, runNode, writeApp } from './run-app.js';

interface Request {
  readonly method?: string;
  readonly path: string;
  readonly status?: number;
  /** Undefined: none, and the span is called by its method alone. */
  readonly route: string | undefined;
}

interface Framework {
  readonly imports: readonly [binding: string, specifier: string][];
  /** Ends with a server that listens on `port`, and prints `port=…`. */
  readonly body: string;
  readonly requests: readonly Request[];
}

const expressBody = `
const app = express();
const orders = express.Router();
orders.get('/orders/:id', (request, response) => setImmediate(() => response.send('ok')));
orders.get('/', (request, response) => response.send('ok'));
orders.get('/fails', () => { throw new Error('no'); });
orders.get(['/one', '/two'], (request, response) => response.send('ok'));
orders.get(/^\\/r[0-9]+$/, (request, response) => response.send('ok'));
const inner = express.Router({ mergeParams: true });
inner.get('/things/:thing', (request, response) => response.send('ok'));
inner.get('/fails', (request, response, next) => next(new Error('no')));
const outer = express.Router();
outer.use((request, response, next) => next());
outer.use('/teams/:team', inner);
const sub = express();
sub.get('/pages/:page', (request, response) => response.send('ok'));
app.use((request, response, next) => next());
app.get('/plain/:x', (request, response) => response.send('ok'));
app.route('/both').get((request, response) => response.send('ok')).post((request, response) => response.send('ok'));
app.use('/api', orders);
app.use('/v1', orders);
app.use('/orgs/:org', outer);
app.use('/admin', sub);
app.use('/health', (request, response) => response.send('ok'));
app.use('/hello/:who', (request, response) => response.send('ok'));
app.use((error, request, response, next) => response.status(500).send('failed'));
const server = app.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
`;
const expressRequests: readonly Request[] = [
  { path: '/plain/1', route: '/plain/:x' },
  { path: '/both', method: 'POST', route: '/both' },
  { path: '/api/orders/7?x=1', route: '/api/orders/:id' },
  { path: '/v1/orders/7', route: '/v1/orders/:id' },
  { path: '/api/orders/8', route: '/api/orders/:id' },
  { path: '/api', route: '/api' },
  { path: '/api/two', route: '/api/one,/two' },
  { path: '/api/r12', route: '/api/^\\/r[0-9]+$/' },
  { path: '/api/fails', route: '/api/fails', status: 500 },
  { path: '/orgs/acme/teams/red/things/5', route: '/orgs/:org/teams/:team/things/:thing' },
  { path: '/orgs/acme%20inc/teams/blue/things/6', route: '/orgs/:org/teams/:team/things/:thing' },
  { path: '/orgs/acme/teams/red/fails', route: '/orgs/:org/teams/:team/fails', status: 500 },
  { path: '/admin/pages/about', route: '/admin/pages/:page' },
  { path: '/health', route: '/health' },
  { path: '/hello/you', route: '/hello/:who' },
  { path: '/api/nowhere', route: undefined, status: 404 },
  { path: '/nowhere', route: undefined, status: 404 },
];

const fastifyBody = `
const app = fastify();
app.addHook('preHandler', async (request, reply) => { if (request.url === '/refused/1') await reply.code(401).send('no'); });
app.get('/orders/:id', async () => ({ ok: true }));
app.get('/refused/:id', async () => ({ ok: true }));
app.get('/fails', async () => { throw new Error('no'); });
app.post('/checked', { schema: { body: { type: 'object', required: ['name'] } } }, async () => ({}));
app.register(async (child) => { child.get('/things/:id', async () => 'ok'); child.get('/files/*', async () => 'ok'); }, { prefix: '/api' });
app.listen({ port: 0, host: '127.0.0.1' }).then(() => console.log('port=' + app.server.address().port));
`;
const fastifyRequests: readonly Request[] = [
  { path: '/orders/7', route: '/orders/:id' },
  { path: '/orders/7', method: 'HEAD', route: '/orders/:id' },
  { path: '/refused/1', route: '/refused/:id', status: 401 },
  { path: '/fails', route: '/fails', status: 500 },
  { path: '/checked', method: 'POST', route: '/checked', status: 400 },
  { path: '/api/things/2', route: '/api/things/:id' },
  { path: '/api/files/a/b', route: '/api/files/*' },
  { path: '/nowhere', route: undefined, status: 404 },
];

const koaBody = `
const app = new Koa();
app.silent = true;
const router = new Router();
router.use(async (context, next) => { if (context.path === '/refused/1') { context.status = 401; return; } await next(); });
router.get('/orders/:id', (context) => { context.body = 'ok'; });
router.get('/refused/:id', (context) => { context.body = 'ok'; });
router.get('/fails', async () => { throw new Error('no'); });
router.all('/any', (context) => { context.body = 'ok'; });
const inner = new Router();
inner.get('/things/:id', async (context, next) => { await next(); context.body = 'ok'; });
const api = new Router({ prefix: '/api' });
api.use('/v1', inner.routes(), inner.allowedMethods());
app.use(async (context, next) => next());
app.use(router.routes()).use(router.allowedMethods()).use(api.routes());
const server = app.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
`;
const koaRequests: readonly Request[] = [
  { path: '/orders/7', route: '/orders/:id' },
  { path: '/orders/7', method: 'HEAD', route: '/orders/:id' },
  { path: '/refused/1', route: '/refused/:id', status: 401 },
  { path: '/fails', route: '/fails', status: 500 },
  { path: '/any', method: 'PUT', route: '/any' },
  { path: '/api/v1/things/5', route: '/api/v1/things/:id' },
  { path: '/orders/7', method: 'DELETE', route: undefined, status: 405 },
  { path: '/nowhere', route: undefined, status: 404 },
];

const nestBody = (create: string): string => `
const { Controller, Get, Module, HttpException, Param } = common;
class Cats { one() { return 'ok'; } fails() { throw new HttpException('no', 503); } list() { return 'ok'; } }
const on = (decorator, name) => decorator(Cats.prototype, name, Object.getOwnPropertyDescriptor(Cats.prototype, name));
on(Get(':id'), 'one'); on(Get('broken/now'), 'fails'); on(Get(), 'list');
Controller('cats')(Cats);
class AppModule {}
Module({ controllers: [Cats] })(AppModule);
(async () => {
  const app = await NestFactory.create(AppModule, ${create}, { logger: false });
  app.setGlobalPrefix('api');
  await app.listen(0, '127.0.0.1');
  console.log('port=' + app.getHttpServer().address().port);
})();
`;
const nestRequests: readonly Request[] = [
  { path: '/api/cats/7', route: '/api/cats/:id' },
  { path: '/api/cats', route: '/api/cats' },
  { path: '/api/cats/broken/now', route: '/api/cats/broken/now', status: 503 },
  { path: '/nowhere', route: undefined, status: 404 },
];
const nestImports: Framework['imports'] = [
  ['reflect', 'reflect-metadata'],
  ['{ NestFactory }', '@nestjs/core'],
  ['* as common', '@nestjs/common'],
];

const frameworks: Readonly<Record<string, Framework>> = {
  'Express 5': { imports: [['express', 'express']], body: expressBody, requests: expressRequests },
  'Express 4': { imports: [['express', 'express4']], body: expressBody, requests: expressRequests },
  'Fastify 5': { imports: [['{ fastify }', 'fastify']], body: fastifyBody, requests: fastifyRequests },
  'Fastify 4': { imports: [['{ fastify }', 'fastify4']], body: fastifyBody, requests: fastifyRequests },
  'NestJS on Express': {
    imports: [...nestImports, ['{ ExpressAdapter }', '@nestjs/platform-express']],
    body: nestBody('new ExpressAdapter()'),
    requests: nestRequests,
  },
  'NestJS on Fastify': {
    imports: [...nestImports, ['{ FastifyAdapter }', '@nestjs/platform-fastify']],
    body: nestBody('new FastifyAdapter()'),
    requests: nestRequests,
  },
  'Koa with @koa/router': {
    imports: [
      ['Koa', 'koa'],
      ['{ Router }', '@koa/router'],
    ],
    body: koaBody,
    requests: koaRequests,
  },
  'Koa with koa-router': {
    imports: [
      ['Koa', 'koa'],
      ['Router', 'koa-router'],
    ],
    body: koaBody,
    requests: koaRequests,
  },
  Hono: {
    imports: [
      ['{ Hono }', 'hono'],
      ['{ serve }', '@hono/node-server'],
    ],
    body: `
const app = new Hono();
app.use('*', async (context, next) => { if (context.req.path === '/refused/1') return context.text('no', 401); await next(); });
app.get('/orders/:id', (context) => context.text('ok'));
app.get('/refused/:id', (context) => context.text('ok'));
app.get('/fails', () => { throw new Error('no'); });
app.onError((error, context) => context.text('failed', 500));
app.all('/any', (context) => context.text('ok'));
const inner = new Hono();
inner.onError((error, context) => context.text('inner', 502));
inner.get('/things/:id', (context, next) => next(), async (context) => context.text('ok'));
inner.all('/fails', () => { throw new Error('no'); });
app.route('/api', inner);
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log('port=' + port));
`,
    requests: [
      { path: '/orders/7', route: '/orders/:id' },
      { path: '/orders/8', route: '/orders/:id' },
      { path: '/refused/1', route: '/refused/:id', status: 401 },
      { path: '/fails', route: '/fails', status: 500 },
      { path: '/any', method: 'PUT', route: '/any' },
      { path: '/api/things/5', route: '/api/things/:id' },
      { path: '/api/fails', route: '/api/fails', status: 502 },
      { path: '/nowhere', route: undefined, status: 404 },
    ],
  },
  'a Hono app that does nothing before its one route': {
    imports: [
      ['{ Hono }', 'hono/quick'],
      ['{ serve }', '@hono/node-server'],
    ],
    body: `
const app = new Hono();
app.get('/orders/:id', (context) => context.text('ok'));
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log('port=' + port));
`,
    requests: [
      { path: '/orders/7', route: '/orders/:id' },
      { path: '/nowhere', route: undefined, status: 404 },
    ],
  },
  hapi: {
    imports: [['Hapi', '@hapi/hapi']],
    body: `
const server = Hapi.server({ port: 0, host: '127.0.0.1', debug: false });
server.ext('onPreHandler', (request, h) => request.path === '/refused/1' ? h.response('no').code(401).takeover() : h.continue);
server.route({ method: 'GET', path: '/orders/{id}', handler: () => 'ok' });
server.route({ method: 'GET', path: '/refused/{id}', handler: () => 'ok' });
server.route({ method: 'GET', path: '/fails', handler: () => { throw new Error('no'); } });
server.route({ method: '*', path: '/files/{path*}', handler: () => 'ok' });
server.start().then(() => console.log('port=' + server.info.port));
`,
    requests: [
      { path: '/orders/7', route: '/orders/{id}' },
      { path: '/refused/1', route: '/refused/{id}', status: 401 },
      { path: '/fails', route: '/fails', status: 500 },
      { path: '/files/a/b', method: 'PUT', route: '/files/{path*}' },
      { path: '/nowhere', route: undefined, status: 404 },
    ],
  },
  'no framework at all': {
    imports: [['http', 'node:http']],
    body: `
const server = http.createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
`,
    requests: [{ path: '/orders/7', route: undefined }],
  },
};

const moduleKinds = {
  ESM: (imports: Framework['imports']): string =>
    imports.map(([binding, specifier]) => `import ${binding} from '${specifier}';\n`).join(''),
  CommonJS: (imports: Framework['imports']): string =>
    imports
      .map(([binding, specifier]) => `const ${binding.replace('* as ', '')} = require('${specifier}');\n`)
      .join(''),
} as const;

async function startApp(t: TestContext, sink: OtlpSink, flag: string, fileName: string, source: string): Promise<App> {
  return runNode(t, [flag, '@clew/sdk/register', await writeApp(t, fileName, source)], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    NODE_ENV: 'production',
  });
}

suite('routes', { concurrency: 2 }, () => {
  for (const [name, { imports, body, requests }] of Object.entries(frameworks)) {
    for (const [moduleKind, write] of Object.entries(moduleKinds)) {
      for (const flag of ['--import', '--require']) {
        test(`${name}, ${moduleKind}, ${flag}: spans are named after the route`, async (t) => {
          const sink = await OtlpSink.start();
          t.after(() => sink.close());
          const fileName = moduleKind === 'ESM' ? 'app.mjs' : 'app.cjs';
          const app = await startApp(t, sink, flag, fileName, write(imports) + body);
          const url = await app.url();
          for (const { method = 'GET', path, status = 200 } of requests) {
            const response = await fetch(url + path, { method });
            await response.text();
            assert.equal(response.status, status, `${method} ${path}`);
          }
          // Batches that are in flight together may arrive in any order.
          const spans = (await sink.waitFor(requests.length))
            .filter((span) => span.kind === kind.server)
            .sort((a, b) => Number(a.startNs - b.startNs));
          const described = (span: SinkSpan): unknown[] => [
            span.attributes['http.request.method'],
            span.attributes['url.path'],
            span.name,
            span.attributes['http.route'],
          ];
          assert.deepEqual(
            spans.map(described),
            requests.map(({ method = 'GET', path, route }) => [
              method,
              path.split('?')[0],
              route === undefined ? method : `${method} ${route}`,
              route,
            ]),
          );
          assert.equal(app.stderr.includes('Warning'), false, app.stderr);
          assert.equal(app.notices.length, 1, app.stderr);
        });
      }
    }
  }
});

test('the routes of an app that was started without an entry file are known, too', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const { imports, body } = frameworks['Koa with @koa/router']!;
  const app = runNode(t, ['--require', '@clew/sdk/register', '-e', moduleKinds.CommonJS(imports) + body], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '20',
  });
  await (await fetch(`${await app.url()}/orders/7`)).text();
  assert.equal((await sink.waitFor(1))[0]!.name, 'GET /orders/:id');
});

test('Hono that is installed and cannot be required is no failure of an app without it', async (t) => {
  const path = await writeApp(
    t,
    'app.cjs',
    `const server = require('node:http').createServer().listen(0, '127.0.0.1', () => setImmediate(() => server.close()));`,
  );
  const app = runNode(t, ['--no-experimental-require-module', '--import', '@clew/sdk/register', path], {
    OTEL_TRACES_EXPORTER: 'none',
  });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.equal(app.notices.length, 1, app.stderr);
});
