/** The largest piece of a file that is read at once: a trace of Jaeger, the spans of a resource in OTLP. */
export const maxElementBytes: number = 256 * 1_048_576;

/** What is sent in one request, about: large enough to be quick, far below what servers take. */
export const batchBytes: number = 4 * 1_048_576;
