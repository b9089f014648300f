import { type FileHandle, open } from 'node:fs/promises';

/** On a disk that fills up, a write may take a part and fail only when it is asked to take the rest. */
export async function writeWhole(handle: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  let { bytesWritten: written } = await handle.writev(buffers, position);
  if (written === length) return;
  const whole = Buffer.concat(buffers);
  while (written < length) {
    const { bytesWritten } = await handle.write(whole, written, length - written, position + written);
    written += bytesWritten;
  }
}

/** The bytes that were read: fewer when the file has become shorter. */
export async function readInto(handle: FileHandle, buffer: Uint8Array, size: number): Promise<number> {
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(buffer, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** Makes a new file's name as durable as its content. */
export async function syncDirectory(directory: string, openFile: typeof open = open): Promise<void> {
  const handle = await openFile(directory, 'r');
  try {
    await handle.sync();
  } finally {
    // Nothing was written through it.
    await handle.close().catch(() => {});
  }
}
