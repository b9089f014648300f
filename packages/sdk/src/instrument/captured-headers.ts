import type { OutgoingHttpHeaders, OutgoingMessage } from 'node:http';
import type { AttributeValue } from '@clew/wire';
import { readList } from '../environment.ts';
import type { RecordingSpan } from '../record/recording-span.ts';
import { setFlatAttributes } from './http-conventions.ts';

/** Names in lower case of headers that become attributes. None by default: headers hold secrets. */
export interface CapturedHeaders {
  readonly request: readonly string[];
  readonly response: readonly string[];
}

export const capturedServerHeaders: CapturedHeaders = {
  request: readNames('OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST'),
  response: readNames('OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE'),
};
export const capturedClientHeaders: CapturedHeaders = {
  request: readNames('OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST'),
  response: readNames('OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE'),
};

/** `http.request.header.<key>` and `http.response.header.<key>`: all values of the header, as the conventions say. */
export function pushCapturedHeaders(
  attributes: AttributeValue[],
  side: keyof CapturedHeaders,
  names: readonly string[],
  rawHeaders: readonly string[],
): void {
  for (const name of names) {
    const values: string[] = [];
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      if (rawHeaders[index]!.toLowerCase() === name) values.push(rawHeaders[index + 1]!);
    }
    if (values.length > 0) attributes.push(`http.${side}.header.${name}`, values);
  }
}

/** The same on a span that has begun. */
export function setCapturedHeaders(
  span: RecordingSpan,
  side: keyof CapturedHeaders,
  names: readonly string[],
  rawHeaders: readonly string[],
): void {
  const attributes: AttributeValue[] = [];
  pushCapturedHeaders(attributes, side, names, rawHeaders);
  setFlatAttributes(span, attributes);
}

/** Headers that this process sends in the form of those that it gets: `[name, value, …]`. */
export function flattenHeaders(headers: OutgoingHttpHeaders | undefined): string[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    [value].flat().flatMap((item) => [name, String(item)]),
  );
}

/** `[name, value, …]` of the headers that a request or response is sent with, however the app has given them. */
export function readHead(message: OutgoingMessage): string[] {
  const { _header: head } = message as OutgoingMessage & { readonly _header?: string | null };
  if (typeof head !== 'string') return flattenHeaders(message.getHeaders());
  return head
    .split('\r\n')
    .slice(1)
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}

function readNames(variable: string): readonly string[] {
  return (readList(variable) ?? []).map((name) => name.toLowerCase());
}
