import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server, type IncomingHttpHeaders } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startTracing, type TracingOptions } from '@clew/sdk';
import { trace } from '@opentelemetry/api';
import fc from 'fast-check';

process.env.OTEL_LOG_LEVEL = 'error';

const tokenChars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const token = fc.string({ unit: fc.constantFrom(...tokenChars), minLength: 1, maxLength: 10 });
const space = fc.constantFrom('', ' ', '\t ');
const quoted = fc
  .array(fc.oneof(fc.constantFrom(...'abc ,;=-\t'), fc.constantFrom('\\"', '\\\\', '\\a')), { maxLength: 10 })
  .map((parts) => `"${parts.join('')}"`);
const parameter = fc
  .tuple(space, token, fc.option(fc.tuple(space, fc.oneof(token, quoted)), { nil: undefined }))
  .map(
    ([before, name, value]) => `;${before}${name}${value === undefined ? '' : `${value[0]}=${value[0]}${value[1]}`}`,
  );
/** A metric as the grammar of Server Timing has it. */
const metric = fc
  .tuple(token, fc.array(parameter, { maxLength: 3 }))
  .map(([name, parameters]) => name + parameters.join(''));

/** The metrics of a Server-Timing header, cut at the commas that stand outside of quotes. */
function splitMetrics(header: string): string[] {
  return (header.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? []).map((text) => text.trim());
}

const isMetric = (text: string): boolean => {
  const tokenText = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
  const value = `(?:${tokenText}|"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*")`;
  return new RegExp(`^${tokenText}(?:[ \\t]*;[ \\t]*${tokenText}(?:[ \\t]*=[ \\t]*${value})?)*$`).test(text);
};

interface Answer {
  readonly timings: readonly string[];
  readonly traceResponses: readonly string[];
  readonly body: string;
}

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The answer's headers as they are on the wire. */
async function ask(port: number): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  let raw = '';
  for await (const chunk of socket.setEncoding('latin1')) raw += chunk as string;
  const [head = '', body = ''] = raw.split('\r\n\r\n', 2);
  const valuesOf = (name: string): string[] =>
    head.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':');
      return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : [];
    });
  return { timings: valuesOf('server-timing'), traceResponses: valuesOf('traceresponse'), body };
}

/** `version "-" trace-id "-" child-id "-" trace-flags`. */
const traceResponseGrammar = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

test('whatever an app says in Server-Timing, the header follows its grammar, holds that, and the trace once', async (t) => {
  const tracing = startTracing({ export: 'none' });
  t.after(() => tracing.shutdown());
  let given: readonly string[] = [];
  const port = await serve(t, (_request, response) => {
    const { traceId, spanId, traceFlags } = trace.getActiveSpan()!.spanContext();
    if (given.length > 0) response.setHeader('Server-Timing', given.length === 1 ? given[0]! : [...given]);
    response.end(`00-${traceId}-${spanId}-0${traceFlags}`);
  });
  const list = fc.array(
    fc.array(metric, { minLength: 1, maxLength: 3 }).map((metrics) => metrics.join(', ')),
    {
      maxLength: 3,
    },
  );
  await fc.assert(
    fc.asyncProperty(list, async (headers) => {
      given = headers;
      const { timings, traceResponses, body } = await ask(port);
      assert.match(body, traceResponseGrammar);
      assert.deepEqual(traceResponses, [body]);
      const metrics = timings.flatMap(splitMetrics);
      for (const each of metrics) assert.ok(isMetric(each), each);
      const announced = `trace;desc=${body}`;
      assert.equal(metrics.filter((each) => each === announced).length, 1);
      assert.deepEqual(
        metrics.filter((each) => each !== announced),
        headers.flatMap(splitMetrics),
      );
    }),
    { numRuns: 300 },
  );
});

const answerPlainly: RequestListener = (_request, response) => {
  response.setHeader('Server-Timing', 'db;dur=1').end();
};

for (const [options, isAnnounced] of [
  [{}, true],
  [{ responseHeaders: true }, true],
  [{ responseHeaders: false }, false],
] as [TracingOptions, boolean][]) {
  test(`with ${JSON.stringify(options)} responses ${isAnnounced ? 'tell' : 'do not tell'} their trace`, async (t) => {
    const tracing = startTracing({ export: 'none', ...options });
    t.after(() => tracing.shutdown());
    const { timings, traceResponses } = await ask(await serve(t, answerPlainly));
    assert.ok(timings.includes('db;dur=1'));
    assert.equal(timings.length, isAnnounced ? 2 : 1);
    assert.equal(traceResponses.length, isAnnounced ? 1 : 0);
    const server = createHttp2Server((_request, response) => response.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      session.destroy();
      server.close();
    });
    const [headers] = (await once(session.request({ ':path': '/' }), 'response')) as [IncomingHttpHeaders];
    assert.equal('traceresponse' in headers, isAnnounced);
    assert.equal('server-timing' in headers, isAnnounced);
  });
}
