import { type PartialSuccess, readPartialSuccess } from './partial-success.ts';
import { openPoster, type PostResult } from './post-request.ts';
import { isRetryable, readRetryAfter } from './retry-delay.ts';
import type { Target } from './target.ts';
import type { SendResult, Transport } from './transport.ts';

/** How a request over HTTP is written and its answer read. */
export interface BodyFormat {
  readonly contentType: string;
  /** @param request an `ExportTraceServiceRequest` in protobuf. */
  encode(request: Uint8Array): Uint8Array;
  /** Reads the body of a 2xx answer. */
  readAnswer(body: Uint8Array): PartialSuccess;
}

/** OTLP's protobuf: what the spans are anyway. */
export const protobufBody: BodyFormat = {
  contentType: 'application/x-protobuf',
  encode: (request) => request,
  readAnswer: readPartialSuccess,
};

/** Posts batches over HTTP/1.1, as OTLP/HTTP and Zipkin have it. */
export async function openHttpTransport(target: Target, format: BodyFormat): Promise<Transport> {
  const poster = await openPoster(target, format.contentType);
  return {
    send: async (request) => judge(await poster.post(format.encode(request)), format),
    close: () => poster.close(),
  };
}

function judge(result: PostResult, format: BodyFormat): SendResult {
  if ('error' in result) {
    const reason = result.error.code ?? result.error.message;
    return { outcome: 'later', reason, isUnreachable: true, waitMs: 0 };
  }
  const { status } = result;
  const reason = `HTTP ${status}`;
  if (status >= 200 && status <= 299) {
    if (isWebPage(result.contentType)) {
      return { outcome: 'refused', reason: `${reason} with a web page: that is not a collector` };
    }
    return { outcome: 'accepted', ...format.readAnswer(result.body) };
  }
  if (isRetryable(status)) {
    return { outcome: 'later', reason, isUnreachable: false, waitMs: readRetryAfter(result.retryAfter, Date.now()) };
  }
  return { outcome: 'refused', reason: status >= 300 && status <= 399 ? `${reason}; no redirect is followed` : reason };
}

/** What a sign-in page, a proxy or a web app at the wrong port answers with to everything. Collectors never do. */
function isWebPage(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(contentType);
}
