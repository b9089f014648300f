import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { releaseMemory } from '#src/release-memory.js';

describe('the memory of bytes', () => {
  test('is given back at once', () => {
    const mib = 1024 * 1024;
    const bytes = new Uint8Array(64 * mib);
    // A collection at any moment gives back what others left too, so that only a lower limit can be told.
    const held = process.memoryUsage().arrayBuffers;
    releaseMemory(bytes);
    assert.ok(process.memoryUsage().arrayBuffers <= held - 64 * mib);
    assert.equal(bytes.length, 0);
  });

  test('stays where others have a part of it, in this thread or another', () => {
    for (const bytes of [new Uint8Array(new ArrayBuffer(10), 0, 5), new Uint8Array(new SharedArrayBuffer(5))]) {
      bytes[4] = 7;
      releaseMemory(bytes);
      assert.equal(bytes[4], 7);
    }
  });

  test('is given back once', () => {
    const bytes = new Uint8Array(5);
    releaseMemory(bytes);
    releaseMemory(bytes);
    releaseMemory(new Uint8Array(0));
  });
});
