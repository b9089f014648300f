/** The bytes are not zstd. */
export class MalformedZstdError extends Error {
  override readonly name = 'MalformedZstdError';
}

/** Each costs a decompressor, and an empty one is 9 bytes long; writers of several make them of some 100 KiB at least. */
const maxFrames = 1_000;

/**
 * The frames of zstd data (RFC 8878), which is any number of them; those that readers skip are left out. Node's
 * decompressor before version 26 stops behind the first one, and on Node 22 takes one that is cut off for a whole one:
 * spans would be lost without a word. So frames are told apart here.
 *
 * ```
 * frame      28 b5 2f fd · descriptor · 0 or 1 window · 0, 1, 2 or 4 dictionary · 0, 1, 2, 4 or 8 size · block* · 0 or 4 checksum
 * block      3 header: bit 0 last, bits 1-2 type, then the size · content
 * skippable  5x 2a 4d 18 · 4 size · content
 * ```
 *
 * @returns views of the bytes
 * @throws MalformedZstdError
 */
export function splitZstdFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let count = 0;
  for (let start = 0; start < bytes.length; count++) {
    if (count === maxFrames) throw new MalformedZstdError(`more than ${maxFrames} frames`);
    const magic = bytes.readUInt32LE(need(bytes, start, 4));
    const isSkippable = (magic & 0xffff_fff0) >>> 0 === skippableMagic;
    if (!isSkippable && magic !== frameMagic) {
      throw new MalformedZstdError(`a frame begins with ${bytes.toString('hex', start, start + 4)}`);
    }
    const end = isSkippable ? endOfSkippable(bytes, start) : endOfFrame(bytes, start);
    need(bytes, start, end - start);
    if (!isSkippable) frames.push(bytes.subarray(start, end));
    start = end;
  }
  return frames;
}

function endOfSkippable(bytes: Buffer, start: number): number {
  return start + 8 + bytes.readUInt32LE(need(bytes, start + 4, 4));
}

function endOfFrame(bytes: Buffer, start: number): number {
  const flags = bytes[need(bytes, start + 4, 1)]!;
  const isSingleSegment = (flags & 0x20) !== 0;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >>> 6]!;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  let position = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes;
  for (let isLast = false; !isLast; ) {
    const header = bytes.readUIntLE(need(bytes, position, 3), 3);
    isLast = (header & 1) !== 0;
    // A block of one repeated byte has that byte alone as its content.
    const isRepeated = ((header >>> 1) & 3) === 1;
    position += 3 + (isRepeated ? 1 : header >>> 3);
  }
  return position + ((flags & 4) === 0 ? 0 : 4);
}

/** The position, when so many bytes are there. */
function need(bytes: Buffer, position: number, length: number): number {
  if (position + length <= bytes.length) return position;
  throw new MalformedZstdError(`cut off: ${bytes.length} of at least ${position + length} bytes`);
}

const frameMagic = 0xfd2f_b528;
const skippableMagic = 0x184d_2a50;
