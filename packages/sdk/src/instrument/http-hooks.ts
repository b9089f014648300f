import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import type { Span } from '@opentelemetry/api';
import { writeNotice } from '../notice.ts';

/** A request that a server of this process gets: `IncomingMessage` of HTTP/1, the same fields of HTTP/2. */
export type IncomingRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

/** A request that `node:http2` is about to send. */
export interface OutgoingHttp2Request {
  readonly method: string;
  /** The whole URL. */
  readonly url: string;
}

/**
 * What an app adds to the spans of `node:http`, `node:https` and `node:http2`, with the names that
 * `@opentelemetry/instrumentation-http` has. A hook that throws is reported once; the request goes on.
 */
export interface HttpHooks {
  /** Called with each recorded span when it has begun. For HTTP/2 it gets the stream. */
  readonly requestHook?: (
    span: Span,
    request: ClientRequest | IncomingMessage | ClientHttp2Stream | ServerHttp2Stream,
  ) => void;
  /** Called when a client has its response, and when a server's response has closed. For HTTP/2 it gets the stream. */
  readonly responseHook?: (
    span: Span,
    response: IncomingMessage | ServerResponse | ClientHttp2Stream | ServerHttp2Stream,
  ) => void;
  /** True: the request gets no span, and nothing that its handlers do gets one. */
  readonly ignoreIncomingRequestHook?: (request: IncomingRequest) => boolean;
  /** True: the request gets no span and no headers of ours. */
  readonly ignoreOutgoingRequestHook?: (request: ClientRequest | OutgoingHttp2Request) => boolean;
}

/** A request of fetch or undici, as undici publishes it. */
export interface FetchRequest {
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
}

/** The head of its response. @property headers names and values in turn, as bytes. */
export interface FetchResponse {
  readonly statusCode: number;
  readonly headers: readonly Buffer[];
}

/** The same for fetch and the package undici, with the names that `@opentelemetry/instrumentation-undici` has. */
export interface FetchHooks {
  /** Called with each recorded span when it has begun. */
  readonly requestHook?: (span: Span, request: FetchRequest) => void;
  /** Called when the head of the response has come. */
  readonly responseHook?: (span: Span, exchange: { request: FetchRequest; response: FetchResponse }) => void;
  /** True: the request gets no span and no headers of ours. */
  readonly ignoreRequestHook?: (request: FetchRequest) => boolean;
}

const failed = new Set<string>();

/**
 * Calls a function of the app, if there is one.
 *
 * @param name for the report of a failure. @returns undefined also when it throws.
 */
export function callHook<Arguments extends unknown[], Result>(
  name: string,
  hook: ((...args: Arguments) => Result) | undefined,
  ...args: Arguments
): Result | undefined {
  if (hook === undefined) return undefined;
  try {
    return hook(...args);
  } catch (error) {
    if (!failed.has(name)) {
      failed.add(name);
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      writeNotice('error', `the hook ${name} of the app failed; reported once, and the request goes on: ${detail}`);
    }
    return undefined;
  }
}
