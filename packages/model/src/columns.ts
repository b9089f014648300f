import { type NativeBlock, type NativeColumn, stringAt } from '@clew/wire';

/** The bytes are not the spans of a trace as this version knows them. */
export class TraceTableError extends Error {
  override readonly name = 'TraceTableError';
}

type ColumnKind = NativeColumn['kind'];
type ColumnOf<K extends ColumnKind> = Extract<NativeColumn, { kind: K }>;

/** The column of that name and kind. Throws {@link TraceTableError} when the block has none. */
export function columnOf<K extends ColumnKind>(block: NativeBlock, name: string, kind: K): ColumnOf<K> {
  const column = anyColumnOf(block, name);
  if (column.kind !== kind) {
    throw new TraceTableError(
      `Column ${name} is ${column.kind} and must be ${kind}. Server and reader are of different versions; update both.`,
    );
  }
  return column as ColumnOf<K>;
}

/** The column of that name. Throws {@link TraceTableError} when the block has none. */
export function anyColumnOf(block: NativeBlock, name: string): NativeColumn {
  const column = block.columns.get(name);
  if (column === undefined) {
    const present = [...block.columns.keys()].join(', ');
    throw new TraceTableError(
      `Column ${name} is missing; the answer has: ${present}. Server and reader are of different versions; update both.`,
    );
  }
  return column;
}

/** Strings of a table, each once; a row refers to one by its index. */
export interface StringPool {
  readonly strings: string[];
  /** Indexes of a column's rows. A dictionary entry is decoded when a row first refers to it. */
  indexesOf(column: NativeColumn, rowCount: number): Uint32Array;
}

export function createStringPool(): StringPool {
  const strings: string[] = [];
  const indexOf = new Map<string, number>();
  const intern = (text: string): number => {
    let index = indexOf.get(text);
    if (index === undefined) {
      index = strings.push(text) - 1;
      indexOf.set(text, index);
    }
    return index;
  };
  return {
    strings,
    indexesOf(column, rowCount) {
      const indexes = new Uint32Array(rowCount);
      if (column.kind !== 'low-cardinality') {
        for (let row = 0; row < rowCount; row++) indexes[row] = intern(stringAt(column, row));
        return indexes;
      }
      const known = new Map<number, number>();
      for (let row = 0; row < rowCount; row++) {
        const entry = column.indexes[row]!;
        let index = known.get(entry);
        if (index === undefined) {
          index = intern(stringAt(column.dictionary, entry));
          known.set(entry, index);
        }
        indexes[row] = index;
      }
      return indexes;
    },
  };
}
