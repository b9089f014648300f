export { keyValueToJson } from '@clew/wire';
export {
  type AttributeKeysResponse,
  type AttributeType,
  type AttributeValuesResponse,
  type CallMetrics,
  type CardinalityStats,
  type DeleteTraceResponse,
  type ErrorResponse,
  type OperationMetrics,
  type OperationMetricsResponse,
  type OperationsResponse,
  operationMetricsPath,
  operationsPath,
  type ReceiverAddress,
  type ReceiverStats,
  type ReceiversResponse,
  type Redaction,
  type RedactionRequest,
  type RedactionsResponse,
  type RetentionLimit,
  type RetentionReason,
  type RetentionRemoval,
  type RetentionRequest,
  type RetentionResponse,
  type RetentionRun,
  receiversPath,
  redactionsPath,
  retentionPath,
  type SearchRequest,
  type SearchResponse,
  type ServiceGraphEdge,
  type ServiceGraphResponse,
  type ServicesResponse,
  type SpoolStats,
  type StatsResponse,
  type StoreStats,
  searchPath,
  serviceGraphPath,
  servicesPath,
  statsPath,
  type TailSamplingStats,
  type TraceSummary,
  tracePath,
} from './api.ts';
export { TraceTableError } from './columns.ts';
export { detailsOf, type SpanDetails, type SpanEvent, type SpanLink } from './details.ts';
export { findText } from './find-text.ts';
export { traceToOtlpJson } from './otlp-json.ts';
export { computeSelfTimes, forEachUnion } from './self-time.ts';
export { type RowOrigin, rowOfSpan, spanIdOf, type TraceTable, tableFromNative } from './table.ts';
export * from './text/index.ts';
export { buildTree, linked, parentInCycle, parentMissing, type TraceTree } from './tree.ts';
