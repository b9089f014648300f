import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { searchPagePath } from '#src/search-page.js';

const response = { traces: [], hasMore: false, start: 1_795_410_000_000, end: 1_795_413_600_000 };

describe('searchPagePath', () => {
  it('carries the conditions the way Jaeger writes them, and the window that was searched in microseconds', () => {
    const path = searchPagePath(
      {
        service: '网关',
        operation: 'GET /',
        attribute: ['user-id=ada', 'query=a=b'],
        minDuration: '1.5s',
        maxDuration: '2s',
        start: 1,
        limit: 5,
      },
      response,
    );
    const url = new URL(path, 'http://localhost:16686');
    assert.equal(url.pathname, '/search');
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      service: '网关',
      operation: 'GET /',
      tags: '{"user-id":"ada","query":"a=b"}',
      minDuration: '1.5s',
      maxDuration: '2s',
      limit: '5',
      start: '1795410000000000',
      end: '1795413600000000',
    });
  });

  it('carries kind and status as tags, and every condition on one key', () => {
    const path = searchPagePath(
      { kind: 'server', status: 'error', attribute: ['accept=a', 'accept=b', '"a=b"=c'] },
      response,
    );
    assert.equal(
      new URL(path, 'http://localhost').searchParams.get('tags'),
      '{"span.kind":"server","otel.status_code":"ERROR","accept":["a","b"],"a=b":"c"}',
    );
  });

  it('leaves out what was not asked for', () => {
    assert.equal(searchPagePath({}, response), '/search?start=1795410000000000&end=1795413600000000');
  });
});
