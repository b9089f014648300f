import { parentInCycle, parentMissing, type TraceTable } from '@clew/model';

/** What is wrong with a span, as bits. */
export const spanFault = { parentMissing: 1, cycle: 2, duplicateId: 4, endsBeforeStart: 8 } as const;

export type SpanFault = keyof typeof spanFault;

export const spanFaultNames: readonly SpanFault[] = ['parentMissing', 'cycle', 'duplicateId', 'endsBeforeStart'];

/** The faults of each row. */
export function findFaults(table: TraceTable): Uint8Array {
  const { tree, origin } = table;
  const faults = new Uint8Array(table.spanCount);
  const columns = origin.blocks.map(({ columns }) => {
    const [ids, durations] = [columns.get('span_id'), columns.get('duration_ns')];
    return {
      ids:
        ids?.kind === 'fixed-string'
          ? new DataView(ids.bytes.buffer, ids.bytes.byteOffset, ids.bytes.byteLength)
          : undefined,
      durations: durations?.kind === 'bigint' ? durations.values : undefined,
    };
  });
  for (let row = 0; row < faults.length; row++) {
    const { ids, durations } = columns[origin.blockOf[row]!]!;
    const at = origin.rows[row]!;
    if (tree.parentState[row] === parentMissing) faults[row]! |= spanFault.parentMissing;
    if (tree.parentState[row] === parentInCycle) faults[row]! |= spanFault.cycle;
    // Of spans that share an id, the index has the first.
    if (ids !== undefined && origin.spanIds.rowOf(ids.getUint32(at * 8), ids.getUint32(at * 8 + 4)) !== row) {
      faults[row]! |= spanFault.duplicateId;
    }
    if (durations !== undefined && durations[at]! < 0n) faults[row]! |= spanFault.endsBeforeStart;
  }
  return faults;
}

/** How many spans have each fault; those that none has are left out. */
export function countFaults(faults: Uint8Array): readonly (readonly [SpanFault, number])[] {
  const counts = new Array<number>(spanFaultNames.length).fill(0);
  for (const bits of faults) {
    if (bits === 0) continue;
    for (const [index, name] of spanFaultNames.entries()) if ((bits & spanFault[name]) !== 0) counts[index]!++;
  }
  return spanFaultNames.map((name, index) => [name, counts[index]!] as const).filter(([, count]) => count > 0);
}
