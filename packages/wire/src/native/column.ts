/**
 * A column of a Native block as it was read: typed arrays and positions into the block's bytes, no value objects.
 *
 * ```
 * string           bytes   G E T P O S T …      array, map   ends      2     2     5
 *                  starts  0     3              row i has elements     0,1   -     2,3,4
 *                  ends    3     7
 * low-cardinality  dictionary (a string column), indexes 0 0 1 0 …
 * ```
 */
export type NativeColumn =
  | { readonly kind: 'number'; readonly type: string; readonly values: NumberArray }
  | { readonly kind: 'bigint'; readonly type: string; readonly values: BigInt64Array | BigUint64Array }
  | { readonly kind: 'fixed-string'; readonly width: number; readonly bytes: Uint8Array }
  | {
      readonly kind: 'string';
      readonly bytes: Uint8Array;
      readonly starts: Uint32Array;
      readonly ends: Uint32Array;
    }
  | { readonly kind: 'low-cardinality'; readonly dictionary: NativeColumn; readonly indexes: Uint32Array }
  | { readonly kind: 'array'; readonly ends: Uint32Array; readonly elements: NativeColumn }
  | {
      readonly kind: 'map';
      readonly ends: Uint32Array;
      readonly keys: NativeColumn;
      readonly values: NativeColumn;
    };

export type NumberArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes of a String, FixedString or LowCardinality value: a view into the block, not a copy. */
export function bytesAt(column: NativeColumn, index: number): Uint8Array {
  switch (column.kind) {
    case 'string':
      return column.bytes.subarray(column.starts[index], column.ends[index]);
    case 'fixed-string':
      return column.bytes.subarray(index * column.width, (index + 1) * column.width);
    case 'low-cardinality':
      return bytesAt(column.dictionary, column.indexes[index]!);
    default:
      throw new TypeError(`a ${column.kind} column has no bytes at an index`);
  }
}

/** A String, FixedString or LowCardinality value as text; invalid UTF-8 becomes U+FFFD. */
export function stringAt(column: NativeColumn, index: number): string {
  return decoder.decode(bytesAt(column, index));
}

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A FixedString value, such as an id, as lower-case hex. */
export function hexAt(column: NativeColumn, index: number): string {
  let text = '';
  for (const byte of bytesAt(column, index)) text += hexOfByte[byte]!;
  return text;
}
