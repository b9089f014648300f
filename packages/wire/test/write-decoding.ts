/*
 * A decoder of OTLP trace requests that shares nothing with the package: both writers' bytes are read with it and the
 * results compared. It follows the .proto files; unknown fields fail.
 */

type Field = { readonly number: number; readonly wire: number; readonly value: bigint | Buffer };

function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Error('cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (position < bytes.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    let value: bigint | Buffer;
    if (wire === 0) {
      value = varint();
    } else if (wire === 2) {
      const length = Number(varint());
      value = bytes.subarray(position, position + length);
      if (value.length !== length) throw new Error('cut off');
      position += length;
    } else if (wire === 1) {
      value = bytes.readBigUInt64LE(position);
      position += 8;
    } else if (wire === 5) {
      value = BigInt(bytes.readUInt32LE(position));
      position += 4;
    } else {
      throw new Error(`wire type ${wire}`);
    }
    fields.push({ number: tag >>> 3, wire, value });
  }
  return fields;
}

type Read = (value: never, into: Record<string, unknown>) => void;

function decode(bytes: Buffer, readers: Record<number, Read>): Record<string, unknown> {
  const into: Record<string, unknown> = {};
  for (const { number, value } of fieldsOf(bytes)) {
    const read = readers[number];
    if (read === undefined) throw new Error(`unknown field ${number}`);
    read(value as never, into);
  }
  return into;
}

// Fields that hold their default are left out of the result, so a writer may send them or not.
const text =
  (name: string): Read =>
  (value: Buffer, into) => {
    if (value.length > 0) into[name] = value.toString('utf8');
  };
const hex =
  (name: string): Read =>
  (value: Buffer, into) => {
    if (value.length > 0) into[name] = value.toString('hex');
  };
const integer =
  (name: string): Read =>
  (value: bigint, into) => {
    if (value !== 0n) into[name] = value;
  };
const one =
  (name: string, read: (bytes: Buffer) => unknown): Read =>
  (value: Buffer, into) => {
    into[name] = read(value);
  };
const many =
  (name: string, read: (bytes: Buffer) => unknown): Read =>
  (value: Buffer, into) => {
    into[name] = [...((into[name] ?? []) as unknown[]), read(value)];
  };

const anyValue = (bytes: Buffer): unknown => {
  const field = fieldsOf(bytes)[0];
  if (field === undefined) return { empty: true };
  const value = field.value as never;
  switch (field.number) {
    case 1:
      return { string: (value as Buffer).toString('utf8') };
    case 2:
      return { bool: value === 1n };
    case 3:
      return { int: BigInt.asIntN(64, value) };
    case 4: {
      const raw = Buffer.alloc(8);
      raw.writeBigUInt64LE(value);
      return { double: raw.readDoubleLE() };
    }
    case 5:
      return { array: decode(value, { 1: many('values', anyValue) }) };
    case 6:
      return { map: decode(value, { 1: many('values', keyValue) }) };
    case 7:
      return { bytes: (value as Buffer).toString('hex') };
    default:
      throw new Error(`unknown field ${field.number} of AnyValue`);
  }
};

const keyValue = (bytes: Buffer): unknown => decode(bytes, { 1: text('key'), 2: one('value', anyValue) });

const event = (bytes: Buffer): unknown =>
  decode(bytes, { 1: integer('time'), 2: text('name'), 3: many('attributes', keyValue), 4: integer('dropped') });

const link = (bytes: Buffer): unknown =>
  decode(bytes, {
    1: hex('traceId'),
    2: hex('spanId'),
    3: text('traceState'),
    4: many('attributes', keyValue),
    5: integer('dropped'),
    6: integer('flags'),
  });

const status = (bytes: Buffer): unknown => decode(bytes, { 2: text('message'), 3: integer('code') });

const span = (bytes: Buffer): unknown => {
  const decoded = decode(bytes, {
    1: hex('traceId'),
    2: hex('spanId'),
    3: text('traceState'),
    4: hex('parentSpanId'),
    5: text('name'),
    6: integer('kind'),
    7: integer('start'),
    8: integer('end'),
    9: many('attributes', keyValue),
    10: integer('droppedAttributes'),
    11: many('events', event),
    12: integer('droppedEvents'),
    13: many('links', link),
    14: integer('droppedLinks'),
    15: one('status', status),
    16: integer('flags'),
  });
  // An empty status says the same as none.
  if (Object.keys((decoded.status as object | undefined) ?? {}).length === 0) delete decoded.status;
  return decoded;
};

const scope = (bytes: Buffer): unknown =>
  decode(bytes, { 1: text('name'), 2: text('version'), 3: many('attributes', keyValue), 4: integer('dropped') });

const scopeSpans = (bytes: Buffer): unknown =>
  decode(bytes, { 1: one('scope', scope), 2: many('spans', span), 3: text('schemaUrl') });

const resource = (bytes: Buffer): unknown => decode(bytes, { 1: many('attributes', keyValue), 2: integer('dropped') });

const resourceSpans = (bytes: Buffer): unknown =>
  decode(bytes, { 1: one('resource', resource), 2: many('scopeSpans', scopeSpans), 3: text('schemaUrl') });

/** An `ExportTraceServiceRequest` as plain objects. */
export function decodeTraceRequest(bytes: Uint8Array): Record<string, unknown> {
  return decode(Buffer.from(bytes), { 1: many('resourceSpans', resourceSpans) });
}
