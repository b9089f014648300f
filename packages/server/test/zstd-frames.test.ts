import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedZstdError, splitZstdFrames } from '#src/transcode/zstd-frames.js';

// Of the reference implementation (libzstd 1.5) but for the last three, so that they are there where Node has no zstd.
const frames: Readonly<Record<string, string>> = {
  'a compressed block in a single segment':
    '28b52ffd604a00dd0000887370616e20504f5354202f6f7264657273020013669a80a08a16',
  'a checksum': '28b52ffd644a00dd0000887370616e20504f5354202f6f7264657273020013669a80a08a16b9520641',
  'a raw block': '28b52ffd202841010000fcd68e2498ea1a2814de860c70b2d2d0ac66fe74c8fa0af8c46ef65ca0c2c2a05cf66ec4f80afa',
  'an empty block': '28b52ffd2000010000',
  'a block of one repeated byte and a size of four bytes': '28b52ffda0400d03005400001000000100fbff39c002036a0800',
  'a window, a dictionary id of two bytes and a size of eight': '28b52ffdc2403412050000000000000029000068656c6c6f',
  'a window and no size': '28b52ffd004029000068656c6c6f',
  'what readers skip': '5f2a4d1803000000616263',
};

describe('the frames of zstd', () => {
  for (const [what, hex] of Object.entries(frames)) {
    const bytes = Buffer.from(hex, 'hex');
    const isSkippable = hex === frames['what readers skip'];

    it(`a frame with ${what} is found to its last byte, and no further`, () => {
      const found = splitZstdFrames(Buffer.concat([bytes, bytes])).map((frame) => frame.toString('hex'));
      assert.deepEqual(found, isSkippable ? [] : [hex, hex]);
    });

    it(`a frame with ${what} that ends early is cut off, wherever it ends`, () => {
      for (let length = 1; length < bytes.length; length++) {
        assert.throws(() => splitZstdFrames(bytes.subarray(0, length)), {
          name: 'MalformedZstdError',
          message: /^cut off/,
        });
      }
    });
  }

  it('other bytes are no frame, and no bytes are none', () => {
    assert.throws(() => splitZstdFrames(Buffer.from('plain text')), MalformedZstdError);
    assert.deepEqual(splitZstdFrames(Buffer.alloc(0)), []);
  });
});
