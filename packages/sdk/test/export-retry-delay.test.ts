import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGrpcOk, judgeGrpcFailure, readGrpcEnd } from '#src/export/grpc-status.js';
import { isRetryable, readRetryAfter, retryDelayMs } from '#src/export/retry-delay.js';

test('only the answers that OTLP/HTTP names are tried again', () => {
  const retried = Array.from({ length: 500 }, (_, index) => index + 100).filter(isRetryable);
  assert.deepEqual(retried, [429, 502, 503, 504]);
});

/** OTLP's table of the codes of gRPC; what is not in it is refused. */
const grpcCodes: readonly [code: number, name: string, isRetried: boolean | 'with a RetryInfo'][] = [
  [1, 'CANCELLED', true],
  [2, 'UNKNOWN', false],
  [3, 'INVALID_ARGUMENT', false],
  [4, 'DEADLINE_EXCEEDED', true],
  [5, 'NOT_FOUND', false],
  [6, 'ALREADY_EXISTS', false],
  [7, 'PERMISSION_DENIED', false],
  [8, 'RESOURCE_EXHAUSTED', 'with a RetryInfo'],
  [9, 'FAILED_PRECONDITION', false],
  [10, 'ABORTED', true],
  [11, 'OUT_OF_RANGE', true],
  [12, 'UNIMPLEMENTED', false],
  [13, 'INTERNAL', false],
  [14, 'UNAVAILABLE', true],
  [15, 'DATA_LOSS', true],
  [16, 'UNAUTHENTICATED', false],
  [17, 'none of them', false],
];
/** Status { details: [Any { type_url, value: RetryInfo { retry_delay: Duration { seconds: 2 } } }] }. */
const retryInType = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
const any = Buffer.from([0x0a, retryInType.length, ...retryInType, 0x12, 4, 0x0a, 2, 0x08, 2]);
const retryInTwoSeconds = Buffer.from([0x1a, any.length, ...any]).toString('base64');

for (const [code, name, isRetried] of grpcCodes) {
  test(`gRPC's ${name} is ${isRetried === false ? 'refused' : `tried again${isRetried === true ? '' : ` ${isRetried}`}`}`, () => {
    assert.equal(isGrpcOk({ code, message: '', details: '' }), false);
    const plain = judgeGrpcFailure({ code, message: 'm', details: '' });
    assert.equal(plain.outcome, isRetried === true ? 'later' : 'refused');
    const withInfo = judgeGrpcFailure({ code, message: 'm', details: retryInTwoSeconds });
    assert.equal(withInfo.outcome, isRetried === false ? 'refused' : 'later');
    if (withInfo.outcome === 'later') assert.equal(withInfo.waitMs, 2_000);
  });
}

test('an answer without a gRPC status is judged by its HTTP status, as gRPC maps them', () => {
  for (const status of [200, 400, 401, 403, 404, 429, 500, 502, 503, 504]) {
    const { code } = readGrpcEnd({}, status);
    assert.equal(code, [429, 502, 503, 504].includes(status) ? 14 : 2, String(status));
  }
  assert.equal(isGrpcOk(readGrpcEnd({ 'grpc-status': '0' }, 200)), true);
  assert.deepEqual(readGrpcEnd({ 'grpc-status': '8', 'grpc-message': 'a%20b' }, 200), {
    code: 8,
    message: 'a b',
    details: '',
  });
});

test('Retry-After is read as seconds or as a date; anything else is no wish', () => {
  const nowMs = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
  for (const [text, waitMs] of [
    [undefined, 0],
    ['0', 0],
    ['120', 120_000],
    [' 3 ', 3_000],
    ['Wed, 21 Oct 2026 07:28:05 GMT', 5_000],
    ['Wed, 21 Oct 2026 07:27:55 GMT', 0],
    ['soon', 0],
    ['', 0],
  ] as const) {
    assert.equal(readRetryAfter(text, nowMs), waitMs, String(text));
  }
});

test('delays double from 500 ms to 15 s, by ±25 %, and what the collector asks for counts up to a minute', () => {
  for (const [failures, base] of [
    [1, 500],
    [2, 1_000],
    [5, 8_000],
    [6, 15_000],
    [1_000, 15_000],
  ] as const) {
    const delays = Array.from({ length: 200 }, () => retryDelayMs(failures, 0));
    assert.ok(Math.min(...delays) >= base * 0.75 && Math.max(...delays) <= base * 1.25);
    assert.ok(new Set(delays).size > 100, 'they differ');
  }
  assert.equal(retryDelayMs(1, 20_000), 20_000);
  assert.equal(retryDelayMs(1, 60_000), 60_000);
  assert.equal(retryDelayMs(1, 60_001), 60_000);
});
