import { writeNotice } from '../notice.ts';

/** What a span may have too many of, with the variable that allows more. */
const variables = {
  attributes: 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
  events: 'OTEL_SPAN_EVENT_COUNT_LIMIT',
  links: 'OTEL_SPAN_LINK_COUNT_LIMIT',
  'attributes of an event': 'OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT',
  'attributes of a link': 'OTEL_LINK_ATTRIBUTE_COUNT_LIMIT',
} as const;

const said = new Set<string>();

/** Says that something exceeded a limit, once for each kind: how much of it is counted in every span. */
export function sayExceeded(what: keyof typeof variables, limit: number, spanName: string): void {
  if (said.has(what)) return;
  said.add(what);
  writeNotice(
    'warn',
    `the span "${spanName}" has more than ${limit} ${what}: the rest is dropped, and counted in the span. ` +
      `${variables[what]} allows more. Said once`,
  );
}
