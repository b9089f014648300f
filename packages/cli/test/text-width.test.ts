import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeControls } from '@clew/model/text';
import fc from 'fast-check';
import { fitCells, measureCells } from '#src/text-width.js';

describe('measureCells', () => {
  it('counts one cell for Latin, two for Chinese, Korean, full width and emoji, none for a combining accent', () => {
    for (const [text, cells] of [
      ['', 0],
      ['GET /cart', 9],
      ['下单', 4],
      ['주문', 4],
      ['ＡＢ', 4],
      ['é', 1],
      ['👩‍👩‍👧', 2],
      ['ｱ', 1],
      ['└─ ', 3],
      ['✗', 1],
    ] as const) {
      assert.equal(measureCells(text), cells, text);
    }
  });
});

describe('fitCells', () => {
  it('pads what is short, keeps what fits exactly, and cuts one cell more with an ellipsis', () => {
    assert.equal(fitCells('abc', 4), 'abc ');
    assert.equal(fitCells('abcd', 4), 'abcd');
    assert.equal(fitCells('abcde', 4), 'abc…');
    assert.equal(fitCells('abcde', 0), '');
  });

  it('never splits a character of two cells: the free cell becomes a space', () => {
    assert.equal(fitCells('订单服务', 6), '订单… ');
    assert.equal(fitCells('订单服务', 5), '订单…');
  });

  it('gives exactly the width that was asked for, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, cells) => {
        assert.equal(measureCells(fitCells(escapeControls(text), cells)), cells);
      }),
    );
  });
});

describe('escapeControls', () => {
  it('shows what would move the cursor, colour the terminal or turn the writing direction', () => {
    assert.equal(escapeControls('a\u001b[31mb\r\nc\u202e'), 'a\\u{1b}[31mb\\u{d}\\u{a}c\\u{202e}');
    assert.equal(escapeControls('下单 café'), '下单 café');
  });
});
