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
 * All integers are little-endian. A commit counts when its checksum holds; what follows the last such commit is the
 * torn end of a write that was never acknowledged.
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
  /** Views into the segment's bytes. */
  readonly commits: readonly Pick<TraceBlocks, 'spanCount' | 'spans' | 'resources'>[];
  /** Where the last whole commit ends. */
  readonly validBytes: number;
}

/** Reads commits until the end or the first one that is torn or changed. */
export function decodeSegment(bytes: Uint8Array<ArrayBuffer>): Segment {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const commits: TraceBlocks[] = [];
  let position = 0;
  while (position + headerBytes + payloadHeaderBytes <= bytes.length) {
    const payloadStart = position + headerBytes;
    const end = payloadStart + view.getUint32(position + 4, true);
    if (view.getUint32(position, true) !== magic || end > bytes.length) break;
    const payload = bytes.subarray(payloadStart, end);
    if (payload.length < payloadHeaderBytes || crc32(payload) !== view.getUint32(position + 8, true)) break;
    const blocks = payload.subarray(payloadHeaderBytes);
    const resourcesLength = view.getUint32(payloadStart + 4, true);
    commits.push({
      spanCount: view.getUint32(payloadStart, true),
      resources: blocks.subarray(0, resourcesLength),
      spans: blocks.subarray(resourcesLength),
    });
    position = end;
  }
  return { commits, validBytes: position };
}
