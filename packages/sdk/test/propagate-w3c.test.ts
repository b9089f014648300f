import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { startTracing, type Tracing } from '@clew/sdk';

/*
 * The cases of the W3C's own test service for Trace Context (w3c/trace-context, test/test.py), as level 2 has them:
 * headers come in through a socket as they are, the service calls another one, and what it sends there is looked at.
 */

let tracing: Tracing;
let port: number;

/** Answers with the headers that its own calls have arrived with: one call, or as many as the path says. */
const server = createServer((request, response) => {
  const calls = Number(/^\/calls\/(\d)$/.exec(request.url ?? '')?.[1] ?? 1);
  if (request.url === '/called') {
    response.end(JSON.stringify(request.rawHeaders));
    return;
  }
  Promise.all(Array.from({ length: calls }, call)).then(
    (answers) => response.end(JSON.stringify(answers.map((text) => JSON.parse(text) as unknown))),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

async function call(): Promise<string> {
  const [response] = (await once(get({ port, host: '127.0.0.1', path: '/called' }), 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}

before(async () => {
  process.env.OTEL_LOG_LEVEL = 'error';
  tracing = startTracing({ export: 'none' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(async () => {
  await tracing.shutdown();
  server.closeAllConnections();
  server.close();
});

interface Sent {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: string;
  /** All tracestate headers, as one. */
  readonly state: string;
}

type Header = readonly [name: string, value: string];

async function send(headers: readonly Header[], path = '/'): Promise<Sent[]> {
  const socket = connect(port, '127.0.0.1');
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`, 'latin1'));
  let raw = '';
  for await (const chunk of socket.setEncoding('latin1')) raw += chunk as string;
  assert.match(raw, /^HTTP\/1\.1 200/);
  const body = /\[.*\]/s.exec(raw)![0];
  return (JSON.parse(body) as string[][]).map((rawHeaders) => {
    const valuesOf = (name: string): string[] =>
      rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name);
    const [traceparent, ...others] = valuesOf('traceparent');
    assert.deepEqual(others, [], 'one traceparent');
    const match = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '');
    assert.ok(match !== null, traceparent);
    return { traceId: match[1]!, parentId: match[2]!, flags: match[3]!, state: valuesOf('tracestate').join(',') };
  });
}

const traceId = '12345678901234567890123456789012';
const parentId = '1234567890123456';
const whole = `00-${traceId}-${parentId}-01`;

const restarts: readonly [why: string, headers: readonly Header[]][] = [
  ['there is no traceparent', []],
  [
    'there are two',
    [
      ['traceparent', `00-${traceId.slice(1)}1-${parentId}-01`],
      ['traceparent', whole],
    ],
  ],
  [
    'there are two that say the same',
    [
      ['traceparent', whole],
      ['traceparent', whole],
    ],
  ],
  ['its name has a dash', [['trace-parent', whole]]],
  ['its name has a point', [['trace.parent', whole]]],
  ...(
    [
      ['version 00 goes on', `${whole}.`],
      ['version 00 goes on with a dash', `${whole}-what-the-future-will-be-like`],
      ['a later version goes on without a dash', `cc-${traceId}-${parentId}-01.what-the-future-will-be-like`],
      ['the version is ff', `ff-${traceId}-${parentId}-01`],
      ['the version begins with a point', `.0-${traceId}-${parentId}-01`],
      ['the version ends with a point', `0.-${traceId}-${parentId}-01`],
      ['the version has three digits', `000-${traceId}-${parentId}-01`],
      ['the version has four digits', `0000-${traceId}-${parentId}-01`],
      ['the version has one digit', `0-${traceId}-${parentId}-01`],
      ['the trace id is zero', `00-${'0'.repeat(32)}-${parentId}-01`],
      ['the trace id begins with a point', `00-.${traceId.slice(1)}-${parentId}-01`],
      ['the trace id ends with a point', `00-${traceId.slice(1)}.-${parentId}-01`],
      ['the trace id has 33 digits', `00-${traceId}3-${parentId}-01`],
      ['the trace id has 31 digits', `00-${traceId.slice(1)}-${parentId}-01`],
      ['the trace id is in capitals', `00-${traceId.slice(1)}A-${parentId}-01`],
      ['the parent id is zero', `00-${traceId}-${'0'.repeat(16)}-01`],
      ['the parent id begins with a point', `00-${traceId}-.${parentId.slice(1)}-01`],
      ['the parent id ends with a point', `00-${traceId}-${parentId.slice(1)}.-01`],
      ['the parent id has 17 digits', `00-${traceId}-${parentId}7-01`],
      ['the parent id has 15 digits', `00-${traceId}-${parentId.slice(1)}-01`],
      ['the flags begin with a point', `00-${traceId}-${parentId}-.0`],
      ['the flags end with a point', `00-${traceId}-${parentId}-0.`],
      ['the flags have three digits', `00-${traceId}-${parentId}-001`],
      ['the flags have one digit', `00-${traceId}-${parentId}-1`],
      ['it is empty', ''],
    ] as const
  ).map(([why, value]): [string, Header[]] => [why, [['traceparent', value]]]),
];
for (const [why, headers] of restarts) {
  test(`the trace restarts, and its state is left behind, when ${why}`, async () => {
    const [sent] = await send([...headers, ['tracestate', 'foo=1,bar=2']]);
    assert.ok(!sent!.traceId.includes(traceId.slice(1, -1)));
    assert.equal(sent!.state, '');
    assert.equal(sent!.flags, '03');
  });
}

const continued: readonly [why: string, header: Header][] = [
  ['as it is', ['traceparent', whole]],
  ['with a name in camel case', ['TraceParent', whole]],
  ['with a name in all cases', ['TrAcEpArEnT', whole]],
  ['with a name in capitals', ['TRACEPARENT', whole]],
  ['of a later version', ['traceparent', `cc-${traceId}-${parentId}-01`]],
  ['of a later version that goes on', ['traceparent', `cc-${traceId}-${parentId}-01-what-the-future-will-be-like`]],
  ['of the last version', ['traceparent', `fe-${traceId}-${parentId}-01`]],
  ['with a space before', ['traceparent', ` ${whole}`]],
  ['with a tab before', ['traceparent', `\t${whole}`]],
  ['with a space behind', ['traceparent', `${whole} `]],
  ['with a tab behind', ['traceparent', `${whole}\t`]],
  ['with both around', ['traceparent', `\t ${whole} \t`]],
];
for (const [why, header] of continued) {
  test(`a traceparent is continued ${why}, with a parent id of its own`, async () => {
    const [sent] = await send([header]);
    assert.equal(sent!.traceId, traceId);
    assert.notEqual(sent!.parentId, parentId);
    assert.equal(sent!.state, '');
  });
}

// Level 2: sampled and random are copied as bits, all others are sent as zero.
for (const [given, expected] of [
  ['00', '00'],
  ['01', '01'],
  ['02', '02'],
  ['03', '03'],
  ['04', '00'],
  ['fc', '00'],
  ['fd', '01'],
  ['ff', '03'],
] as const) {
  test(`of the flags ${given}, ${expected} goes on`, async () => {
    const [sent] = await send([['traceparent', `00-${traceId}-${parentId}-${given}`]]);
    assert.deepEqual([sent!.traceId, sent!.flags], [traceId, expected]);
  });
}

const lowerCase = 'abcdefghijklmnopqrstuvwxyz';
const keyChars = `${lowerCase}0123456789_-*/`;
const valueChars = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index))
  .filter((char) => char !== ',' && char !== '=')
  .join('');
const numbered = (from: number, to: number): string =>
  Array.from(
    { length: to - from + 1 },
    (_, index) => `bar${String(from + index).padStart(2, '0')}=${from + index}`,
  ).join(',');

const states: readonly [why: string, headers: readonly Header[], state: string][] = [
  ['it is carried on', [['tracestate', 'foo=1,bar=2']], 'foo=1,bar=2'],
  ['its name has a dash', [['trace-state', 'foo=1']], ''],
  ['its name has a point', [['trace.state', 'foo=1']], ''],
  ['its name is in camel case', [['TraceState', 'foo=1']], 'foo=1'],
  ['its name is in all cases', [['TrAcEsTaTe', 'foo=1']], 'foo=1'],
  ['its name is in capitals', [['TRACESTATE', 'foo=1']], 'foo=1'],
  ['it is empty', [['tracestate', '']], ''],
  [
    'an empty one follows',
    [
      ['tracestate', 'foo=1'],
      ['tracestate', ''],
    ],
    'foo=1',
  ],
  [
    'an empty one goes before',
    [
      ['tracestate', ''],
      ['tracestate', 'foo=1'],
    ],
    'foo=1',
  ],
  [
    'there are several',
    [
      ['tracestate', 'foo=1,bar=2'],
      ['tracestate', 'rojo=1,congo=2'],
      ['tracestate', 'baz=3'],
    ],
    'foo=1,bar=2,rojo=1,congo=2,baz=3',
  ],
  ['a key comes twice', [['tracestate', 'foo=1,foo=1']], 'foo=1'],
  ['a key comes twice with other values', [['tracestate', 'foo=1,foo=2']], 'foo=1'],
  [
    'a key comes in two headers',
    [
      ['tracestate', 'foo=1'],
      ['tracestate', 'foo=2'],
    ],
    'foo=1',
  ],
  ['all characters of keys and values', [['tracestate', `${keyChars}=${valueChars}`]], `${keyChars}=${valueChars}`],
  [
    'all characters, and a vendor',
    [['tracestate', `${keyChars}@a-z0-9_-*/=${valueChars}`]],
    `${keyChars}@a-z0-9_-*/=${valueChars}`,
  ],
  ['spaces and tabs around members', [['tracestate', 'foo=1 \t , \t bar=2, \t baz=3']], 'foo=1,bar=2,baz=3'],
  ['tabs and spaces around members', [['tracestate', 'foo=1\t \t,\t \tbar=2,\t \tbaz=3']], 'foo=1,bar=2,baz=3'],
  ['a space before', [['tracestate', ' foo=1']], 'foo=1'],
  ['a tab before', [['tracestate', '\tfoo=1']], 'foo=1'],
  ['a space behind', [['tracestate', 'foo=1 ']], 'foo=1'],
  ['a tab behind', [['tracestate', 'foo=1\t']], 'foo=1'],
  ['both around', [['tracestate', '\t foo=1 \t']], 'foo=1'],
  ['a key ends with a space', [['tracestate', 'foo =1']], ''],
  ['a key is in capitals', [['tracestate', 'FOO=1']], ''],
  ['a key has a point', [['tracestate', 'foo.bar=1']], ''],
  ['a key begins with @', [['tracestate', '@foo=1,bar=2']], ''],
  // Level 2 has given up the form of vendors.
  ['a key ends with @', [['tracestate', 'foo@=1,bar=2']], 'foo@=1,bar=2'],
  ['a key has @ twice', [['tracestate', 'foo@@bar=1,bar=2']], 'foo@@bar=1,bar=2'],
  ['a key has two vendors', [['tracestate', 'foo@bar@baz=1,bar=2']], 'foo@bar@baz=1,bar=2'],
  [
    'there are 32 members in several headers',
    [
      ['tracestate', numbered(1, 10)],
      ['tracestate', numbered(11, 20)],
      ['tracestate', numbered(21, 32)],
    ],
    numbered(1, 32),
  ],
  [
    'there are 33 members in several headers',
    [
      ['tracestate', numbered(1, 10)],
      ['tracestate', numbered(11, 20)],
      ['tracestate', numbered(21, 33)],
    ],
    '',
  ],
  [
    'a key has 256 characters',
    [
      ['tracestate', 'foo=1'],
      ['tracestate', `${'z'.repeat(256)}=1`],
    ],
    `foo=1,${'z'.repeat(256)}=1`,
  ],
  [
    'a key has 257 characters',
    [
      ['tracestate', 'foo=1'],
      ['tracestate', `${'z'.repeat(257)}=1`],
    ],
    '',
  ],
  ['a value has an equals sign', [['tracestate', 'foo=bar=baz']], ''],
  ['a value is empty', [['tracestate', 'foo=,bar=3']], ''],
];
for (const [why, headers, state] of states) {
  test(`of a tracestate, "${state.slice(0, 40)}" goes on when ${why}`, async () => {
    const [sent] = await send([['traceparent', `00-${traceId}-${parentId}-00`], ...headers]);
    // A bad state is no reason to leave the trace.
    assert.equal(sent!.traceId, traceId);
    assert.equal(sent!.state, state);
  });
}

for (const [why, headers, isContinued] of [
  ['a traceparent', [['traceparent', whole]], true],
  ['no traceparent', [], false],
  ['one that is none', [['traceparent', `00-${'0'.repeat(32)}-${parentId}-01`]], false],
] as const) {
  test(`with ${why}, several calls are in one trace, each with a parent id of its own`, async () => {
    const sent = await send(headers, '/calls/3');
    assert.equal(new Set(sent.map((each) => each.traceId)).size, 1);
    assert.equal(sent[0]!.traceId === traceId, isContinued);
    assert.equal(new Set(sent.map((each) => each.parentId)).size, 3);
  });
}
