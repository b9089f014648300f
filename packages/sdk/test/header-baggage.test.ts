import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClewTracerProvider } from '@clew/sdk';
import {
  type Baggage,
  baggageEntryMetadataFromString,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
} from '@opentelemetry/api';
import fc from 'fast-check';

new ClewTracerProvider({ export: 'none' }).register();

function arrive(header: string): Baggage {
  return propagation.getBaggage(propagation.extract(ROOT_CONTEXT, { baggage: header }, defaultTextMapGetter))!;
}

function leave(baggage: Baggage): string {
  const carrier: Record<string, string> = {};
  propagation.inject(propagation.setBaggage(ROOT_CONTEXT, baggage), carrier, defaultTextMapSetter);
  return carrier.baggage ?? '';
}

/** With metadata as text: the api makes a new object of it each time. */
function entriesOf(baggage: Baggage): unknown[] {
  return baggage.getAllEntries().map(([key, { value, metadata }]) => [key, value, metadata?.toString()]);
}

const key = fc.stringMatching(/^[a-z-]{1,4}$/);
const value = fc.stringMatching(/^[A-Za-z0-9]{0,6}$/);
const entry = fc.record({ value, metadata: fc.option(fc.constantFrom('ttl=60', 'p;q=1'), { nil: undefined }) });
type Entry = { value: string; metadata: string | undefined };
const entries = fc.dictionary(key, entry, { maxKeys: 5, noNullPrototype: true });

const toApi = ({ value, metadata }: Entry): Parameters<Baggage['setEntry']>[1] =>
  metadata === undefined ? { value } : { value, metadata: baggageEntryMetadataFromString(metadata) };

test('the baggage of a header does what a baggage of the api with the same entries does', () => {
  fc.assert(
    fc.property(entries, key, entry, (all, otherKey, other) => {
      const header = Object.entries(all)
        .map(([name, { value, metadata }]) => `${name}=${value}${metadata === undefined ? '' : `;${metadata}`}`)
        .join(',');
      fc.pre(header !== '');
      const ours = arrive(header);
      const theirs = propagation.createBaggage(
        Object.fromEntries(Object.entries(all).map(([name, item]) => [name, toApi(item)])),
      );
      const first = Object.keys(all)[0]!;
      const pairs: [Baggage, Baggage][] = [
        [ours, theirs],
        [ours.setEntry(otherKey, toApi(other)), theirs.setEntry(otherKey, toApi(other))],
        [ours.removeEntry(first), theirs.removeEntry(first)],
        [ours.removeEntries(first, otherKey), theirs.removeEntries(first, otherKey)],
        [ours.clear(), theirs.clear()],
        // None of these has changed it.
        [ours, theirs],
      ];
      for (const [mine, official] of pairs) {
        assert.deepEqual(entriesOf(mine), entriesOf(official));
        assert.equal(mine.getEntry(otherKey)?.value, official.getEntry(otherKey)?.value);
        assert.equal(leave(mine), leave(official));
      }
    }),
  );
});

test('an entry that was handed out can be changed without changing the baggage', () => {
  const baggage = arrive('a=1');
  baggage.getEntry('a')!.value = '2';
  assert.equal(baggage.getEntry('a')!.value, '1');
  assert.equal(leave(baggage), 'a=1');
});

test('a header without a single member makes a baggage without entries, which is not sent on', () => {
  const baggage = arrive('nonsense, =1,');
  assert.deepEqual(baggage.getAllEntries(), []);
  assert.equal(leave(baggage), '');
});
