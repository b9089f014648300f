import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SamplingDecision, SpanKind } from '@opentelemetry/api';
import fc from 'fast-check';
import { PassiveSpan } from '#src/api/passive-span.js';
import { ParentBasedSampler, RateLimitingSampler } from '#src/index.js';
import { TokenBucket } from '#src/sample/token-bucket.js';

test('a second lets its number through, the next one only when its time has come', () => {
  const bucket = new TokenBucket(10, 5_000);
  for (let index = 0; index < 10; index++) assert.equal(bucket.take(5_000), true);
  assert.equal(bucket.take(5_000), false);
  assert.equal(bucket.take(5_099), false);
  assert.equal(bucket.take(5_100), true);
  assert.equal(bucket.take(5_100), false);
});

test('a rate below one lets the first through, and the next after its time', () => {
  const bucket = new TokenBucket(0.5, 0);
  assert.equal(bucket.take(0), true);
  assert.equal(bucket.take(1_999), false);
  assert.equal(bucket.take(2_000), true);
});

test('what was not used for long is one second worth and no more', () => {
  const bucket = new TokenBucket(3, 0);
  for (let index = 0; index < 3; index++) assert.equal(bucket.take(3_600_000), true);
  assert.equal(bucket.take(3_600_000), false);
});

test('in any stretch of time no more passes than the rate and one burst', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50 }), steps, (rate, pauses) => {
      const bucket = new TokenBucket(rate, 0);
      let nowMs = 0;
      let passed = 0;
      for (const pause of pauses) {
        nowMs += pause;
        if (bucket.take(nowMs)) passed++;
      }
      assert.ok(passed <= rate + (rate * nowMs) / 1_000 + 1e-6);
    }),
  );
});

test('a rate of 0, and what is no rate, records nothing', () => {
  for (const rate of [0, -1, Number.NaN]) {
    assert.equal(new RateLimitingSampler(rate).shouldSample().decision, SamplingDecision.NOT_RECORD);
  }
});

test('at the root, traces are counted and their spans follow', () => {
  const sampler = new ParentBasedSampler({ root: new RateLimitingSampler(1) });
  const ask = (parent?: PassiveSpan): unknown => sampler.decide(parent, 1, 2, 3, 4, 'n', SpanKind.SERVER);
  const kept = new PassiveSpan();
  kept.traceFlags = 1;
  assert.equal(ask(), SamplingDecision.RECORD_AND_SAMPLED);
  assert.equal(ask(), SamplingDecision.NOT_RECORD);
  assert.equal(ask(kept), SamplingDecision.RECORD_AND_SAMPLED);
  assert.equal(ask(new PassiveSpan()), SamplingDecision.NOT_RECORD);
});
