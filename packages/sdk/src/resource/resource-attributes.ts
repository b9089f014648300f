import type { AttributeValue } from '@clew/wire';

/** Attributes of the process that sends spans, as OpenTelemetry's resource conventions name them. */
export type ResourceAttributes = Readonly<Record<string, AttributeValue>>;
