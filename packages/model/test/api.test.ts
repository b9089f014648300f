import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationsPath, searchPath, tracePath } from '@clew/model';

test('conditions become query parameters, attributes one by one', () => {
  const path = searchPath({ service: 'a&b', attribute: ['user-id=7', 'x=ü'], limit: 20, operation: undefined });
  const url = new URL(path, 'http://clew');
  assert.equal(url.pathname, '/clew/v1/search');
  assert.equal(url.searchParams.get('service'), 'a&b');
  assert.deepEqual(url.searchParams.getAll('attribute'), ['user-id=7', 'x=ü']);
  assert.equal(url.searchParams.get('limit'), '20');
  assert.equal(url.searchParams.has('operation'), false);
});

test('a search without conditions has no query', () => {
  assert.equal(searchPath({ service: '', attribute: [] }), '/clew/v1/search');
});

test('names with special characters stay one segment or one value', () => {
  assert.equal(tracePath('a/b'), '/clew/v1/traces/a%2Fb');
  assert.equal(operationsPath('a b'), '/clew/v1/operations?service=a%20b');
});
