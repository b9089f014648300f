import assert from 'node:assert/strict';
import { beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WaitingLine } from '#src/spool/waiting-line.js';

let room: number;
let entered: string[];
let line: WaitingLine;

beforeEach(() => {
  room = 0;
  entered = [];
  line = new WaitingLine(() => room);
});

async function enter(name: string, bytes: number): Promise<void> {
  await line.enter(bytes);
  entered.push(name);
}

function letIn(bytes: number): void {
  room = bytes;
  line.letIn();
  room = 0;
}

async function expectEntered(...names: string[]): Promise<void> {
  await nextTurn();
  assert.deepEqual(entered, names);
}

describe('requests that wait for room', () => {
  it('are let in at once while there is some', async () => {
    room = 1;
    await enter('a', 1e9);
    await expectEntered('a');
    assert.equal(line.waited, 0);
  });

  it('are let in oldest first, until they have the bytes that there is room for', async () => {
    for (const name of ['a', 'b', 'c', 'd']) void enter(name, 100_000);
    await expectEntered();
    letIn(0);
    letIn(-5);
    await expectEntered();
    letIn(200_000);
    await expectEntered('a', 'b');
    letIn(1);
    await expectEntered('a', 'b', 'c');
    letIn(1e9);
    await expectEntered('a', 'b', 'c', 'd');
    assert.equal(line.waited, 4);
    letIn(1e9);
  });

  it('count as 64 KiB when their length is not known', async () => {
    for (const name of ['a', 'b', 'c']) void enter(name, 0);
    letIn(65_537);
    await expectEntered('a', 'b');
    letIn(65_536);
    await expectEntered('a', 'b', 'c');
  });

  it('are let in after two seconds, whatever there is', async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    void enter('a', 10);
    mock.timers.tick(1_000);
    void enter('b', 10);
    mock.timers.tick(999);
    await expectEntered();
    mock.timers.tick(1);
    await expectEntered('a');
    // Who is in takes no room from those behind.
    letIn(10);
    await expectEntered('a', 'b');
  });
});
