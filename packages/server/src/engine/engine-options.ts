/** What the parent tells the engine process at its start, as JSON in its only argument. */
export interface EngineProcessOptions {
  /** The engine's own directory, absolute. One process at a time may have it open. */
  readonly dataDir: string;
  readonly socketPath: string;
  /** Statements that can run at the same time. */
  readonly sessions: number;
  /** Statements that may wait, counted apart for reads and for writes. */
  readonly maxQueued: number;
  /** The largest data of one INSERT. */
  readonly maxInsertBytes: number;
  /** Memory that all statements together may take. */
  readonly maxMemoryBytes: number;
  /** Memory that one statement may take. */
  readonly maxStatementMemoryBytes: number;
  /** A statement gets a thread for each so many bytes that are free, and no more than there are cores. */
  readonly minFreeBytesPerThread: number;
  /** How long one statement may run. */
  readonly maxExecutionS: number;
}

/** What the engine process tells its parent, over ipc. */
export type EngineMessage =
  | { readonly type: 'ready' }
  /** The process ends after this one. */
  | { readonly type: 'failed'; readonly reason: string };

export const engineDefaults: Omit<EngineProcessOptions, 'dataDir' | 'socketPath'> = {
  // One insert, and two queries of which one is slow, go on side by side; more only share the same cores.
  sessions: 3,
  maxQueued: 64,
  // A block of 64 MiB of OTLP takes less than this even where nothing repeats.
  maxInsertBytes: 256 * 1024 * 1024,
  // With the parent's own memory this stays within the 1.5 GiB that a server under full load may take.
  maxMemoryBytes: 1280 * 1024 * 1024,
  maxStatementMemoryBytes: 1024 * 1024 * 1024,
  // The engine's own default, 1 GiB, would leave every statement a single thread.
  minFreeBytesPerThread: 128 * 1024 * 1024,
  maxExecutionS: 30,
};
