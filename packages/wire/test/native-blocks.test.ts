import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  bytesAt,
  FixedColumnWriter,
  hexAt,
  LowCardinalityColumnWriter,
  MalformedBlockError,
  type NativeColumn,
  NestedColumnWriter,
  readNativeBlocks,
  StringColumnWriter,
  stringAt,
  writeNativeBlock,
} from '@clew/wire';
import { Session } from 'chdb';
import fc from 'fast-check';

const encoder = new TextEncoder();

let directory: string;
let session: Session;

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'clew-native-'));
  session = new Session(join(directory, 'db'));
});

after(() => {
  session.close();
  rmSync(directory, { recursive: true });
});

async function select(sql: string): Promise<Uint8Array> {
  return (await session.queryAsync(sql, { format: 'Native' })).bytes();
}

/** What the engine reads from a block that this package wrote. */
async function readByEngine(block: Uint8Array): Promise<Record<string, unknown>[]> {
  const path = join(directory, 'block.native');
  writeFileSync(path, block);
  const sql = `SELECT * FROM file('${path}', Native) SETTINGS output_format_json_quote_64bit_integers = 1`;
  const text = (await session.queryAsync(sql, { format: 'JSONEachRow' })).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function column(bytes: Uint8Array, name: string): NativeColumn {
  const found = readNativeBlocks(bytes)[0]?.columns.get(name);
  assert.ok(found, `no column ${name}`);
  return found;
}

function appendText(writer: StringColumnWriter | LowCardinalityColumnWriter, text: string): void {
  const bytes = encoder.encode(text);
  writer.append(bytes, 0, bytes.length);
}

describe('the Native reader, given blocks of the engine', () => {
  for (const [type, values] of [
    ['UInt8', [0, 255]],
    ['Int8', [-128, 127]],
    ['UInt16', [0, 65535]],
    ['Int16', [-32768, 32767]],
    ['UInt32', [0, 4294967295]],
    ['Int32', [-2147483648, 2147483647]],
    ['Float32', [0.5, -2]],
    ['Float64', [0.1, -1e300]],
    ['UInt64', [0n, 18446744073709551615n]],
    ['Int64', [-9223372036854775808n, 9223372036854775807n]],
  ] as const) {
    it(`reads the least and the greatest ${type}`, async () => {
      const literals = values.map((value) => `'${value}'::${type}`).join(', ');
      const read = column(await select(`SELECT arrayJoin([${literals}]) AS c`), 'c');
      assert.ok(read.kind === 'number' || read.kind === 'bigint');
      assert.deepEqual([...read.values], values);
    });
  }

  it('reads DateTime64 as nanoseconds and Bool as bytes', async () => {
    const bytes = await select(
      `SELECT toDateTime64('2026-11-23 00:00:00.123456789', 9, 'UTC') AS t, true AS yes, toDateTime('2026-11-23 00:00:00', 'UTC') AS d`,
    );
    const time = column(bytes, 't');
    assert.ok(time.kind === 'bigint');
    assert.equal(time.values[0], 1795392000123456789n);
    const yes = column(bytes, 'yes');
    assert.ok(yes.kind === 'number');
    assert.equal(yes.values[0], 1);
    const seconds = column(bytes, 'd');
    assert.ok(seconds.kind === 'number');
    assert.equal(seconds.values[0], 1795392000);
  });

  it('reads strings of any bytes and length, and fixed strings as hex', async () => {
    const bytes = await select(
      `SELECT arrayJoin(['', 'é', repeat('x', 300)]) AS s, unhex('00ff10')::FixedString(3) AS f`,
    );
    const strings = column(bytes, 's');
    assert.deepEqual([stringAt(strings, 0), stringAt(strings, 1), stringAt(strings, 2)], ['', 'é', 'x'.repeat(300)]);
    assert.equal(hexAt(column(bytes, 'f'), 2), '00ff10');
  });

  it('reads LowCardinality with one-byte, two-byte and four-byte indexes', async () => {
    for (const distinct of [2, 300, 70_000]) {
      const bytes = await select(
        `SELECT toLowCardinality(toString(number % ${distinct})) AS c FROM numbers(140000) SETTINGS max_block_size = 200000, low_cardinality_max_dictionary_size = 100000`,
      );
      const blocks = readNativeBlocks(bytes);
      let row = 0;
      for (const block of blocks) {
        const read = block.columns.get('c')!;
        for (let i = 0; i < block.rowCount; i += 997) assert.equal(stringAt(read, i), String((row + i) % distinct));
        row += block.rowCount;
      }
      assert.equal(row, 140_000);
    }
  });

  it('reads nested arrays and maps, empty ones too', async () => {
    const bytes = await select(
      `SELECT number AS n, arrayMap(x -> toLowCardinality(toString(x)), range(number)) AS a, map('k', number)::Map(LowCardinality(String), UInt64) AS m, [[number], []]::Array(Array(UInt64)) AS aa FROM numbers(3)`,
    );
    const array = column(bytes, 'a');
    assert.ok(array.kind === 'array');
    assert.deepEqual([...array.ends], [0, 1, 3]);
    assert.deepEqual(
      [0, 1, 2].map((i) => stringAt(array.elements, i)),
      ['0', '0', '1'],
    );
    const map = column(bytes, 'm');
    assert.ok(map.kind === 'map' && map.values.kind === 'bigint');
    assert.deepEqual([...map.values.values], [0n, 1n, 2n]);
    assert.equal(stringAt(map.keys, 2), 'k');
    const nested = column(bytes, 'aa');
    assert.ok(nested.kind === 'array' && nested.elements.kind === 'array');
    assert.deepEqual([...nested.elements.ends], [1, 1, 2, 2, 3, 3]);
  });

  it('reads arrays and maps that are empty in every row', async () => {
    const bytes = await select(
      `SELECT []::Array(LowCardinality(String)) AS a, map()::Map(LowCardinality(String), LowCardinality(String)) AS m, 7::UInt8 AS last FROM numbers(2)`,
    );
    const last = column(bytes, 'last');
    assert.ok(last.kind === 'number');
    assert.deepEqual([...last.values], [7, 7]);
  });

  it('reads a result without rows', async () => {
    const blocks = readNativeBlocks(await select(`SELECT 1 AS c, toLowCardinality('x') AS l WHERE 0`));
    assert.equal(
      blocks.reduce((sum, block) => sum + block.rowCount, 0),
      0,
    );
  });

  it('names the type that it does not know', async () => {
    const bytes = await select(`SELECT NULL::Nullable(UInt8) AS c`);
    assert.throws(() => readNativeBlocks(bytes), { name: 'MalformedBlockError', message: /Nullable/ });
  });

  for (const type of ['Map(String)', 'Map(String, String, String)', 'Array(String, String)', 'FixedString(x)']) {
    it(`refuses the type ${type}, whose arguments are not its own`, () => {
      const header = Buffer.from([1, 1, 1, 0x63, type.length]);
      const bytes = new Uint8Array(Buffer.concat([header, Buffer.from(type), Buffer.alloc(64)]));
      assert.throws(() => readNativeBlocks(bytes), { name: 'MalformedBlockError', message: /arguments/ });
    });
  }

  it('refuses every block that is cut off, and asks for no memory that the bytes do not back', async () => {
    const bytes = await select(`SELECT map('a', [1]) AS m, 'text' AS s, toLowCardinality('l') AS l FROM numbers(3)`);
    for (let length = 1; length < bytes.length; length++) {
      assert.throws(() => readNativeBlocks(bytes.subarray(0, length)), MalformedBlockError, `cut at ${length}`);
    }
  });

  it('does nothing but read or refuse when bytes were changed', async () => {
    const good = new Uint8Array(
      await select(`SELECT map('a', [1])::Map(LowCardinality(String), Array(UInt64)) AS m, 's' AS s`),
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (position, byte) => {
        const bytes = good.slice();
        bytes[position] = byte;
        try {
          readNativeBlocks(bytes);
        } catch (error) {
          assert.ok(error instanceof MalformedBlockError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the Native writer, read by the engine', () => {
  it('writes every kind of column', async () => {
    const number = new FixedColumnWriter('UInt32', 4);
    const integer = new FixedColumnWriter('Int64', 8);
    const id = new FixedColumnWriter('FixedString(2)', 2);
    const text = new StringColumnWriter();
    const low = new LowCardinalityColumnWriter();
    const list = new NestedColumnWriter('Array', new LowCardinalityColumnWriter());
    const map = new NestedColumnWriter('Map', new LowCardinalityColumnWriter(), new StringColumnWriter());
    for (const value of [0, 0xffff_ffff]) number.append32(value);
    integer.append64(0xffff_ffff, 0xffff_ffff);
    integer.append64(1, 1);
    id.appendBytes(encoder.encode('..ab'), 2);
    id.appendZero();
    appendText(text, 'é'.repeat(200));
    text.appendEmpty();
    for (const value of ['one', 'one']) appendText(low, value);
    list.appendRow(0);
    for (const value of ['x', 'y', 'x']) appendText(list.elements[0], value);
    list.appendRow(3);
    appendText(map.elements[0], 'key');
    appendText(map.elements[1], 'value');
    map.appendRow(1);
    map.appendRow(0);
    const block = writeNativeBlock(Object.entries({ number, integer, id, text, low, list, map }), 2);
    assert.deepEqual(await readByEngine(block), [
      {
        number: 0,
        integer: '-1',
        id: 'ab',
        text: 'é'.repeat(200),
        low: 'one',
        list: [],
        map: { key: 'value' },
      },
      {
        number: 4294967295,
        integer: '4294967297',
        id: '\0\0',
        text: '',
        low: 'one',
        list: ['x', 'y', 'x'],
        map: {},
      },
    ]);
  });

  it('widens the indexes of LowCardinality at 257 and at 65,537 distinct values', async () => {
    for (const distinct of [256, 257, 65_536, 65_537]) {
      const low = new LowCardinalityColumnWriter();
      for (let i = 0; i < distinct; i++) appendText(low, `value ${i}`);
      const rows = await readByEngine(writeNativeBlock([['low', low]], distinct));
      assert.equal(rows.length, distinct);
      assert.equal(rows[0]!.low, 'value 0');
      assert.equal(rows.at(-1)!.low, `value ${distinct - 1}`);
    }
  });

  it('takes back what came after save, and starts anew after clear', async () => {
    const low = new LowCardinalityColumnWriter();
    const list = new NestedColumnWriter('Array', new StringColumnWriter());
    const append = (text: string): void => {
      appendText(low, text);
      appendText(list.elements[0], text);
      list.appendRow(1);
    };
    append('kept');
    low.save();
    list.save();
    append('dropped');
    low.restore();
    list.restore();
    append('after');
    const columns = Object.entries({ low, list });
    assert.deepEqual(await readByEngine(writeNativeBlock(columns, 2)), [
      { low: 'kept', list: ['kept'] },
      { low: 'after', list: ['after'] },
    ]);
    low.clear();
    list.clear();
    append('new');
    assert.deepEqual(await readByEngine(writeNativeBlock(columns, 1)), [{ low: 'new', list: ['new'] }]);
  });

  it('keeps any bytes, as the engine and the reader see them alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 4 }), { minLength: 1, maxLength: 30 }),
        async (rows) => {
          const lists = new NestedColumnWriter('Array', new StringColumnWriter());
          const lows = new NestedColumnWriter('Array', new LowCardinalityColumnWriter());
          for (const row of rows) {
            for (const bytes of row) {
              lists.elements[0].append(bytes, 0, bytes.length);
              lows.elements[0].append(bytes, 0, bytes.length);
            }
            lists.appendRow(row.length);
            lows.appendRow(row.length);
          }
          const block = writeNativeBlock(Object.entries({ lists, lows }), rows.length);
          const path = join(directory, 'any.native');
          writeFileSync(path, block);
          const hex = await session.queryAsync(
            `SELECT arrayMap(x -> lower(hex(x)), lists) AS a, arrayMap(x -> lower(hex(x)), lows) AS b FROM file('${path}', Native)`,
            { format: 'JSONCompactEachRow' },
          );
          const expected = rows.map((row) => row.map((bytes) => Buffer.from(bytes).toString('hex')));
          const seen = hex.text().trim().split('\n');
          assert.deepEqual(
            seen.map((line) => JSON.parse(line) as unknown),
            expected.map((row) => [row, row]),
          );
          const elements = column(block, 'lows');
          assert.ok(elements.kind === 'array');
          rows.flat().forEach((bytes, i) => {
            assert.deepEqual(Buffer.from(bytesAt(elements.elements, i)), Buffer.from(bytes));
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
