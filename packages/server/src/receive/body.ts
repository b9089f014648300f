import type { IncomingMessage } from 'node:http';
import { releaseMemory } from '../release-memory.ts';
import type { Destination } from './authorize.ts';
import { readContentEncoding } from './content-encoding.ts';
import type { ExportRequest } from './export-request.ts';
import type { GrowingBody } from './growing-body.ts';

/** What Node reads of a request whose body nobody wants yet: the rest of a read of its socket. */
const unreadBytes = 64 * 1024;

/**
 * The whole body of a request, as it came.
 *
 * @param body holds what is read until it is complete
 * @param waitForRoom asked before the first byte is read, and after what can be refused without reading
 * @throws OtlpError 413 when it is larger, 415 for an unknown Content-Encoding, 503 when too much is being read
 * already, or when it comes too slowly
 */
export async function readBody(
  request: IncomingMessage,
  body: GrowingBody,
  waitForRoom: Destination['waitForRoom'],
): Promise<Pick<ExportRequest, 'bytes' | 'compression'>> {
  const compression = readContentEncoding(request.headers['content-encoding']);
  const announced = Number(request.headers['content-length'] ?? 0);
  body.announce(announced);
  await body.waitUnread(unreadBytes, () => waitForRoom(announced));
  await body.read(request, (chunk) => {
    body.append(chunk);
    releaseMemory(chunk);
  });
  return { bytes: body.take(), compression };
}
