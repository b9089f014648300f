import type { ExportResult } from './export-request.ts';
import type { HttpProtocol } from './http-receiver.ts';
import { OtlpError } from './otlp-error.ts';

/**
 * The answers of protocols that know a status and a text for people: 202 without a body when the spans are on disk. Such an
 * answer cannot say that some spans were left out; that is in the log alone.
 */
export const textAnswers: Pick<HttpProtocol, 'answer' | 'describeError'> = {
  answer: (result) => {
    requireSpan(result);
    return { status: 202, body: '' };
  },
  describeError: ({ message }) => ({ contentType: 'text/plain; charset=utf-8', body: `${message}\n` }),
};

/** @throws OtlpError 400 when spans came and none of them can be read */
export function requireSpan({ acceptedSpans, rejectedSpans, rejectionReason }: ExportResult): void {
  if (rejectedSpans === 0 || acceptedSpans > 0) return;
  throw new OtlpError(400, `None of the ${rejectedSpans} spans can be read. The first: ${rejectionReason}.`);
}
