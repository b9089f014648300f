import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BodyBudget, type BodyShare } from '#src/receive/body-budget.js';
import { GrowingBody } from '#src/receive/growing-body.js';
import { OtlpError } from '#src/receive/otlp-error.js';

const kib = 1024;
const mib = 1024 * kib;
/** What every request under way holds. */
const headBytes = 16 * kib;

let budget: BodyBudget;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  mock.method(performance, 'now', () => nowMs);
});
afterEach(() => mock.reset());

let nowMs = 0;

/** Lets seconds pass, in each of which the process was free to read. */
function pass(seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    nowMs += 1_000;
    mock.timers.tick(1_000);
  }
}

/** A request that is being read. */
function open(share: BodyShare, announced = mib) {
  const body = new GrowingBody(share, 4 * mib);
  body.announce(announced);
  const stream = new PassThrough();
  const outcome: { error?: unknown; isRead?: boolean } = {};
  const reading = body
    .read(stream, (chunk) => body.append(chunk))
    .then(
      () => {
        outcome.isRead = true;
      },
      (error: unknown) => {
        outcome.error = error;
      },
    );
  const send = async (bytes: number): Promise<void> => {
    stream.write(Buffer.alloc(bytes));
    await nextTurn();
  };
  return { body, stream, outcome, reading, send };
}

function assertRefused(error: unknown, message: RegExp, reason: string): void {
  assert.ok(error instanceof OtlpError);
  assert.equal(error.httpStatus, 503);
  assert.match(error.message, message);
  assert.equal(error.reason, reason);
}

describe('the memory for requests', () => {
  beforeEach(() => {
    budget = new BodyBudget({ maxBytes: 4 * mib, requestTimeoutMs: 60_000 });
  });

  it('is held to the last byte, and one byte more is refused', () => {
    const share = budget.createShare();
    share.hold(4 * mib);
    assert.throws(() => share.hold(1), /under way hold 4194304 bytes; the limit is 4194304/);
    share.release(1);
    share.hold(1);
    assert.equal(budget.heldBytes, 4 * mib);
  });

  it('goes from the tenant that holds the most to one that would still hold less', async () => {
    const [alpha, beta] = [budget.createShare(), budget.createShare()];
    const held = [];
    for (let index = 0; index < 3; index++) {
      held.push(open(alpha));
      await held[index]!.send(mib);
    }
    assert.equal(alpha.heldBytes, 3 * (mib + headBytes));
    const good = open(beta);
    await good.send(mib);
    assert.equal(beta.heldBytes, mib + headBytes);
    await held[0]!.reading;
    assertRefused(held[0]!.outcome.error, /gave way to others/, 'too_much_waiting');
    assert.equal(alpha.heldBytes, 2 * (mib + headBytes));
    // Both would now hold the same: who asks is refused.
    const more = open(beta);
    await more.send(mib);
    await more.reading;
    assertRefused(more.outcome.error, /requests under way hold/, 'too_much_waiting');
    more.body.release();
    assert.equal(held[1]!.outcome.error, undefined);
    for (const each of [...held, good]) each.body.release();
    assert.equal(budget.heldBytes, 0);
  });

  it('goes from requests that wait unread first', async () => {
    const [alpha, beta] = [budget.createShare(), budget.createShare()];
    const reading = open(alpha);
    await reading.send(mib - 1);
    const unread = new GrowingBody(alpha, 4 * mib);
    const waiting = unread.waitUnread(2 * mib, () => new Promise(() => {}));
    beta.hold(mib);
    await assert.rejects(waiting, /gave way/);
    assert.equal(reading.outcome.error, undefined);
    reading.body.release();
    beta.release(mib);
    assert.equal(budget.heldBytes, 0);
  });

  it('goes from a request that stalls to any other, once a second has shown it', async () => {
    const share = budget.createShare();
    const [stalled, moving] = [open(share), open(share)];
    await stalled.send(mib - 1);
    await moving.send(mib - 10_000);
    pass(1);
    await moving.send(9_000);
    pass(1);
    share.hold(2 * mib);
    await stalled.reading;
    assertRefused(stalled.outcome.error, /gave way/, 'too_much_waiting');
    assert.equal(moving.outcome.error, undefined);
  });

  it('is kept by a sender that is just fast enough, and taken after five seconds from one that is slower', async () => {
    const share = budget.createShare();
    // A mebibyte in 120 s.
    const least = Math.ceil(mib / 120);
    const [fast, slow] = [open(share), open(share)];
    for (const each of [fast, slow]) {
      await each.send(300 * kib);
      await each.send(1);
    }
    // The second in which they were fast counts for both.
    pass(1);
    const held = fast.body.heldBytes - headBytes;
    assert.equal(held, mib);
    for (let second = 1; second <= 5; second++) {
      await fast.send(least);
      await slow.send(least - 1);
      assert.equal(slow.outcome.error, undefined, `second ${second}`);
      pass(1);
    }
    await slow.reading;
    assertRefused(slow.outcome.error, /for 5 seconds fewer than 8739 bytes a second, after \d+ bytes/, 'too_slow');
    assert.equal(fast.outcome.error, undefined);
    assert.equal(budget.heldBytes, mib + headBytes);
  });

  it('is not taken from a sender that was slow four seconds, nor for seconds in which the process was too busy', async () => {
    const share = budget.createShare();
    const { outcome, send } = open(share);
    await send(mib - 1_000_000 + 100);
    pass(1);
    for (let round = 0; round < 3; round++) {
      pass(4);
      await send(10_000);
      pass(1);
    }
    for (let second = 0; second < 10; second++) {
      nowMs += 2_000;
      mock.timers.tick(1_000);
    }
    await nextTurn();
    assert.equal(outcome.error, undefined);
  });
});
