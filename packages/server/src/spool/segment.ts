import { crc32 } from 'node:zlib';
import type { TraceBlocks } from '../transcode/trace-transcoder.ts';

/**
 * A segment is a file of commits, one behind the other; a commit is what one group of requests became.
 *
 * ```
 * commit   magic u32 "CLW1" · payload length u32 · CRC-32 of the payload u32 · payload
 * payload  span count u32 · length of the resources block u32 · resources block · spans block
 * ```
 *
 * All integers are little-endian. A commit counts when its checksum holds. What is no commit is either the torn end of a
 * write that was never acknowledged, or damage: a disk that lies, a hand that was where it should not be. Damage costs
 * the commits that it hit, not those behind it: they are found again by their magic number and checksum.
 */
const magic = 0x31574c43;
const headerBytes = 12;
const payloadHeaderBytes = 8;

/** One commit as buffers to be written in this order. */
export function encodeCommit(blocks: TraceBlocks): Uint8Array[] {
  const header = new Uint8Array(headerBytes + payloadHeaderBytes);
  const view = new DataView(header.buffer);
  const payloadHeader = header.subarray(headerBytes);
  view.setUint32(12, blocks.spanCount, true);
  view.setUint32(16, blocks.resources.length, true);
  const checksum = crc32(blocks.spans, crc32(blocks.resources, crc32(payloadHeader)));
  view.setUint32(0, magic, true);
  view.setUint32(4, payloadHeaderBytes + blocks.resources.length + blocks.spans.length, true);
  view.setUint32(8, checksum, true);
  return [header, blocks.resources, blocks.spans];
}

export interface Segment {
  /** Those that are whole, in order; views into the segment's bytes. */
  readonly commits: readonly Pick<TraceBlocks, 'spanCount' | 'spans' | 'resources'>[];
  /** Where the last whole commit ends. */
  readonly validBytes: number;
  /** Of the end: the beginning of a commit that was to be longer than what is there. */
  readonly tornBytes: number;
  /** All others that are part of no whole commit. */
  readonly damagedBytes: number;
}

/** Reads every whole commit. */
export function decodeSegment(bytes: Uint8Array<ArrayBuffer>): Segment {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const commits: TraceBlocks[] = [];
  let position = 0;
  let validBytes = 0;
  let damagedBytes = 0;
  while (position < bytes.length) {
    const payload = readPayload(bytes, view, position);
    if (payload !== null) {
      const blocks = payload.subarray(payloadHeaderBytes);
      const resourcesLength = view.getUint32(position + headerBytes + 4, true);
      commits.push({
        spanCount: view.getUint32(position + headerBytes, true),
        resources: blocks.subarray(0, resourcesLength),
        spans: blocks.subarray(resourcesLength),
      });
      damagedBytes += position - validBytes;
      position += headerBytes + payload.length;
      validBytes = position;
    } else position = findMagic(bytes, position + 1);
  }
  const rest = bytes.length - validBytes;
  const isTorn = isTornCommit(view, validBytes);
  return { commits, validBytes, tornBytes: isTorn ? rest : 0, damagedBytes: damagedBytes + (isTorn ? 0 : rest) };
}

/** The payload of the commit at `position`, or null when there is none or its checksum does not hold. */
function readPayload(bytes: Uint8Array<ArrayBuffer>, view: DataView, position: number): Uint8Array<ArrayBuffer> | null {
  const start = position + headerBytes;
  if (start + payloadHeaderBytes > bytes.length || view.getUint32(position, true) !== magic) return null;
  const end = start + view.getUint32(position + 4, true);
  if (end > bytes.length || end < start + payloadHeaderBytes) return null;
  const payload = bytes.subarray(start, end);
  return crc32(payload) === view.getUint32(position + 8, true) ? payload : null;
}

/** Where the next magic number stands, or the end. */
function findMagic(bytes: Uint8Array, from: number): number {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('CLW1', from, 'latin1');
  return found < 0 ? bytes.length : found;
}

function isTornCommit(view: DataView, position: number): boolean {
  const left = view.byteLength - position;
  if (left < headerBytes) return true;
  return view.getUint32(position, true) === magic && headerBytes + view.getUint32(position + 4, true) > left;
}
