import type { TokenLookup } from '../access-tokens.ts';
import type { ReceiverMetrics } from '../metrics.ts';
import type { BodyShare } from './body-budget.ts';
import type { Ingest } from './export-request.ts';
import { OtlpError } from './otlp-error.ts';

/** Where the spans of a sender go. */
export interface Destination {
  readonly ingest: Ingest;
  /**
   * Resolves when a request of so many bytes may be read: while there is no room for it, its sender is to wait.
   * @throws OtlpError 503 when that takes too long
   */
  readonly waitForRoom: (bytes: number) => Promise<void>;
  /** Its part of the memory for requests that are being read. */
  readonly memory: BodyShare;
  readonly metrics: ReceiverMetrics;
}

/** What the receivers ask of each request, before they read its body. */
export interface AccessOptions {
  /** By the token that a request has. */
  readonly destinationOf: TokenLookup<Destination>;
  /** Of requests that go nowhere. */
  readonly metrics: ReceiverMetrics;
}

/** Lets a request in that has a token for spans. @throws OtlpError 401 */
export function requireDestination(
  destination: Destination | undefined,
  authorization: string | undefined,
): Destination {
  if (destination !== undefined) return destination;
  const what = authorization === undefined ? 'A bearer token is needed' : 'The bearer token is not known';
  throw new OtlpError(
    401,
    `${what}. Send "Authorization: Bearer TOKEN" with a token of CLEW_INGEST_TOKENS, CLEW_INGEST_TOKENS_FILE or a ` +
      'tenant; an OpenTelemetry SDK takes it from OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN.',
  );
}
