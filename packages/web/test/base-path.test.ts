import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findBasePath } from '#src/fetch/base-path.js';

test('the path of the UI is the folder above that of its script', () => {
  assert.equal(findBasePath('http://127.0.0.1:16686/assets/index-x.js'), '/');
  assert.equal(findBasePath('https://tools.example/clew/assets/index-x.js'), '/clew/');
  assert.equal(findBasePath('https://tools.example/a/b%20c/assets/index-x.js'), '/a/b%20c/');
});
