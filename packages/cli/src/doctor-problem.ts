/** Something that keeps traces from being complete, and what to do about it. */
export interface Problem {
  readonly code:
    | 'no-node-process'
    | 'no-spans'
    | 'library-not-traced'
    | 'instrumentation-failed'
    | 'context-lost'
    | 'trace-broken'
    | 'parent-missing'
    | 'collector-silent'
    | 'collector-refuses'
    | 'duplicate-api'
    | 'sdk-notice';
  readonly message: string;
  readonly advice: string;
  readonly examples: readonly string[];
}
