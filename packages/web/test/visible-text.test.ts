import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isolateText, showControls } from '#src/draw/visible-text.js';

test('controls, overrides and characters without a width become visible', () => {
  assert.equal(showControls('\u202Egnp.exe'), '⟦RLO⟧gnp.exe');
  assert.equal(showControls('a\u0000b\u200Bc\u2066d\u2069e\uFEFF'), 'a⟦NUL⟧b⟦ZWSP⟧c⟦LRI⟧d⟦PDI⟧e⟦BOM⟧');
  assert.equal(showControls('\u001b[31m\u009b\u0007'), '⟦ESC⟧[31m⟦U+009B⟧⟦U+0007⟧');
  assert.equal(showControls('half \ud83d of a pair'), 'half ⟦U+D83D⟧ of a pair');
});

test('text that is only text stays as it is', () => {
  for (const text of ['GET /orders/:id', '订单 שלום مرحبا', '👩‍💻 ok', 'می‌خواهم', ''])
    assert.equal(showControls(text), text);
});

test('controls that a place shows as they are meant are kept', () => {
  assert.equal(showControls('a\n\tb\u202E', '\n\t'), 'a\n\tb⟦RLO⟧');
});

test('text on a canvas is isolated from what is beside it', () => {
  assert.equal(isolateText('שלום'), '\u2068שלום\u2069');
});
