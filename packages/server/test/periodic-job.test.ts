import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { PeriodicJob } from '#src/periodic-job.js';

/** Runs that end when the test says so. */
let ends: (() => void)[];
let begun: number;
let job: PeriodicJob<number>;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  ends = [];
  begun = 0;
  job = new PeriodicJob({
    run: () =>
      new Promise<number>((resolve) => {
        const number = ++begun;
        ends.push(() => resolve(number));
      }),
    restMs: () => 60_000,
  });
});

afterEach(async () => {
  for (const end of ends) end();
  mock.timers.reset();
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a periodic job', () => {
  test('of a run that takes ten hours makes one run, and rests after it', async () => {
    job.start();
    for (let minute = 0; minute < 600; minute++) mock.timers.tick(60_000);
    await settle();
    assert.equal(begun, 1);
    ends[0]!();
    await settle();
    mock.timers.tick(59_999);
    await settle();
    assert.equal(begun, 1);
    mock.timers.tick(1);
    await settle();
    assert.equal(begun, 2);
  });

  test('answers all demands that come during a run with one run after it', async () => {
    job.start();
    const demands = [job.run(), job.run(), job.run()];
    ends[0]!();
    await settle();
    const late = job.run();
    assert.equal(begun, 2);
    ends[1]!();
    assert.deepEqual(await Promise.all(demands), [2, 2, 2]);
    await settle();
    ends[2]!();
    assert.equal(await late, 3);
  });

  test('on demand moves the next run, instead of adding one', async () => {
    job.start();
    ends[0]!();
    await settle();
    mock.timers.tick(30_000);
    void job.run();
    ends[1]!();
    await settle();
    mock.timers.tick(59_999);
    await settle();
    assert.equal(begun, 2);
    mock.timers.tick(1);
    await settle();
    assert.equal(begun, 3);
  });

  test('that was never started runs on demand alone', async () => {
    void job.run();
    ends[0]!();
    await settle();
    mock.timers.tick(1e9);
    await settle();
    assert.equal(begun, 1);
  });

  test('when it is stopped waits for its run, and begins no other', async () => {
    job.start();
    let isStopped = false;
    const stopped = job.stop().then(() => {
      isStopped = true;
    });
    await settle();
    assert.deepEqual([job.signal.aborted, isStopped], [true, false]);
    ends[0]!();
    await stopped;
    mock.timers.tick(1e9);
    await settle();
    assert.equal(begun, 1);
  });
});
