import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { type Attributes, ROOT_CONTEXT, SamplingDecision, SpanKind } from '@opentelemetry/api';
import fc from 'fast-check';
import { AlwaysOffSampler, RuleBasedSampler, type SamplingRule } from '#src/index.js';
import { matchesPath } from '#src/sample/path-pattern.js';

const { NOT_RECORD, RECORD_AND_SAMPLED } = SamplingDecision;
const traceId = '0af7651916cd43dd8448eb211c80319c';

afterEach(() => {
  process.env.OTEL_LOG_LEVEL = 'error';
});

function decide(rules: readonly unknown[], attributes: Attributes, serviceName = 'shop'): SamplingDecision {
  const sampler = new RuleBasedSampler({
    rules: rules as readonly SamplingRule[],
    otherwise: new AlwaysOffSampler(),
    serviceName,
  });
  return sampler.shouldSample(ROOT_CONTEXT, traceId, 'GET', SpanKind.SERVER, attributes, []).decision;
}

const paths: readonly [pattern: string, path: string, matches: boolean][] = [
  ['/health', '/health', true],
  ['/health', '/health/', false],
  ['/health', '/healthy', false],
  ['/api/*', '/api/', true],
  ['/api/*', '/api/a/b', true],
  ['/api/*', '/api', false],
  ['/users/:id', '/users/1', true],
  ['/users/:id', '/users/', false],
  ['/users/:id', '/users/1/orders', false],
  ['/users/:id/orders', '/users/1/orders', true],
  ['/users/:id/*', '/users/1/orders', true],
  ['*/orders', '/users/1/orders', true],
  ['*/:id/x', '/a/b/x', true],
  ['/a:b', '/a:b', true],
  ['/a:b', '/ac', false],
  ['*.js', '/a.js.map', false],
  ['*.js', '/a.js.js', true],
  ['*', '', true],
  ['', '', true],
  ['', '/', false],
  ['/a.c', '/abc', false],
];
for (const [pattern, path, matches] of paths) {
  test(`the path "${path}" ${matches ? 'is' : 'is not'} what "${pattern}" names`, () => {
    assert.equal(matchesPath(pattern, path), matches);
  });
}

test('patterns of characters and stars match what the regular expression does', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 8 });
  const path = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 });
  fc.assert(
    fc.property(pattern, path, (glob, text) => {
      assert.equal(matchesPath(glob, text), new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(text));
    }),
    { numRuns: 2_000 },
  );
});

test('the first rule that matches decides, and the other sampler where none does', () => {
  const rules: SamplingRule[] = [
    { route: '/health', decision: 'drop' },
    { route: '/api/*', method: 'POST', decision: 'keep' },
    { attributes: { tier: 'gold', level: 3, beta: true }, decision: 'keep' },
    { route: '/api/*', ratio: 0 },
  ];
  assert.equal(decide(rules, { 'url.path': '/health', tier: 'gold', level: 3, beta: true }), NOT_RECORD);
  assert.equal(decide(rules, { 'url.path': '/api/a', 'http.request.method': 'POST' }), RECORD_AND_SAMPLED);
  assert.equal(decide(rules, { 'url.path': '/api/a', 'http.request.method': 'GET' }), NOT_RECORD);
  assert.equal(decide(rules, { 'url.path': '/api/a', tier: 'gold', level: 3, beta: true }), RECORD_AND_SAMPLED);
  assert.equal(decide(rules, { tier: 'gold', level: '3', beta: true }), NOT_RECORD);
  assert.equal(decide([{ route: '/users/:id', decision: 'keep' }], { 'http.route': '/users/:id' }), RECORD_AND_SAMPLED);
  assert.equal(decide([], { 'url.path': '/api/a' }), NOT_RECORD);
});

test('a rule for another service is none, and a rule may do with a ratio or a rate', () => {
  assert.equal(decide([{ service: 'shop', decision: 'keep' }], {}), RECORD_AND_SAMPLED);
  assert.equal(decide([{ service: 'shop', decision: 'keep' }], {}, 'cart'), NOT_RECORD);
  assert.equal(decide([{ ratio: 1 }], {}), RECORD_AND_SAMPLED);
  assert.equal(decide([{ rate: 1 }], {}), RECORD_AND_SAMPLED);
  assert.equal(decide([{ rate: 0 }], {}), NOT_RECORD);
});

const bad: readonly unknown[] = [
  null,
  'drop',
  [],
  {},
  { route: '/a' },
  { decision: 'maybe' },
  { ratio: 1.01 },
  { ratio: -0.01 },
  { ratio: '1' },
  { rate: -1 },
  { rate: 1, decision: 'keep' },
  { route: 1, decision: 'keep' },
  { attributes: 'x', decision: 'keep' },
  { path: '/a', decision: 'keep' },
];
for (const rule of bad) {
  test(`the rule ${JSON.stringify(rule)} is left out, and the next one counts`, () => {
    process.env.OTEL_LOG_LEVEL = 'none';
    assert.equal(decide([rule, { decision: 'keep' }], {}), RECORD_AND_SAMPLED);
    assert.equal(decide([rule], {}), NOT_RECORD);
  });
}

test('rules whose first one has no condition need no attributes', () => {
  const ask = (rules: SamplingRule[]): unknown =>
    new RuleBasedSampler({ rules }).decide(undefined, 1, 2, 3, 4, 'GET', SpanKind.SERVER);
  assert.equal(ask([{ decision: 'drop' }, { route: '/a', decision: 'keep' }]), NOT_RECORD);
  assert.equal(ask([{ route: '/a', decision: 'keep' }]), undefined);
  assert.equal(ask([]), RECORD_AND_SAMPLED);
});
