import { formatTags, parseCondition, type SearchRequest, type SearchResponse } from '@clew/model';

/**
 * Path of the UI's page with the same search, in the form of Jaeger's addresses. Start and end are those that were
 * searched, in Unix microseconds, so that the link shows the same again. Kind and status are tags, as Jaeger has them.
 */
export function searchPagePath(request: SearchRequest, response: SearchResponse): string {
  const { service, operation, kind, status, attribute = [], minDuration, maxDuration, limit } = request;
  const tags = [
    ...(kind === undefined ? [] : [{ key: 'span.kind', value: kind }]),
    ...(status === undefined ? [] : [{ key: 'otel.status_code', value: status.toUpperCase() }]),
    ...attribute.map(parseCondition),
  ];
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({
    service,
    operation,
    tags: tags.length === 0 ? undefined : formatTags(tags),
    minDuration,
    maxDuration,
    limit,
    start: response.start * 1_000,
    end: response.end * 1_000,
  })) {
    if (value !== undefined) query.set(name, String(value));
  }
  return `/search?${query}`;
}
