import fc from 'fast-check';

/*
 * Generators of headers by their grammars, and of what becomes of them on the way: the texts are put together here from
 * the rules of the specifications, not with the writers that are tested.
 */

const chars = (allowed: string | readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...allowed);
const textOf = (
  allowed: string | readonly string[],
  minLength: number,
  maxLength: number,
  size: 'small' | 'max' = 'small',
): fc.Arbitrary<string> => fc.string({ unit: chars(allowed), minLength, maxLength, size });
const range = (from: number, to: number, without = ''): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCharCode(from + index)).filter(
    (char) => !without.includes(char),
  );

const hexDigits = '0123456789abcdef';
const hex = (digits: number): fc.Arbitrary<string> => textOf(hexDigits, digits, digits);
/** Not all zero. */
export const id = (digits: number): fc.Arbitrary<string> => hex(digits).filter((text) => /[^0]/.test(text));

/** Spaces and tabs that a list may have around its members. */
const ows: fc.Arbitrary<string> = fc.oneof({ weight: 3, arbitrary: fc.constant('') }, textOf(' \t', 1, 3));

/** `traceparent` of W3C Trace Context level 2, with what it says. */
export const traceparent = fc
  .record({
    version: fc.oneof(
      fc.constant('00'),
      hex(2).filter((text) => text !== 'ff'),
    ),
    traceId: id(32),
    spanId: id(16),
    flags: hex(2),
    future: fc.oneof(
      fc.constant(''),
      textOf(range(0x21, 0x7e), 0, 20).map((text) => `-${text}`),
    ),
  })
  .map(({ version, future, ...fields }) => {
    const { traceId, spanId, flags } = fields;
    const rest = version === '00' ? '' : future;
    return { header: `${version}-${traceId}-${spanId}-${flags}${rest}`, ...fields };
  });

export const isTraceparent = (text: string): boolean =>
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/s.test(text) &&
  (text.length === 55 || !text.startsWith('00'));

const lowerAlphaDigit = [...range(0x61, 0x7a), ...range(0x30, 0x39)];
/** Most are short, some as long as they may be. */
const shortOrLong = (allowed: readonly string[], maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: textOf(allowed, 0, 20) },
    textOf(allowed, 0, maxLength, 'max'),
    textOf(allowed, maxLength, maxLength),
  );
const tracestateKey = fc
  .tuple(chars(lowerAlphaDigit), shortOrLong([...lowerAlphaDigit, ...'_-*/@'], 255))
  .map((parts) => parts.join(''));
const tracestateValue = fc
  .tuple(shortOrLong(range(0x20, 0x7e, ',='), 255), chars(range(0x21, 0x7e, ',=')))
  .map((parts) => parts.join(''));

/** `tracestate`: up to 32 members with keys of their own, and empty members between them. */
export const tracestate = fc
  .uniqueArray(fc.tuple(tracestateKey, tracestateValue), { maxLength: 32, size: 'max', selector: ([key]) => key })
  .chain((members) =>
    fc
      .tuple(
        ...members.map(([key, value]) =>
          fc.tuple(ows, ows, fc.integer({ min: 0, max: 4 })).map(([before, after, empties]) => {
            const emptyMembers = empties > 2 ? `${before},${after},` : '';
            return `${emptyMembers}${before}${key}=${value}${after}`;
          }),
        ),
      )
      .map((parts) => ({ header: parts.join(','), members })),
  );

export const isTracestateMember = (text: string): boolean =>
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/.test(text);

export const isTracestate = (text: string): boolean => {
  const members = text.split(',').map((part) => part.replace(/^[ \t]+|[ \t]+$/g, ''));
  const filled = members.filter((part) => part !== '');
  return filled.length <= 32 && filled.every(isTracestateMember);
};

const tokenChars = [...range(0x30, 0x39), ...range(0x41, 0x5a), ...range(0x61, 0x7a), ..."!#$%&'*+-.^_`|~"];
const token = textOf(tokenChars, 1, 12);
/** `baggage-octet`, and percent-encoded bytes among them. */
const baggageValue = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: chars(range(0x21, 0x7e, '",;\\%')) },
      fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, '0')}`),
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(''));
const property = fc
  .tuple(token, fc.option(fc.tuple(ows, ows, baggageValue), { nil: undefined }))
  .map(([key, given]) => (given === undefined ? key : `${key}${given[0]}=${given[1]}${given[2]}`));

/** `baggage` of W3C Baggage: members with keys of their own, as they stand in the header. */
export const baggage = fc
  .uniqueArray(
    fc.record({ key: token, value: baggageValue, properties: fc.array(property, { maxLength: 3 }), space: ows }),
    { minLength: 1, maxLength: 64, selector: ({ key }) => key },
  )
  .map((members) => ({
    header: members
      .map(({ key, value, properties, space }) =>
        [`${space}${key}${space}=${space}${value}`, ...properties].join(`${space};${space}`),
      )
      .join(','),
    members: members.map(({ key, value, properties, space }) => ({
      key,
      value,
      // As they stand there, without the spaces around the whole.
      properties: properties.join(`${space};${space}`).trim(),
    })),
  }));

/** A whole `baggage-string`. */
export const isBaggage = (text: string): boolean => {
  const tokenText = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
  const value = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*';
  const space = '[ \\t]*';
  const one = `${space}${tokenText}${space}=${space}${value}${space}`;
  const properties = `(?:;${space}${tokenText}${space}(?:=${space}${value}${space})?)*`;
  return new RegExp(`^(?:${one}${properties}(?:,${one}${properties})*)?$`).test(text);
};

const decisions = { '0': 'drop', '1': 'keep', d: 'debug' } as const;

/** The single `b3` header. */
export const b3 = fc
  .record({
    traceId: fc.oneof(id(32), id(16)),
    spanId: id(16),
    state: fc.constantFrom('', '0', '1', 'd'),
    parentId: fc.option(id(16), { nil: undefined }),
    isUpper: fc.boolean(),
  })
  .map(({ traceId, spanId, state, parentId, isUpper }) => {
    const sent = [traceId, spanId, ...(state === '' ? [] : [state, ...(parentId === undefined ? [] : [parentId])])];
    const header = sent.join('-');
    return {
      header: isUpper ? header.toUpperCase() : header,
      traceId: traceId.padStart(32, '0'),
      spanId,
      state,
      decision: state === '' ? 'defer' : decisions[state as keyof typeof decisions],
    };
  });

export const isB3 = (text: string): boolean =>
  /^(?!0+-)(?:[0-9a-f]{16}){1,2}-(?!0{16})[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?$/i.test(text.trim());

/** The `x-b3-` headers. */
export const b3Headers = fc
  .record({
    traceId: fc.oneof(id(32), id(16)),
    spanId: id(16),
    choice: fc.constantFrom(
      ['1', undefined, 'keep'],
      ['true', undefined, 'keep'],
      ['0', undefined, 'drop'],
      ['false', undefined, 'drop'],
      [undefined, undefined, 'defer'],
      [undefined, '1', 'debug'],
      ['1', '0', 'keep'],
    ),
  })
  .map(({ traceId, spanId, choice: [sampled, flags, decision] }) => ({
    headers: { traceId, spanId, sampled, flags },
    traceId: traceId.padStart(32, '0'),
    spanId,
    decision,
  }));

/** `uber-trace-id`: ids may lack leading zeros, or have them. */
export const uberTraceId = fc
  .record({
    traceId: fc.integer({ min: 1, max: 32 }).chain(id),
    spanId: fc.integer({ min: 1, max: 16 }).chain(id),
    parentId: fc.oneof(fc.constant('0'), id(16)),
    flags: fc.oneof(hex(1), hex(2)),
    colon: fc.constantFrom(':', '%3A', '%3a'),
  })
  .map(({ traceId, spanId, parentId, flags, colon }) => {
    const bits = Number.parseInt(flags, 16);
    return {
      header: [traceId, spanId, parentId, flags].join(colon),
      traceId: traceId.padStart(32, '0'),
      spanId: spanId.padStart(16, '0'),
      decision: (bits & 1) === 0 ? 'drop' : (bits & 2) === 0 ? 'keep' : 'debug',
    };
  });

/** `x-amzn-trace-id`: fields in any order, others among them. */
export const xray = fc
  .record({
    traceId: id(32),
    spanId: id(16),
    sampled: fc.constantFrom(['0', 'drop'], ['1', 'keep'], ['?', 'defer'], [undefined, 'defer']),
    others: fc.array(
      fc.constantFrom('Self=1-67891234-12456789abcdef012345678', 'Lineage=a:b|c:1', 'CalledFrom=app', 'x'),
      {
        maxLength: 2,
      },
    ),
  })
  .chain(({ traceId, spanId, sampled: [sampled, decision], others }) => {
    const fields = [
      `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)}`,
      `Parent=${spanId}`,
      ...(sampled === undefined ? [] : [`Sampled=${sampled}`]),
      ...others,
    ];
    return fc
      .tuple(fc.shuffledSubarray(fields, { minLength: fields.length }), fc.constantFrom(';', '; ', ' ;'))
      .map(([shuffled, separator]) => ({ header: shuffled.join(separator), traceId, spanId, decision }));
  });

/** What a broken or hostile sender makes of a header: characters put in, taken out, exchanged, doubled; parts cut off. */
export function mutated(header: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)),
    chars(',;=-: %"@_0fF'),
  );
  const edit = fc.record({
    at: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
    removed: fc.nat(3),
    inserted: fc.oneof(fc.constant(''), byte, textOf(range(0x20, 0x7e), 0, 5)),
    how: fc.constantFrom('edit', 'edit', 'edit', 'cut', 'double', 'upper', 'zeros', 'effs', 'grow'),
  });
  return fc.tuple(header, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([text, edits]) =>
    edits.reduce((before, { at, removed, inserted, how }) => {
      const index = Math.floor(at * before.length);
      const [head, tail] = [before.slice(0, index), before.slice(index)];
      if (how === 'cut') return head;
      if (how === 'double') return `${before},${tail}`;
      if (how === 'upper') return head + tail.toUpperCase();
      if (how === 'zeros') return head + tail.replace(/[0-9a-f]+/, (digits) => '0'.repeat(digits.length));
      if (how === 'effs') return head + tail.replace(/[0-9a-f]+/, (digits) => 'f'.repeat(digits.length));
      if (how === 'grow') return head + tail.replace(/[0-9A-Za-z]/, (char) => char + char);
      return head + inserted + tail.slice(removed);
    }, text),
  );
}
