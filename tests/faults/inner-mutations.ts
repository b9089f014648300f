import { ProtobufReader } from '@clew/wire';
import { mutate } from './mutations.ts';
import type { Random } from './random.ts';

/*
 * Most changes to the bytes of a request break its frame, and a reader stops there. These change something inside and
 * frame it anew, so that what is wrong reaches those who look at values: ids, times, lengths of texts, types, nesting.
 */

/** One field of a message: its tag and its content, without the length. */
interface Field {
  readonly tag: number;
  readonly content: Buffer;
}

/** Changes one field at some depth; what is around it stays valid. */
export function mutateProtobuf(message: Buffer, random: Random): Buffer {
  const fields = splitFields(message);
  if (fields === null || fields.length === 0) return mutate(message, random);
  const at = random.below(fields.length);
  const { tag, content } = fields[at]!;
  const isMessage = (tag & 7) === 2;
  const change = random.below(6);
  if (isMessage && random.below(8) > 0) fields[at] = { tag, content: mutateProtobuf(content, random) };
  else if (change === 0) fields.splice(at, 0, ...Array.from({ length: random.below(40) }, () => fields[at]!));
  else if (change === 1) fields.splice(at, 1);
  else if (isMessage) fields[at] = { tag, content: mutate(content, random) };
  else {
    // As many bytes as before, or the next field begins in the middle of this one.
    const bytes = content.map((byte) => (random.below(2) === 0 ? byte : (byte & 0x80) | random.below(128)));
    fields[at] = { tag, content: Buffer.from(bytes) };
  }
  return Buffer.concat(fields.flatMap(encodeField));
}

function splitFields(bytes: Buffer): Field[] | null {
  const reader = new ProtobufReader(bytes);
  const fields: Field[] = [];
  try {
    while (reader.position < bytes.length) {
      const tag = reader.readVarint32(bytes.length);
      if (tag < 8) return null;
      let start = reader.position;
      if ((tag & 7) === 2) {
        const end = reader.readLength(bytes.length);
        start = reader.position;
        reader.position = end;
      } else reader.skip(tag, bytes.length);
      fields.push({ tag, content: bytes.subarray(start, reader.position) });
    }
  } catch {
    return null;
  }
  return fields;
}

function encodeField({ tag, content }: Field): Buffer[] {
  return (tag & 7) === 2 ? [varint(tag), varint(content.length), content] : [varint(tag), content];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Written as arrays in arrays, so deep that none of the usual functions would write it. */
const veryDeep = '(very deep)';

const awkwardValues: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  '18446744073709551615',
  '9223372036854775807',
  '-9223372036854775808',
  '',
  'Infinity',
  '0'.repeat(32),
  '\u0000',
  '\ud800',
  'x'.repeat(70_000),
  [],
  {},
  [[[[[]]]]],
  { values: [{}] },
  nest(20),
  nest(200),
  veryDeep,
];

function nest(depth: number): unknown {
  let value: unknown = { stringValue: 'x' };
  for (let i = 0; i < depth; i++) value = { arrayValue: { values: [value] } };
  return value;
}

/** Changes one value at some depth of a JSON text. */
export function mutateJson(text: Buffer, random: Random): Buffer {
  const depth = random.between(1, 50_000);
  const mutated = JSON.stringify(mutateValue(JSON.parse(text.toString()), random));
  return Buffer.from(mutated.replace(JSON.stringify(veryDeep), () => '['.repeat(depth) + ']'.repeat(depth)));
}

function mutateValue(value: unknown, random: Random): unknown {
  if (typeof value === 'object' && value !== null && random.below(10) > 0) {
    const entries = Object.entries(value);
    if (entries.length > 0) {
      const [key, inner] = entries[random.below(entries.length)]!;
      const changed = mutateValue(inner, random);
      if (Array.isArray(value)) return value.with(Number(key), changed);
      return { ...value, [key]: changed };
    }
  }
  if (typeof value === 'string' && random.below(2) === 0) {
    return mutate(Buffer.from(value || 'x'), random).toString('latin1');
  }
  return awkwardValues[random.below(awkwardValues.length)];
}
