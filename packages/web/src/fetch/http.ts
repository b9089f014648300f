import type { ErrorResponse } from '@clew/model';
import { currentToken, reportUnauthorized } from './access-token.ts';
import { underBase } from './base-path.ts';

/** The server answered, and said no. `message` is the server's own: what, the offending value, what to do. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** No answer came: the server is not running, or the network is gone. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** GET as JSON. Throws {@link RefusedError} or {@link UnreachableError}. */
export async function fetchJson<T>(path: string, signal: AbortSignal): Promise<T> {
  return (await (await get(path, signal)).json()) as T;
}

/** The answer broke off before its end. */
export class CutOffError extends Error {
  override readonly name = 'CutOffError';
  readonly receivedBytes: number;

  constructor(receivedBytes: number, cause: unknown) {
    super(`The answer broke off after ${receivedBytes} bytes.`, { cause });
    this.receivedBytes = receivedBytes;
  }
}

/**
 * GET as bytes. `onProgress` gets the count of those that have arrived, whenever more have.
 * Throws {@link RefusedError}, {@link UnreachableError} or {@link CutOffError}.
 */
export async function fetchBytes(
  path: string,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<Uint8Array> {
  const response = await get(path, signal);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for (const reader = response.body!.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return join(pieces, size);
      pieces.push(value);
      size += value.length;
      onProgress(size);
    }
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new CutOffError(size, cause);
  }
}

function join(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function get(path: string, signal: AbortSignal): Promise<Response> {
  const token = currentToken();
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(underBase(path), { headers, signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new UnreachableError(path, { cause });
  }
  if (response.ok) return response;
  if (response.status === 401) reportUnauthorized(token);
  const text = await response.text();
  const { code, message } = readError(text);
  throw new RefusedError(response.status, code, message || `HTTP ${response.status} ${response.statusText}`);
}

/** A proxy in between may answer anything; then its text is the message. */
function readError(text: string): ErrorResponse {
  try {
    const { code, message } = JSON.parse(text) as Partial<ErrorResponse>;
    return { code: String(code ?? ''), message: String(message ?? '') };
  } catch {
    return { code: '', message: text.slice(0, 300) };
  }
}
