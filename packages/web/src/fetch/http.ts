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

/** GET as bytes. Throws {@link RefusedError} or {@link UnreachableError}. */
export async function fetchBytes(path: string, signal: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await get(path, signal)).arrayBuffer());
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
