import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Escape, bell, delete, CSI of C1, bidi override and isolate, zero-width space, line separator, a tag, and harmless ones. */
const hostile = 'x\u001b[2J\u0007\u007f\u009b2J\u202e\u2066\u200b\u2028\ufeff\u{e0041}y 下单 👩‍👩‍👧';

test('a line of the log has no character that a terminal obeys or hides, and is the same JSON', () => {
  const program = `
    import { createLogger } from ${JSON.stringify(import.meta.resolve('#src/log.js'))};
    const log = createLogger('info');
    const hostile = ${JSON.stringify(hostile)};
    log.info({ [hostile]: hostile, err: new Error(hostile) }, hostile);
    log.child({ tenant: hostile }).warn('child');
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  assert.equal(stdout, '');
  const lines = stderr.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual([first![hostile], first!.msg, second!.tenant], [hostile, hostile, hostile]);
  assert.equal((first!.err as Error).message, hostile);
});
