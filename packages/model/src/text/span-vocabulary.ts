/** Names of OTLP's SpanKind, at the index of their number. */
export const spanKindNames = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

export type SpanKindName = (typeof spanKindNames)[number];

/** Names of OTLP's StatusCode, at the index of their number. */
export const spanStatusNames = ['unset', 'ok', 'error'] as const;

export type SpanStatusName = (typeof spanStatusNames)[number];
