import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const engineFolder = new URL('../../../packages/server/dist/engine/', import.meta.url);
const engineProcess = fileURLToPath(new URL('engine-process.js', engineFolder));
const { engineDefaults } = (await import(
  new URL('engine-options.js', engineFolder).href
)) as typeof import('../../packages/server/dist/engine/engine-options.js');

/** What the way to the engine does to what passes. */
export interface Weather {
  /** Each piece, in either direction, takes this long. */
  readonly delayMs?: number;
  /** A connection breaks when so many bytes of answers have come through it; asked for each. */
  readonly cutAnswerAt?: () => number;
}

/**
 * An engine of its own, far away: behind a TCP port that can be closed, slow, or break off answers. It speaks ClickHouse's
 * HTTP interface, so that a server with `CLEW_CLICKHOUSE_URL` has a real store behind a bad network.
 */
export class RemoteEngine {
  readonly #engine: ChildProcess;
  readonly #socketPath: string;
  readonly #connections = new Set<Socket>();
  #gate: Server | undefined;
  #port = 0;
  #weather: Weather = {};
  /** Answers that were broken off. */
  cuts = 0;

  private constructor(engine: ChildProcess, socketPath: string) {
    this.#engine = engine;
    this.#socketPath = socketPath;
  }

  static async start(dataDir: string): Promise<RemoteEngine> {
    const socketPath = join(dataDir, 'remote.sock');
    const options = { ...engineDefaults, dataDir: join(dataDir, 'remote'), socketPath };
    const engine = fork(engineProcess, [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const [message] = (await once(engine, 'message')) as [{ type: string }];
    if (message.type !== 'ready') throw new Error(JSON.stringify(message));
    const remote = new RemoteEngine(engine, socketPath);
    await remote.comeBack();
    return remote;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    // Connections are kept alive; the change is for those under way as well.
    this.#breakAll();
  }

  /** Connections are broken, new ones refused. */
  async goAway(): Promise<void> {
    const gate = this.#gate!;
    gate.close();
    this.#breakAll();
    await once(gate, 'close');
  }

  /** Listens again, on the same port. */
  async comeBack(): Promise<void> {
    this.#gate = createServer((from) => this.#pass(from)).listen(this.#port, '127.0.0.1');
    await once(this.#gate, 'listening');
    this.#port = (this.#gate.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (this.#gate!.listening) await this.goAway();
    const exited = once(this.#engine, 'exit');
    this.#engine.kill('SIGKILL');
    await exited;
  }

  #breakAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #pass(from: Socket): void {
    const to = connect(this.#socketPath);
    const { delayMs = 0, cutAnswerAt } = this.#weather;
    const cutAt = cutAnswerAt?.();
    let answered = 0;
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#connections.add(one);
      one.on('error', () => {});
      one.once('close', () => {
        this.#connections.delete(one);
        other.destroy();
      });
    }
    void carry(from, to, delayMs);
    if (cutAt === undefined) {
      void carry(to, from, delayMs);
      return;
    }
    to.on('data', (piece: Buffer) => {
      const left = cutAt - answered;
      answered += piece.length;
      if (piece.length <= left) return from.write(piece);
      this.cuts++;
      from.write(piece.subarray(0, Math.max(0, left)), () => from.destroy());
    });
  }
}

async function carry(from: Socket, to: Socket, delayMs: number): Promise<void> {
  try {
    for await (const piece of from) {
      if (delayMs > 0) await sleep(delayMs);
      to.write(piece as Buffer);
    }
    to.end();
  } catch {
    to.destroy();
  }
}
