/**
 * Conditions on attributes as they are written in requests, on the command line, in the form of the UI and in its links.
 *
 * ```
 * request, CLI   http.route=/a b            one condition: the value is all that follows the first "="
 *                "a=b"=1                    a key with white space or one of " ' = < > ! ~ { } ( ) | & is quoted
 * form           http.route="/a b" user=42  several, with white space between them; values are quoted, too
 * link           {"user":"42","a":["1","2"]}  Jaeger's JSON; a list is one condition an element
 * ```
 *
 * The only comparison is equality. A text that looks like another one (`a>=5`, `a!=b`, `a=~b`) is refused instead of being
 * read as a strange key or value; whoever means that key quotes it.
 */

export interface AttributeCondition {
  readonly key: string;
  /** Compared with the attribute, of whatever type it is. */
  readonly value: string;
}

/** What is wrong with a condition, for messages in other languages. */
export type ConditionFault = 'form' | 'operator' | 'quotes' | 'tags';

/** A text is not a condition. The message says what it should be. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
  readonly fault: ConditionFault;

  constructor(fault: ConditionFault) {
    super(expected[fault]);
    this.fault = fault;
  }
}

const expected: Readonly<Record<ConditionFault, string>> = {
  form: 'key=value, such as http.response.status_code=500; a key with white space stands in double quotes: "a b"=5',
  operator:
    'key=value: equality is the only comparison. A key with white space or one of "\'=<>!~{}()|& in it, or a value that ' +
    'begins with = or ~, needs the key in double quotes, such as "a>b"=5',
  quotes: 'key=value with each double quote closed; inside of quotes, write \\" for " and \\\\ for \\',
  tags: 'a JSON object of texts, numbers, booleans or lists of them, such as {"http.response.status_code":"500"}; whole numbers beyond 2^53 as texts',
};

const bareKey = /[^\s"'=<>!~{}()|&]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/sy;
const bareValue = /[^\s"]*/y;

/** Reads one condition of a request or of the command line. @throws ConditionError */
export function parseCondition(text: string): AttributeCondition {
  const { key, isQuoted, end } = readKey(text, 0);
  const value = text.slice(end);
  if (!isQuoted) refuseOperator(value);
  return { key, value };
}

/** The inverse of {@link parseCondition}. */
export function formatCondition({ key, value }: AttributeCondition): string {
  return `${formatKey(key, value)}=${value}`;
}

/** Reads the conditions of the form, with white space between them. @throws ConditionError */
export function parseConditionList(text: string): readonly AttributeCondition[] {
  const conditions: AttributeCondition[] = [];
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const { key, isQuoted, end } = readKey(text, at);
    const inQuotes = readQuoted(text, end);
    const value = inQuotes?.text ?? readAt(bareValue, text, end)![0];
    at = inQuotes?.end ?? end + value.length;
    if (at < text.length && !/\s/.test(text[at]!)) throw new ConditionError('quotes');
    if (!isQuoted && inQuotes === undefined) refuseOperator(value);
    conditions.push({ key, value });
  }
  return conditions;
}

/** The inverse of {@link parseConditionList}. */
export function formatConditionList(conditions: readonly AttributeCondition[]): string {
  return conditions
    .map(({ key, value }) => `${formatKey(key, '')}=${/^[^\s"=~][^\s"]*$/.test(value) ? value : quote(value)}`)
    .join(' ');
}

/** Reads the parameter `tags` of links to Jaeger's UI and to Clew's. @throws ConditionError */
export function parseTags(json: string): readonly AttributeCondition[] {
  let tags: unknown;
  try {
    tags = JSON.parse(json);
  } catch {
    throw new ConditionError('tags');
  }
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) throw new ConditionError('tags');
  return Object.entries(tags).flatMap(([key, values]) =>
    (Array.isArray(values) ? values : [values]).map((value) => ({ key, value: readTag(value) })),
  );
}

/** The inverse of {@link parseTags}, for links. */
export function formatTags(conditions: readonly AttributeCondition[]): string {
  const values = new Map<string, string[]>();
  for (const { key, value } of conditions) values.set(key, [...(values.get(key) ?? []), value]);
  return JSON.stringify(Object.fromEntries(Array.from(values, ([key, all]) => [key, all.length === 1 ? all[0] : all])));
}

function readTag(value: unknown): string {
  const isExact = typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value);
  if (!['string', 'number', 'boolean'].includes(typeof value) || !isExact) throw new ConditionError('tags');
  return String(value);
}

/** A key and the equals sign after it. */
function readKey(text: string, at: number): { readonly key: string; readonly isQuoted: boolean; readonly end: number } {
  const inQuotes = readQuoted(text, at);
  const key = inQuotes?.text ?? readAt(bareKey, text, at)?.[0] ?? '';
  const end = inQuotes?.end ?? at + key.length;
  if (text[end] !== '=') throw new ConditionError(explainNoEquals(text[end] ?? '', inQuotes !== undefined));
  if (key === '' && inQuotes === undefined) throw new ConditionError('form');
  return { key, isQuoted: inQuotes !== undefined, end: end + 1 };
}

function explainNoEquals(next: string, isQuoted: boolean): ConditionFault {
  if (/^\s?$/.test(next)) return 'form';
  return isQuoted && !/[<>!~]/.test(next) ? 'quotes' : 'operator';
}

/** @throws ConditionError for quotes that do not end */
function readQuoted(text: string, at: number): { readonly text: string; readonly end: number } | undefined {
  if (text[at] !== '"') return undefined;
  const match = readAt(quoted, text, at);
  if (match === null) throw new ConditionError('quotes');
  return { text: match[1]!.replace(/\\(.)/gs, '$1'), end: at + match[0].length };
}

function readAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function skipSpace(text: string, at: number): number {
  return text.length - text.slice(at).trimStart().length;
}

function refuseOperator(value: string): void {
  if (/^[=~]/.test(value)) throw new ConditionError('operator');
}

function formatKey(key: string, value: string): string {
  const isBare = readAt(bareKey, key, 0)?.[0] === key && !/^[=~]/.test(value);
  return isBare ? key : quote(key);
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
