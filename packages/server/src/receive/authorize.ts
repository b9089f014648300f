import type { IncomingMessage } from 'node:http';
import type { AuthorizationCheck } from '../access-tokens.ts';
import { OtlpError } from './otlp-error.ts';

/** Lets a request in that has a token for spans; when there are none, everyone. @throws OtlpError 401 */
export function authorize(
  request: Pick<IncomingMessage, 'headers'>,
  isAuthorized: AuthorizationCheck | undefined,
): void {
  const { authorization } = request.headers;
  if (isAuthorized === undefined || isAuthorized(authorization)) return;
  const what = authorization === undefined ? 'A bearer token is needed' : 'The bearer token is not known';
  throw new OtlpError(
    401,
    `${what}. Send "Authorization: Bearer TOKEN" with a token of CLEW_INGEST_TOKENS or CLEW_INGEST_TOKENS_FILE; an ` +
      'OpenTelemetry SDK takes it from OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN.',
  );
}
