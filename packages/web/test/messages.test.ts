import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIntl } from 'react-intl';
import { catalogues, chooseLocale } from '#src/messages/catalogues.js';
import type { MessageId } from '#src/messages/en.js';

const ids = Object.keys(catalogues.en) as MessageId[];

/** The names of a message's arguments: what stands directly behind an opening brace, before a comma or the closing one. */
const argumentsOf = (message: string): string[] =>
  [...new Set([...message.matchAll(/\{\s*(\w+)\s*[,}]/g)].map((match) => match[1]!))].sort();

test('both catalogues have the same messages', () => {
  assert.deepEqual(Object.keys(catalogues['zh-CN']).sort(), [...ids].sort());
});

for (const id of ids) {
  test(`${id} takes the same arguments in both languages`, () => {
    assert.deepEqual(argumentsOf(catalogues['zh-CN'][id]), argumentsOf(catalogues.en[id]));
  });
}

for (const locale of ['en', 'zh-CN'] as const) {
  test(`every message in ${locale} can be formatted and is not empty`, () => {
    const fail = (error: unknown): never => {
      throw error;
    };
    const intl = createIntl({ locale, messages: catalogues[locale], onError: fail, onWarn: fail });
    for (const id of ids) {
      const values = Object.fromEntries(argumentsOf(catalogues.en[id]).map((name) => [name, 3]));
      assert.notEqual(intl.formatMessage({ id }, values), '');
    }
  });
}

test('Chinese texts are Chinese, except for names, terms and examples', () => {
  const latin = ids.filter((id) => !/\p{Script=Han}/u.test(catalogues['zh-CN'][id]));
  assert.deepEqual(latin.sort(), [
    'app.language',
    'details.schemaUrl',
    'details.span',
    'details.spanId',
    'details.traceState',
    'search.conditionsHint',
    'search.maxDurationHint',
    'search.minDurationHint',
    'search.window',
  ]);
});

test('the first language that there is a catalogue for is taken', () => {
  assert.equal(chooseLocale(['de-AT', 'zh-TW', 'en']), 'zh-CN');
  assert.equal(chooseLocale(['en-GB', 'zh']), 'en');
  assert.equal(chooseLocale(['fr']), 'en');
  assert.equal(chooseLocale([]), 'en');
});
