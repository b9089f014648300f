import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeIncoming } from '#src/instrument/describe-incoming.js';
import { forwardedParameter, nodeAddress } from '#src/instrument/forwarded-header.js';

/*
 * `Forwarded` against the grammar of RFC 7239, and the older `X-Forwarded-` headers as proxies write them: what the first
 * proxy says is found exactly, and nothing throws, whatever comes.
 */

const digitsAndLetters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const token = fc.string({
  unit: fc.constantFrom(...digitsAndLetters, ..."!#$%&'*+-.^_`|~"),
  minLength: 1,
  maxLength: 10,
});
const spaces = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 2 });

/** In quotes, with some characters escaped that need not be. */
function quote(text: string, escapes: readonly boolean[]): string {
  const parts = Array.from(text, (char, index) =>
    char === '"' || char === '\\' || escapes[index] === true ? `\\${char}` : char,
  );
  return `"${parts.join('')}"`;
}

const escapes = fc.array(fc.boolean(), { maxLength: 60 });
/** A text as a value: as a token where the grammar lets it, else in quotes. */
const asValue = (text: string): fc.Arbitrary<string> =>
  fc.tuple(escapes, fc.boolean()).map(([which, wantsQuotes]) => {
    const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
    return isToken && !wantsQuotes ? text : quote(text, which);
  });

const ipv6 = fc.ipV6();
const obfuscated = fc
  .string({ unit: fc.constantFrom(...digitsAndLetters, '.', '_', '-'), minLength: 1, maxLength: 8 })
  .map((text) => `_${text}`);
const nodeName = fc.oneof(
  fc.ipV4().map((address) => ({ text: address, address: address as string | undefined })),
  ipv6.map((address) => ({ text: `[${address}]`, address: address as string | undefined })),
  fc.constantFrom('unknown', 'Unknown').map((text) => ({ text, address: undefined as string | undefined })),
  obfuscated.map((text) => ({ text, address: undefined as string | undefined })),
);
const nodePort = fc.oneof(
  fc.constant(''),
  fc.integer({ min: 0, max: 65_535 }).map((port) => `:${port}`),
  obfuscated.map((text) => `:${text}`),
);
const node = fc.tuple(nodeName, nodePort).map(([{ text, address }, port]) => ({ text: text + port, address }));
const host = fc.oneof(
  fc.domain(),
  fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 })).map(([name, port]) => `${name}:${port}`),
);

const anyCase = (name: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((uppers) => Array.from(name, (char, index) => (uppers[index] === true ? char.toUpperCase() : char)).join(''));

interface Element {
  readonly text: string;
  readonly for: { readonly text: string; readonly address: string | undefined } | undefined;
  readonly host: string | undefined;
  readonly proto: string | undefined;
}

/** An element: each of the parameters at most once, in any order, others and empty ones among them. */
const element: fc.Arbitrary<Element> = fc
  .record({
    for: fc.option(node, { nil: undefined }),
    host: fc.option(host, { nil: undefined }),
    proto: fc.option(fc.constantFrom('http', 'https', 'HTTPS', 'gopher'), { nil: undefined }),
    // What others put into theirs looks like ours.
    extensions: fc.uniqueArray(
      fc.tuple(
        token.filter((key) => !/^(?:for|host|proto)$/i.test(key)),
        fc.oneof(token, fc.constantFrom('a;proto=ftp', ', for=10.9.8.7;host=x', '";host=y', '\\', '')),
      ),
      { maxLength: 2, selector: ([key]) => key.toLowerCase() },
    ),
  })
  .chain((given) => {
    const own = (['for', 'host', 'proto'] as const).flatMap((name) => {
      const value = name === 'for' ? given.for?.text : given[name];
      return value === undefined ? [] : [fc.tuple(anyCase(name), asValue(value)).map((pair) => pair.join('='))];
    });
    const others = given.extensions.map(([key, value]) => asValue(value).map((text) => `${key}=${text}`));
    const pairs = [...own, ...others, fc.constant('')];
    return fc
      .tuple(...pairs)
      .chain((texts) => fc.shuffledSubarray(texts, { minLength: texts.length }))
      .map((texts) => ({ text: texts.join(';'), for: given.for, host: given.host, proto: given.proto }));
  })
  .filter(({ text }) => /[^;]/.test(text));

const header = fc
  .tuple(fc.array(element, { minLength: 1, maxLength: 3 }), spaces, fc.boolean())
  .map(([elements, space, startsEmpty]) => ({
    text: (startsEmpty ? `${space},${space}` : '') + elements.map(({ text }) => text).join(`${space},${space}`),
    first: elements[0]!,
  }));

test('Forwarded: of what the grammar allows, the parameters of the first element are read', () => {
  fc.assert(
    fc.property(header, ({ text, first }) => {
      assert.equal(forwardedParameter(text, 'for'), first.for?.text);
      assert.equal(forwardedParameter(text, 'host'), first.host);
      assert.equal(forwardedParameter(text, 'proto'), first.proto);
    }),
    { numRuns: 3_000 },
  );
});

test('a node of RFC 7239 is its address, or none when it hides itself', () => {
  fc.assert(fc.property(node, ({ text, address }) => assert.equal(nodeAddress(text), address)));
});

test('X-Forwarded-For: the first of a list of addresses, with ports or without, with brackets or without', () => {
  const forms = fc.oneof(
    fc.ipV4().map((address) => [address, address] as const),
    fc
      .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }))
      .map(([address, port]) => [`${address}:${port}`, address] as const),
    // One colon in an address without brackets could be that of a port.
    ipv6.filter((address) => address.split(':').length > 2).map((address) => [address, address] as const),
    ipv6.map((address) => [`[${address}]:80`, address] as const),
  );
  fc.assert(
    fc.property(fc.array(forms, { minLength: 1, maxLength: 4 }), spaces, (list, space) => {
      const text = list.map(([written]) => written).join(`${space},${space}`);
      const attributes = describeIncoming('GET', '/', '1.1', ['x-forwarded-for', text], undefined);
      assert.equal(attributes[attributes.indexOf('client.address') + 1], list[0]![1]);
    }),
  );
});

test('X-Forwarded-Proto and -Host: the first of each list', () => {
  const proto = fc.constantFrom('http', 'https', 'HTTP');
  fc.assert(
    fc.property(
      fc.array(proto, { minLength: 1 }),
      fc.array(fc.domain(), { minLength: 1 }),
      spaces,
      (protos, hosts, space) => {
        const raw = ['X-Forwarded-Proto', protos.join(`${space},`), 'X-Forwarded-Host', hosts.join(`,${space}`)];
        const attributes = describeIncoming('GET', '/', '1.1', raw, undefined);
        assert.equal(attributes[attributes.indexOf('url.scheme') + 1], protos[0]!.toLowerCase());
        assert.equal(attributes[attributes.indexOf('server.address') + 1], hosts[0]);
      },
    ),
  );
});

test('whatever comes in these headers, nothing throws, and what is read is a text without a bound of its own', () => {
  const edited = fc
    .tuple(header, fc.nat(80), fc.nat(4), fc.string({ unit: 'binary', maxLength: 6 }))
    .map(([{ text }, at, removed, inserted]) => text.slice(0, at) + inserted + text.slice(at + removed));
  const value = fc.oneof(edited, fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(value, value, value, value, (forwarded, forwardedFor, forwardedHost, proto) => {
      const raw = [
        ...['Forwarded', forwarded, 'X-Forwarded-For', forwardedFor],
        ...['X-Forwarded-Host', forwardedHost, 'X-Forwarded-Proto', proto],
      ];
      const attributes = describeIncoming('GET', '/', '1.1', raw, undefined);
      const of = (key: string): unknown => attributes.includes(key) && attributes[attributes.indexOf(key) + 1];
      assert.match(String(of('url.scheme')), /^https?$/);
      assert.ok(of('client.address') === false || typeof of('client.address') === 'string');
      assert.ok(of('server.port') === false || Number.isInteger(of('server.port')));
    }),
    { numRuns: 2_000 },
  );
});
