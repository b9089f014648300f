import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTraceId } from '@clew/model';

for (const [text, traceId] of [
  ['5b8aa5a2d2c872e8321cf37308d69df2', '5b8aa5a2d2c872e8321cf37308d69df2'],
  ['5B8AA5A2D2C872E8321CF37308D69DF2', '5b8aa5a2d2c872e8321cf37308d69df2'],
  ['05ad4dd4cf6152aa', '000000000000000005ad4dd4cf6152aa'],
  ['5ad4dd4cf6152aa', '000000000000000005ad4dd4cf6152aa'],
  ['0x5AD4DD4CF6152AA', '000000000000000005ad4dd4cf6152aa'],
  [' "5b8aa5a2-d2c8-72e8-321c-f37308d69df2"\n', '5b8aa5a2d2c872e8321cf37308d69df2'],
  ['1', '00000000000000000000000000000001'],
  ['', undefined],
  ['0', undefined],
  ['0000000000000000', undefined],
  ['5b8aa5a2d2c872e8321cf37308d69df2a', undefined],
  ['g', undefined],
  ['0x', undefined],
  ['0x0x1', undefined],
] as const) {
  test(`the trace id ${JSON.stringify(text)} is ${traceId}`, () => assert.equal(parseTraceId(text), traceId));
}
