import { setTimeout as sleep } from 'node:timers/promises';
import { ProtobufReader, splitTraceRequest } from '@clew/wire';
import { CliError } from './cli-error.ts';

/** What became of the spans of a request. */
export interface SendResult {
  readonly acceptedSpans: number;
  readonly rejectedSpans: number;
  /** The server's words; empty when it took all. */
  readonly rejectionReason: string;
}

export interface SpanSenderOptions {
  /** Of a server, such as `http://localhost:4318`, or the whole address of its traces. */
  readonly url: string;
  /** Sent with every request, when there is one. */
  readonly token?: string;
  /** How long a server may fail before it is given up. */
  readonly giveUpAfterMs?: number;
  /** Waits between two attempts begin with this. */
  readonly firstDelayMs?: number;
}

/** The answers that OTLP/HTTP allows to be tried again. */
const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const requestTimeoutMs = 60_000;
const longestDelayMs = 15_000;
// A server that asks for more is asked again after this.
const longestAskedDelayMs = 60_000;

/** Sends requests over OTLP/HTTP in protobuf, one after another, and tries again what a server may yet take. */
export class SpanSender {
  private readonly url: URL;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly giveUpAfterMs: number;
  private readonly firstDelayMs: number;
  private hasAnswered = false;

  /** @throws CliError when the address is no http or https URL */
  constructor({ url, token, giveUpAfterMs = 300_000, firstDelayMs = 500 }: SpanSenderOptions) {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new CliError(`"${url}" is no address of a server: give one such as --url http://localhost:4318`);
    }
    this.url = new URL(url);
    if (!this.url.pathname.endsWith('/v1/traces')) {
      this.url.pathname = `${this.url.pathname.replace(/\/$/, '')}/v1/traces`;
    }
    this.headers = {
      'content-type': 'application/x-protobuf',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    this.giveUpAfterMs = giveUpAfterMs;
    this.firstDelayMs = firstDelayMs;
  }

  /**
   * @param request an `ExportTraceServiceRequest`; one that the server finds too large is sent in halves
   * @throws CliError when the server refuses it, or cannot be reached for too long
   */
  async send(request: Uint8Array, spanCount: number): Promise<SendResult> {
    const { status, body } = await this.post(request);
    const answer = new Uint8Array(body);
    if (status === 200) {
      const { count: rejectedSpans, text: rejectionReason } = readPartialSuccess(answer);
      return { acceptedSpans: spanCount - rejectedSpans, rejectedSpans, rejectionReason };
    }
    const { text } = readCountAndText(answer);
    if (status !== 413) {
      const hint = status === 401 ? '; give a token with CLEW_TOKEN or --token' : '';
      throw new CliError(`${this.url.href} refused the spans with ${status}: ${text || 'no reason'}${hint}`);
    }
    if (spanCount <= 1) return { acceptedSpans: 0, rejectedSpans: spanCount, rejectionReason: text };
    const results: SendResult[] = [];
    // By their number: with a large resource in front of them, half of the bytes may be all of the spans.
    for (const part of splitTraceRequest(request, request.length, Math.ceil(spanCount / 2))) {
      results.push(await this.send(part.bytes, part.spanCount));
    }
    return sumResults(results);
  }

  private async post(request: Uint8Array): Promise<{ readonly status: number; readonly body: ArrayBuffer }> {
    const startMs = performance.now();
    for (let failures = 1; ; failures++) {
      const { status, body, failure, askedMs } = await this.attempt(request);
      if (status !== undefined && !retryableStatuses.has(status)) return { status, body };
      const reason = failure ?? `${this.url.origin} answers ${status}: ${readCountAndText(new Uint8Array(body)).text}`;
      // At the very first request it is the address that is wrong, not the server that is busy.
      if (failure !== undefined && !this.hasAnswered) throw new CliError(`${reason}; start one with "clew serve"`);
      const delayMs = Math.max(Math.min(longestDelayMs, this.firstDelayMs * 2 ** (failures - 1)), askedMs);
      if (performance.now() - startMs + delayMs > this.giveUpAfterMs) {
        throw new CliError(`${reason}. Given up after ${Math.round((performance.now() - startMs) / 1000)} s`);
      }
      await sleep(delayMs);
    }
  }

  private async attempt(request: Uint8Array): Promise<{
    readonly status?: number;
    readonly body: ArrayBuffer;
    readonly failure?: string;
    readonly askedMs: number;
  }> {
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        body: request,
        headers: this.headers,
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      const body = await response.arrayBuffer();
      this.hasAnswered = true;
      return { status: response.status, body, askedMs: readRetryAfter(response.headers.get('retry-after')) };
    } catch (error) {
      const { message, cause } = error as Error & { cause?: { message?: string; code?: string } };
      const why = cause?.message || cause?.code || message;
      return { failure: `no server takes spans at ${this.url.href} (${why})`, body: new ArrayBuffer(0), askedMs: 0 };
    }
  }
}

export function sumResults(results: readonly SendResult[]): SendResult {
  return {
    acceptedSpans: results.reduce((sum, { acceptedSpans }) => sum + acceptedSpans, 0),
    rejectedSpans: results.reduce((sum, { rejectedSpans }) => sum + rejectedSpans, 0),
    rejectionReason: results.find(({ rejectionReason }) => rejectionReason !== '')?.rejectionReason ?? '',
  };
}

/** `Retry-After` of RFC 9110 in milliseconds: seconds, or a date. 0 when it is neither. */
function readRetryAfter(text: string | null): number {
  if (text === null) return 0;
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Math.min(longestAskedDelayMs, Math.max(0, ms || 0));
}

/** `ExportTraceServiceResponse { 1 partial_success { 1 rejected_spans int64, 2 error_message string } }` */
function readPartialSuccess(bytes: Uint8Array): { readonly count: number; readonly text: string } {
  const reader = new ProtobufReader(bytes);
  if (bytes.length === 0 || reader.readVarint32(bytes.length) !== 0x0a) return { count: 0, text: '' };
  const end = reader.readLength(bytes.length);
  return readCountAndText(bytes.subarray(reader.position, end));
}

/** The fields 1 (a number) and 2 (a string): of a partial success, or of a `google.rpc.Status`. */
function readCountAndText(bytes: Uint8Array): { readonly count: number; readonly text: string } {
  let count = 0;
  let text = '';
  try {
    const reader = new ProtobufReader(bytes);
    while (reader.position < bytes.length) {
      const tag = reader.readVarint32(bytes.length);
      if (tag === 0x08) count = reader.readVarint32(bytes.length);
      else if (tag === 0x12) {
        const end = reader.readLength(bytes.length);
        text = Buffer.from(bytes.subarray(reader.position, end)).toString();
        reader.position = end;
      } else reader.skip(tag, bytes.length);
    }
  } catch {
    // An answer of something that does not speak OTLP, such as a proxy: its status says enough.
  }
  return { count, text };
}
