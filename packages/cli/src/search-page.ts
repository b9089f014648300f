import type { SearchRequest, SearchResponse } from '@clew/model';

/**
 * Path of the UI's page with the same search, in the form of Jaeger's addresses. Start and end are those that were
 * searched, in Unix microseconds, so that the link shows the same again.
 */
export function searchPagePath(request: SearchRequest, response: SearchResponse): string {
  const { service, operation, attribute = [], minDuration, maxDuration, limit } = request;
  const tags = Object.fromEntries(
    attribute.map((condition) => {
      const equals = condition.indexOf('=');
      return [condition.slice(0, equals), condition.slice(equals + 1)];
    }),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({
    service,
    operation,
    tags: attribute.length === 0 ? undefined : JSON.stringify(tags),
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
