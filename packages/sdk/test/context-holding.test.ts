import assert from 'node:assert/strict';
import { EventEmitter, on, once } from 'node:events';
import { readFile } from 'node:fs';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, type TestContext, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';
import { context, trace } from '@opentelemetry/api';

let tracing: Tracing;

before(() => {
  process.env.OTEL_LOG_LEVEL = 'error';
  tracing = startTracing({ export: 'none' });
});
after(() => tracing.shutdown());

const activeId = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;

/** Called within a way that the app goes; notes which span is active there. */
type Note = (where: string) => void;

/** A request that is being handled; ends by ending its response. */
type Handle = (request: IncomingMessage, response: ServerResponse, note: Note) => void | Promise<void>;

/**
 * Sends two requests at the same time on two connections, then a third on the first one, each with a body in two parts,
 * and checks that each was in its own context everywhere.
 *
 * @param places how many places the handler notes, at least.
 */
async function holds(t: TestContext, places: number, handle: Handle): Promise<void> {
  const failures: string[] = [];
  let noted = 0;
  const ids = new Set<string>();
  const server = createServer((request, response) => {
    const own = activeId();
    assert.ok(own !== undefined);
    ids.add(own);
    const note: Note = (where) => {
      noted++;
      if (activeId() !== own) failures.push(`${where}: ${activeId()} instead of ${own}`);
    };
    void handle(request, response, note);
    setImmediate(() => sendRest.get(request.headers['x-client'] as string)!());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sendRest = new Map<string, () => void>();
  const agents = [0, 1].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
  t.after(() => {
    for (const agent of agents) agent.destroy();
    server.close();
  });
  const send = async (name: string, agent: Agent): Promise<void> => {
    const outgoing = httpRequest({ port, agent, host: '127.0.0.1', method: 'POST', headers: { 'x-client': name } });
    sendRest.set(name, () => outgoing.end('second\n'));
    outgoing.write('first\n');
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    for await (const _chunk of answer);
  };
  await Promise.all([send('a', agents[0]!), send('b', agents[1]!)]);
  await send('c', agents[0]!);
  assert.deepEqual(failures, []);
  assert.equal(ids.size, 3);
  assert.ok(noted >= places * 3, `${noted} places`);
}

test('context holds in the events of the request', (t) =>
  holds(t, 4, (request, response, note) => {
    request.on('data', () => note('data'));
    request.on('end', () => {
      note('end');
      response.end();
    });
    request.on('close', () => note('close'));
  }));

test('context holds in the events and the callbacks of the response', (t) =>
  holds(t, 5, (request, response, note) => {
    request.resume();
    response.on('finish', () => note('finish'));
    response.on('close', () => note('close'));
    response.on('prefinish', () => note('prefinish'));
    request.on('end', () => {
      response.write('x', () => note('write'));
      response.end(() => note('end'));
    });
  }));

test('context holds for listeners that are added later, from elsewhere', (t) =>
  holds(t, 2, (request, response, note) => {
    setTimeout(() => {
      request.on('end', () => note('end'));
      response.once('finish', () => note('finish'));
      request.on('end', () => response.end());
      request.resume();
    }, 1);
  }));

test('context holds in an async iterator over the request', (t) =>
  holds(t, 3, async (request, response, note) => {
    for await (const _chunk of request) note('chunk');
    note('after the loop');
    response.end();
  }));

test('context holds in a pipeline and its transforms', (t) =>
  holds(t, 4, async (request, response, note) => {
    const transform = new Transform({
      transform(chunk, _encoding, callback) {
        note('transform');
        setImmediate(() => callback(null, chunk));
      },
      flush(callback) {
        note('flush');
        callback();
      },
    });
    await pipeline(request, transform, response);
    note('after the pipeline');
  }));

test('context holds with pipe, and in streams of the app', (t) =>
  holds(t, 3, (request, response, note) => {
    const through = new PassThrough();
    through.on('data', () => note('data'));
    through.on('end', () => {
      note('end');
      Readable.from(['a', 'b'])
        .on('data', () => note('from'))
        .on('end', () => response.end());
    });
    request.pipe(through);
  }));

test('context holds in lines and in events.on and events.once over the request', (t) =>
  holds(t, 4, async (request, response, note) => {
    const ended = once(request, 'end');
    const lines = createInterface({ input: request });
    const events = on(lines, 'line', { close: ['close'] });
    for await (const _line of events) note('line');
    note('after the lines');
    await ended;
    note('once');
    response.end();
  }));

test('context holds in timers, ticks, microtasks and files', (t) =>
  holds(t, 7, (request, response, note) => {
    request.resume();
    process.nextTick(() => note('nextTick'));
    queueMicrotask(() => note('microtask'));
    setImmediate(() => note('immediate'));
    void Promise.resolve().then(() => note('then'));
    const interval = setInterval(() => {
      note('interval');
      clearInterval(interval);
    }, 1);
    readFile(import.meta.filename, () => {
      note('file');
      setTimeout(() => {
        note('timeout');
        response.end();
      }, 2);
    });
  }));

test('an emitter that is bound runs its listeners in the context, wherever it is emitted', (t) => {
  // Shared by all requests, as a pool or a queue is.
  const outside = new EventEmitter();
  return holds(t, 1, (request, response, note) => {
    request.resume();
    const emitter = context.bind(context.active(), new EventEmitter());
    emitter.on('answer', () => {
      note('bound');
      response.end();
    });
    outside.once('go', () => emitter.emit('answer'));
    setTimeout(() => context.with(trace.deleteSpan(context.active()), () => outside.emit('go')), 2);
  });
});

test('a generator that is bound keeps its context between its steps', (t) =>
  holds(t, 3, async (request, response, note) => {
    request.resume();
    const steps = async function* (): AsyncGenerator<number> {
      for (let index = 0; index < 3; index++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        note('step');
        yield index;
      }
    };
    for await (const _step of steps());
    response.end();
  }));

test('a client that goes away in the middle of a body leaves no strange context behind', async (t) => {
  const seen: [where: string, context: string][] = [];
  const arrived = new EventEmitter();
  const server = createServer((request, response) => {
    const own = activeId();
    const note = (where: string): void => {
      const active = activeId();
      seen.push([where, active === own ? 'its own' : active === undefined ? 'none' : 'a strange one']);
    };
    request.on('error', () => note('error'));
    request.on('close', () => note('request closed'));
    response.on('close', () => {
      note('response closed');
      arrived.emit('closed');
    });
    request.once('data', () => arrived.emit('data'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const data = once(arrived, 'data');
  const closed = once(arrived, 'closed');
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nfirst');
  await data;
  client.destroy();
  await closed;
  await new Promise(setImmediate);
  // Before Node 24, emitters are not bound: it would cost every request, and what breaks off runs in the socket's.
  const expected = Number.parseInt(process.versions.node, 10) >= 24 ? 'its own' : 'none';
  assert.deepEqual(Object.fromEntries(seen), {
    'response closed': expected,
    error: expected,
    'request closed': expected,
  });
});

test('no context is left behind on a connection between two requests, nor where nothing is handled', async (t) => {
  const between: (string | undefined)[] = [];
  const server = createServer((_request, response) => response.end());
  server.on('connection', (socket: Socket) => {
    between.push(activeId());
    socket.on('end', () => between.push(activeId()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(client, 'data');
  assert.equal(activeId(), undefined);
  client.end();
  await once(client, 'close');
  assert.equal(between[0], undefined);
});
