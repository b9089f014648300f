import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fastify } from 'fastify';
import { createLogger } from '#src/log.js';
import { fetchRows } from '#src/query/statement.js';
import { openTrace } from '#src/query/trace.js';
import { breakOff } from '#src/serve/error-answer.js';
import { connectStore, type StoreClient } from '#src/store/client.js';
import { migrate } from '#src/store/migrations.js';
import { QueryTurns, type TenantTurns } from '#src/store/query-turns.js';
import { type StopReason, TenantQueries } from '#src/store/tenant-queries.js';
import { type EngineFixture, fetchLines, startEngineFixture } from './store-fixture.js';

const log = createLogger('silent');
const mib = 1024 * 1024;

let fixture: EngineFixture;

before(async () => {
  fixture = await startEngineFixture();
  await migrate(fixture.client);
});

after(async () => {
  await fixture.stop();
});

interface QueriesOptions {
  readonly client?: StoreClient;
  readonly turns?: TenantTurns;
  readonly timeoutMs?: number;
  readonly maxMemoryBytes?: number;
  readonly onStopped?: (reason: StopReason) => void;
}

function createQueries({
  client = fixture.client,
  turns = new QueryTurns(2).addTenant(),
  timeoutMs = 600_000,
  maxMemoryBytes = 1024 * mib,
  onStopped = () => {},
}: QueriesOptions): TenantQueries {
  return new TenantQueries({ client, turns, limits: { timeoutMs, maxMemoryBytes }, onStopped, log });
}

const select = (sql: string) => ({ sql, params: {} });

/** Takes tens of millions of keys, each in memory. */
const largeStatement = select('SELECT uniqExact(number) AS count FROM numbers(50000000)');

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `still not true after 60 s: ${condition}`);
    await sleep(10);
  }
}

describe('the deadline of a query', () => {
  test('is one for all of its statements, and says what to do', async () => {
    const stops: StopReason[] = [];
    const query = createQueries({ timeoutMs: 2_000, onStopped: (reason) => stops.push(reason) }).open();
    let answered = 0;
    const searchOn = async (): Promise<never> => {
      for (;;) {
        await fetchRows(query.client, select('SELECT sleep(0.3) AS slept'));
        answered += 1;
      }
    };
    await assert.rejects(searchOn, {
      code: 'CLEW_QUERY_TOO_EXPENSIVE',
      status: 422,
      message: /longer than 2000 ms \(CLEW_QUERY_TIMEOUT_MS\)\. Narrow the time window or add a condition\./,
    });
    assert.ok(answered > 0, 'no statement alone takes so long');
    assert.deepEqual(stops, ['deadline']);
  });

  test('stops the statement in the engine as well', async () => {
    const query = createQueries({ timeoutMs: 1_000 }).open();
    const endless = select('SELECT count() AS count FROM numbers(1000000000000) WHERE sipHash64(number) = 2');
    await assert.rejects(fetchRows(query.client, endless), { code: 'CLEW_QUERY_TOO_EXPENSIVE' });
    const running =
      "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'";
    await until(async () => (await fetchLines(fixture.client, running))[0] === '0');
  });

  test('does not count the time of a query that is answered', async () => {
    const stops: StopReason[] = [];
    const query = createQueries({ timeoutMs: 1_000, onStopped: (reason) => stops.push(reason) }).open();
    await fetchRows(query.client, select('SELECT 1 AS one'));
    query.close();
    await sleep(1_100);
    assert.deepEqual(await fetchRows(query.client, select('SELECT 1 AS one')), [{ one: 1 }]);
    assert.deepEqual(stops, []);
  });

  test('that passes while a query waits for its turn is no fault of the query: it may come again', async () => {
    const turns = new QueryTurns(1).addTenant();
    const giveBack = await turns.take(new AbortController().signal);
    const query = createQueries({ turns, timeoutMs: 200 }).open();
    await assert.rejects(fetchRows(query.client, select('SELECT 1 AS one')), {
      code: 'CLEW_ENGINE_BUSY',
      status: 503,
      message: /no turn came within 200 ms/,
    });
    giveBack();
    assert.deepEqual([turns.running, turns.waiting], [0, 0]);
  });

  test('of a trace does not tell to narrow what cannot be narrowed', async () => {
    const query = createQueries({ timeoutMs: 1 }).open();
    await sleep(20);
    await assert.rejects(openTrace(query.client, 'ab'.repeat(16)), {
      code: 'CLEW_TRACE_TOO_EXPENSIVE',
      status: 422,
      message: /raise CLEW_QUERY_TIMEOUT_MS/,
    });
  });
});

describe('a query that fails', () => {
  test('gives its turn back, whether it was refused, left, or broke off', async () => {
    const turns = new QueryTurns(1).addTenant();
    const queries = createQueries({ turns });
    await assert.rejects(fetchRows(queries.open().client, select('SELECT no_such_column')));
    const left = queries.open();
    const answer = fetchRows(left.client, select('SELECT sleep(3) AS slept'));
    await until(() => queries.running === 1);
    left.leave();
    await assert.rejects(answer);
    await assert.rejects(fetchRows(left.client, select('SELECT 1 AS one')), 'no statement after it');
    const { stream } = await queries
      .open()
      .client.exec({ query: 'SELECT number FROM numbers(100000000) FORMAT Native' });
    assert.equal(queries.running, 1);
    stream.destroy();
    await until(() => queries.running === 0);
  });

  test('in the middle of its answer ends with a reset, which HTTP/1.0 does not take for the end', async () => {
    const app = fastify();
    app.get('/', (_request, reply) => {
      const blocks = new Readable({ read() {} });
      blocks.once('error', (error) => breakOff(reply, error, log));
      blocks.push(Buffer.alloc(1000));
      setImmediate(() => setImmediate(() => blocks.destroy(new Error('the engine died'))));
      return reply.send(blocks);
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('GET / HTTP/1.0\r\n\r\n');
    socket.resume();
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
    await app.close();
  });
});

describe('a ClickHouse over the network', () => {
  /** Requests as they came to the address of ClickHouse: their parameters and their statement. */
  let requests: { readonly params: URLSearchParams; readonly statement: string }[] = [];
  /** Answers a request in place of the engine. */
  let refuse: (params: URLSearchParams) => string | undefined = () => undefined;
  let proxy: Server;
  let client: StoreClient;

  async function pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = Buffer.concat(await req.toArray());
    const params = new URL(req.url!, 'http://engine').searchParams;
    requests.push({ params, statement: body.toString() });
    const refusal = refuse(params);
    if (refusal !== undefined) {
      const code = /^Code: (\d+)/.exec(refusal)![1]!;
      res.writeHead(500, { 'X-ClickHouse-Exception-Code': code }).end(refusal);
      return;
    }
    const { socketPath } = fixture.engine;
    const onward = request({ socketPath, path: req.url, method: req.method }, (answer) => {
      res.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    res.once('close', () => onward.destroy());
    onward.end(body);
  }

  before(async () => {
    proxy = createServer((req, res) => void pass(req, res)).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    client = connectStore({ clickhouseUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/default` });
  });

  afterEach(() => {
    requests = [];
    refuse = () => undefined;
  });

  after(async () => {
    await client.close();
    proxy.close();
    proxy.closeAllConnections();
  });

  test('is told the limits of each statement, and keeps them', async () => {
    const queries = createQueries({ client, timeoutMs: 7_000, maxMemoryBytes: 64 * mib });
    await fetchRows(queries.open().client, select('SELECT 1 AS one'));
    const { params } = requests[0]!;
    assert.deepEqual(
      ['max_execution_time', 'max_memory_usage', 'max_result_bytes', 'wait_end_of_query'].map((name) =>
        params.get(name),
      ),
      ['7', String(64 * mib), String(256 * mib), '1'],
    );
    await assert.rejects(fetchRows(queries.open().client, largeStatement), {
      code: 'CLEW_QUERY_TOO_EXPENSIVE',
      message: /MEMORY_LIMIT_EXCEEDED/,
    });
  });

  test('has a limit of time also for what is no query', async () => {
    await client.command({ query: 'SELECT 1' });
    assert.equal(requests[0]!.params.get('max_execution_time'), '110');
  });

  test('is told to stop a statement that nobody waits for', async () => {
    const query = createQueries({ client }).open();
    const endless = select('SELECT count() AS count FROM numbers(1000000000000) WHERE sipHash64(number) = 3');
    const answer = fetchRows(query.client, endless);
    await until(() => requests.length === 1);
    query.leave();
    await assert.rejects(answer);
    await until(() => requests.length === 2);
    const [statement, kill] = requests;
    assert.match(kill!.statement, /^KILL QUERY WHERE query_id = \{id:String\} ASYNC/);
    assert.equal(kill!.params.get('param_id'), statement!.params.get('query_id'));
  });

  test('whose profile has narrower limits answers within those', async () => {
    refuse = (params) =>
      params.has('max_memory_usage')
        ? "Code: 452. DB::Exception: Setting max_memory_usage shouldn't be greater than 500000000. (SETTING_CONSTRAINT_VIOLATION)"
        : undefined;
    const queries = createQueries({ client });
    for (let i = 0; i < 2; i += 1) {
      assert.deepEqual(await fetchRows(queries.open().client, select('SELECT 1 AS one')), [{ one: 1 }]);
    }
    // The second query does not ask for what was refused.
    assert.deepEqual(
      requests.map(({ params }) => params.has('max_memory_usage')),
      [true, false, false],
    );
  });

  test('that lets its user change no setting is named as the cause', async () => {
    refuse = () => "Code: 164. DB::Exception: Cannot modify 'max_execution_time' setting in readonly mode. (READONLY)";
    await assert.rejects(fetchRows(createQueries({ client }).open().client, select('SELECT 1 AS one')), {
      code: 'CLEW_STORE_SETTING_REFUSED',
      retryable: true,
      message: /Cannot modify 'max_execution_time' .* Set readonly = 0 in the settings profile/,
    });
  });
});
