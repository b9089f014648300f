// Texts that people read and write, parsed and printed once for server, browser and terminal. What starts with the command
// line imports this entry alone: the rest of the package takes longer to load.
export {
  type AttributeCondition,
  ConditionError,
  type ConditionFault,
  formatCondition,
  formatConditionList,
  formatTags,
  parseCondition,
  parseConditionList,
  parseTags,
} from './attribute-condition.ts';
export { bytesSyntax, formatBytes, parseBytes } from './bytes.ts';
export { escapeControls, escapeJson } from './control-characters.ts';
export { durationSyntax, formatDuration, lookbackSyntax, parseDurationNs, parseLookbackMs } from './duration.ts';
export { parseQuantity, type Units } from './quantity.ts';
export { type SpanKindName, type SpanStatusName, spanKindNames, spanStatusNames } from './span-vocabulary.ts';
export { parseTraceId, traceIdSyntax } from './trace-id.ts';
