import { bytesAt, hexAt, type NativeBlock, readNativeBlocks, stringAt } from '@clew/wire';
import { anyColumnOf, columnOf, createStringPool } from './columns.ts';
import { computeSelfTimes } from './self-time.ts';
import { linkSharedParents, type ParentIds } from './shared-parents.ts';
import { buildSpanIndex, type SpanIndex } from './span-index.ts';
import { buildTree, parentMissing, type TraceTree } from './tree.ts';

/**
 * One trace in columns. A row is a span; rows are ordered by start. What everything looks at is here, ready for use;
 * what is looked at one span at a time (attributes, events, links) stays in the blocks until {@link detailsOf} decodes it.
 */
export interface TraceTable {
  /** 32 hex digits; empty when there is no span. */
  readonly traceId: string;
  readonly spanCount: number;
  /** Unix nanoseconds of the earliest start. */
  readonly startNs: bigint;
  /** Nanoseconds from the earliest start to the latest end. */
  readonly durationNs: number;
  /** Start of each row, in nanoseconds after `startNs`. Whole up to 104 days. */
  readonly spanStartNs: Float64Array;
  /** Never below 0. */
  readonly spanDurationNs: Float64Array;
  /** See {@link computeSelfTimes}. */
  readonly selfNs: Float64Array;
  /** Index into `services`. */
  readonly service: Uint32Array;
  readonly services: readonly string[];
  /** Index into `names`. */
  readonly name: Uint32Array;
  readonly names: readonly string[];
  /** OTLP's SpanKind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: Uint8Array;
  /** OTLP's StatusCode: 0 unset, 1 ok, 2 error. */
  readonly status: Uint8Array;
  readonly errorCount: number;
  readonly tree: TraceTree;
  /** Where the rows came from, for what is decoded late. */
  readonly origin: RowOrigin;
}

/** Row `r` of the table is row `rows[r]` of `blocks[blockOf[r]]`. */
export interface RowOrigin {
  readonly blocks: readonly NativeBlock[];
  readonly blockOf: Uint32Array;
  readonly rows: Uint32Array;
  readonly spanIds: SpanIndex;
  /** By the `resource_hash` of its spans. */
  readonly resources: ReadonlyMap<bigint, StoredResource>;
}

export interface StoredResource {
  /** Bytes of a KeyValueList. */
  readonly attributes: Uint8Array;
  readonly droppedAttributesCount: number;
  readonly schemaUrl: string;
}

const statusError = 2;

/**
 * Reads the answer of `GET /clew/v1/traces/<id>`: ClickHouse Native blocks with the columns of the table `spans`, and
 * ones of resources, with `resource_hash`, `attributes`, `schema_url` and `dropped_attributes_count`. The bytes are kept by
 * the table and must not change. Throws `TraceTableError` when a column is missing or of another type, and what the reader of wire throws.
 */
export function tableFromNative(bytes: Uint8Array): TraceTable {
  const all = readNativeBlocks(bytes).filter((block) => block.rowCount > 0);
  const blocks = all.filter((block) => !isOfResources(block));
  const spanCount = blocks.reduce((sum, block) => sum + block.rowCount, 0);
  const columns = gatherColumns(blocks, spanCount);
  const startNs = earliest(columns.startNs);
  const offsets = new Float64Array(spanCount);
  for (let row = 0; row < spanCount; row++) offsets[row] = Number(columns.startNs[row]! - startNs);

  const sorted = sortedRows(offsets);
  const pick = <T extends Float64Array | Uint32Array | Uint8Array>(source: T): T => {
    if (sorted === undefined) return source;
    const target = source.slice() as T;
    for (let row = 0; row < sorted.length; row++) target[row] = source[sorted[row]!]!;
    return target;
  };
  const spanStartNs = pick(offsets);
  const spanDurationNs = pick(columns.durationNs);
  const status = pick(columns.status);

  const spanIds = buildSpanIndex(pick(columns.spanIdHigh), pick(columns.spanIdLow));
  const blockOf = pick(columns.blockOf);
  const rows = pick(columns.rows);
  const parentIds = { high: pick(columns.parentIdHigh), low: pick(columns.parentIdLow) };
  const tree = linkParents(spanIds, parentIds, (row) => ({ block: blocks[blockOf[row]!]!, at: rows[row]! }));
  let endNs = 0;
  let errorCount = 0;
  for (let row = 0; row < spanCount; row++) {
    endNs = Math.max(endNs, spanStartNs[row]! + spanDurationNs[row]!);
    if (status[row] === statusError) errorCount++;
  }
  return {
    traceId: blocks[0] === undefined ? '' : hexAt(columnOf(blocks[0], 'trace_id', 'fixed-string'), 0),
    spanCount,
    startNs,
    durationNs: endNs,
    spanStartNs,
    spanDurationNs,
    selfNs: computeSelfTimes(tree, spanStartNs, spanDurationNs),
    service: pick(columns.service),
    services: columns.services,
    name: pick(columns.name),
    names: columns.names,
    kind: pick(columns.kind),
    status,
    errorCount,
    tree,
    origin: {
      blocks,
      blockOf,
      rows,
      spanIds,
      resources: gatherResources(all),
    },
  };
}

/** The row of a span id (16 hex digits, any case), or -1. Of spans that share the id, the earliest. */
export function rowOfSpan(table: TraceTable, spanId: string): number {
  if (!/^[0-9a-f]{16}$/i.test(spanId)) return -1;
  return table.origin.spanIds.rowOf(Number.parseInt(spanId.slice(0, 8), 16), Number.parseInt(spanId.slice(8), 16));
}

/** 16 hex digits. */
export function spanIdOf(table: TraceTable, row: number): string {
  const block = table.origin.blocks[table.origin.blockOf[row]!]!;
  return hexAt(columnOf(block, 'span_id', 'fixed-string'), table.origin.rows[row]!);
}

function earliest(times: BigInt64Array): bigint {
  let least = times[0] ?? 0n;
  for (const time of times) if (time < least) least = time;
  return least;
}

interface GatheredColumns {
  readonly startNs: BigInt64Array;
  readonly durationNs: Float64Array;
  readonly kind: Uint8Array;
  readonly status: Uint8Array;
  readonly service: Uint32Array;
  readonly services: readonly string[];
  readonly name: Uint32Array;
  readonly names: readonly string[];
  readonly spanIdHigh: Uint32Array;
  readonly spanIdLow: Uint32Array;
  readonly parentIdHigh: Uint32Array;
  readonly parentIdLow: Uint32Array;
  readonly blockOf: Uint32Array;
  readonly rows: Uint32Array;
}

function isOfResources({ columns }: NativeBlock): boolean {
  return columns.has('resource_hash') && columns.has('attributes');
}

function gatherResources(blocks: readonly NativeBlock[]): Map<bigint, StoredResource> {
  const resources = new Map<bigint, StoredResource>();
  for (const block of blocks.filter(isOfResources)) {
    const hashes = columnOf(block, 'resource_hash', 'bigint').values;
    const attributes = anyColumnOf(block, 'attributes');
    const dropped = columnOf(block, 'dropped_attributes_count', 'number').values;
    const schemaUrls = anyColumnOf(block, 'schema_url');
    for (let row = 0; row < block.rowCount; row++) {
      resources.set(hashes[row]!, {
        attributes: bytesAt(attributes, row),
        droppedAttributesCount: dropped[row]!,
        schemaUrl: stringAt(schemaUrls, row),
      });
    }
  }
  return resources;
}

/** The blocks' columns, one after the other. */
function gatherColumns(blocks: readonly NativeBlock[], spanCount: number): GatheredColumns {
  const services = createStringPool();
  const names = createStringPool();
  const columns = {
    startNs: new BigInt64Array(spanCount),
    durationNs: new Float64Array(spanCount),
    kind: new Uint8Array(spanCount),
    status: new Uint8Array(spanCount),
    service: new Uint32Array(spanCount),
    services: services.strings,
    name: new Uint32Array(spanCount),
    names: names.strings,
    spanIdHigh: new Uint32Array(spanCount),
    spanIdLow: new Uint32Array(spanCount),
    parentIdHigh: new Uint32Array(spanCount),
    parentIdLow: new Uint32Array(spanCount),
    blockOf: new Uint32Array(spanCount),
    rows: new Uint32Array(spanCount),
  };
  let base = 0;
  for (const [blockIndex, block] of blocks.entries()) {
    const { rowCount } = block;
    columns.startNs.set(columnOf(block, 'start', 'bigint').values as BigInt64Array, base);
    columns.kind.set(columnOf(block, 'kind', 'number').values, base);
    columns.status.set(columnOf(block, 'status_code', 'number').values, base);
    columns.service.set(services.indexesOf(anyColumnOf(block, 'service'), rowCount), base);
    columns.name.set(names.indexesOf(anyColumnOf(block, 'name'), rowCount), base);
    copyIds(block, 'span_id', columns.spanIdHigh, columns.spanIdLow, base);
    copyIds(block, 'parent_span_id', columns.parentIdHigh, columns.parentIdLow, base);
    const durations = columnOf(block, 'duration_ns', 'bigint').values;
    for (let row = 0; row < rowCount; row++) {
      // A clock set back during a span gives a negative duration; nothing that is drawn or summed can use one.
      columns.durationNs[base + row] = Math.max(Number(durations[row]!), 0);
      columns.rows[base + row] = row;
    }
    columns.blockOf.fill(blockIndex, base, base + rowCount);
    base += rowCount;
  }
  return columns;
}

function copyIds(block: NativeBlock, name: string, high: Uint32Array, low: Uint32Array, base: number): void {
  const { bytes } = columnOf(block, name, 'fixed-string');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let row = 0; row < block.rowCount; row++) {
    high[base + row] = view.getUint32(row * 8);
    low[base + row] = view.getUint32(row * 8 + 4);
  }
}

/** The rows by start, or undefined when they already are: one block of the server is. */
function sortedRows(offsets: Float64Array): Uint32Array | undefined {
  let ordered = true;
  for (let row = 1; row < offsets.length && ordered; row++) ordered = offsets[row]! >= offsets[row - 1]!;
  if (ordered) return undefined;
  return Uint32Array.from(offsets.keys()).sort((a, b) => offsets[a]! - offsets[b]! || a - b);
}

function linkParents(
  spanIds: SpanIndex,
  parentIds: ParentIds,
  blockOfRow: (row: number) => { readonly block: NativeBlock; readonly at: number },
): TraceTree {
  const spanCount = parentIds.high.length;
  const parent = new Int32Array(spanCount).fill(-1);
  const parentState = new Uint8Array(spanCount);
  let isMissing = false;
  for (let row = 0; row < spanCount; row++) {
    const high = parentIds.high[row]!;
    const low = parentIds.low[row]!;
    if (high === 0 && low === 0) continue;
    const up = spanIds.rowOf(high, low);
    parent[row] = up;
    if (up !== -1) continue;
    parentState[row] = parentMissing;
    isMissing = true;
  }
  if (isMissing) linkSharedParents(parent, parentState, parentIds, spanIds, blockOfRow);
  return buildTree(parent, parentState);
}
