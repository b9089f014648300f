/** How a field that is not a message is written in JSON and in protobuf. */
export type ScalarType =
  | 'string'
  | 'id'
  | 'linkId'
  | 'base64'
  | 'bool'
  | 'uint32'
  | 'int64'
  | 'double'
  | 'fixed32'
  | 'fixed64'
  | EnumNames;

/** The values of an enum by their names. */
export type EnumNames = ReadonlyMap<string, number>;

/** What a broken element costs: itself, and the others are kept. */
export type Unit = 'resourceSpans' | 'scopeSpans' | 'span';

export interface Field {
  /** As the JSON encoding has it, in lowerCamelCase. */
  readonly name: string;
  /** The field's number and its wire type. */
  readonly tag: number;
  /** A function for a message: messages refer to each other. */
  readonly type: ScalarType | (() => Message);
  readonly isRepeated: boolean;
  readonly unit: Unit | undefined;
}

/** The fields of a message, found by the bytes of their names in JSON. */
export class Message {
  readonly #byName = new Map<string, Field>();
  /** By a sum that tells most names apart, so that a key is compared once and becomes no string. */
  readonly #buckets: { readonly name: Uint8Array; readonly field: Field }[][] = Array.from({ length: 64 }, () => []);

  constructor(fields: Readonly<Record<string, readonly [number, Field['type'], 'repeated'?, Unit?]>>) {
    for (const [name, [number, type, repeated, unit]] of Object.entries(fields)) {
      const wireType = typeof type === 'string' ? wireTypes[type] : typeof type === 'function' ? 2 : 0;
      const field = { name, tag: (number << 3) | wireType, type, isRepeated: repeated === 'repeated', unit };
      // Protobuf's JSON mapping has readers take the original name of a field as well.
      for (const key of new Set([name, name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)])) {
        const bytes = encoder.encode(key);
        this.#byName.set(key, field);
        this.#buckets[bucketOf(bytes, 0, bytes.length)]!.push({ name: bytes, field });
      }
    }
  }

  find(bytes: Uint8Array, start: number, end: number): Field | undefined {
    search: for (const { name, field } of this.#buckets[bucketOf(bytes, start, end)]!) {
      if (name.length !== end - start) continue;
      for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) continue search;
      return field;
    }
    return undefined;
  }

  findByName(name: string): Field | undefined {
    return this.#byName.get(name);
  }
}

function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  return start === end ? 0 : (bytes[start]! + 5 * bytes[end - 1]! + 11 * (end - start)) & 63;
}

const wireTypes: Readonly<Record<Exclude<ScalarType, EnumNames>, number>> = {
  string: 2,
  id: 2,
  linkId: 2,
  base64: 2,
  bool: 0,
  uint32: 0,
  int64: 0,
  double: 1,
  fixed32: 5,
  fixed64: 1,
};

const encoder = new TextEncoder();

function namesOf(prefix: string, names: readonly string[]): EnumNames {
  return new Map(names.map((name, value) => [prefix + name, value]));
}

const spanKind = namesOf('SPAN_KIND_', ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']);
const statusCode = namesOf('STATUS_CODE_', ['UNSET', 'OK', 'ERROR']);

export const anyValue: Message = new Message({
  stringValue: [1, 'string'],
  boolValue: [2, 'bool'],
  intValue: [3, 'int64'],
  doubleValue: [4, 'double'],
  arrayValue: [5, () => arrayValue],
  kvlistValue: [6, () => keyValueList],
  bytesValue: [7, 'base64'],
});
const arrayValue = new Message({ values: [1, () => anyValue, 'repeated'] });
const keyValue = new Message({ key: [1, 'string'], value: [2, () => anyValue] });
const keyValueList = new Message({ values: [1, () => keyValue, 'repeated'] });
const event = new Message({
  timeUnixNano: [1, 'fixed64'],
  name: [2, 'string'],
  attributes: [3, () => keyValue, 'repeated'],
  droppedAttributesCount: [4, 'uint32'],
});
const link = new Message({
  traceId: [1, 'linkId'],
  spanId: [2, 'linkId'],
  traceState: [3, 'string'],
  attributes: [4, () => keyValue, 'repeated'],
  droppedAttributesCount: [5, 'uint32'],
  flags: [6, 'fixed32'],
});
const status = new Message({ message: [2, 'string'], code: [3, statusCode] });
const span = new Message({
  traceId: [1, 'id'],
  spanId: [2, 'id'],
  traceState: [3, 'string'],
  parentSpanId: [4, 'id'],
  name: [5, 'string'],
  kind: [6, spanKind],
  startTimeUnixNano: [7, 'fixed64'],
  endTimeUnixNano: [8, 'fixed64'],
  attributes: [9, () => keyValue, 'repeated'],
  droppedAttributesCount: [10, 'uint32'],
  events: [11, () => event, 'repeated'],
  droppedEventsCount: [12, 'uint32'],
  links: [13, () => link, 'repeated'],
  droppedLinksCount: [14, 'uint32'],
  status: [15, () => status],
  flags: [16, 'fixed32'],
});
const scope = new Message({
  name: [1, 'string'],
  version: [2, 'string'],
  attributes: [3, () => keyValue, 'repeated'],
  droppedAttributesCount: [4, 'uint32'],
});
const scopeSpans = new Message({
  scope: [1, () => scope],
  spans: [2, () => span, 'repeated', 'span'],
  schemaUrl: [3, 'string'],
});
const resource = new Message({
  attributes: [1, () => keyValue, 'repeated'],
  droppedAttributesCount: [2, 'uint32'],
});
const resourceSpans = new Message({
  resource: [1, () => resource],
  scopeSpans: [2, () => scopeSpans, 'repeated', 'scopeSpans'],
  schemaUrl: [3, 'string'],
});
/** Also `TracesData`. */
export const exportTraceServiceRequest: Message = new Message({
  resourceSpans: [1, () => resourceSpans, 'repeated', 'resourceSpans'],
});
