/**
 * The duration of a row of `spans` in all that is computed from it. The column keeps what was sent, so it is below 0 when
 * a span ends before it starts; such a span lasts 0, here as in the model's table of a trace.
 */
export const spanDuration = 'greatest(duration_ns, 0)';
