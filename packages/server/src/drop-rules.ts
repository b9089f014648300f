import { type SpanKindName, spanKindNames } from '@clew/model/text';
import { z } from 'zod';

/** Spans that are not stored: those for which all that the rule names holds. In a text, `*` stands for any characters. */
export interface DropRule {
  readonly service?: string | undefined;
  readonly name?: string | undefined;
  readonly kind?: SpanKindName | undefined;
  /** By key: the value as text. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

const pattern = z.string().min(1).max(1_000);
const scalar = z.union([pattern, z.number(), z.boolean()]).transform(String);

export const dropRuleSchema: z.ZodType<DropRule> = z
  .strictObject({
    service: pattern.optional(),
    name: pattern.optional(),
    kind: z.enum(spanKindNames).optional(),
    attributes: z.record(z.string().min(1), scalar).optional(),
  })
  .refine((rule) => describeDropRule(rule) !== '');

/** Each rule is asked for each span. */
export const maxDropRules = 100;

/** What a rule is asked about. */
export interface DropCandidate {
  readonly service: string;
  readonly name: string;
  /** OTLP's number. */
  readonly kind: number;
  /** The text of an attribute of the span that is a string, an integer, a double or a boolean; undefined without it. */
  attribute(key: string): string | undefined;
}

/** Whether a text is as the pattern says. */
type Matcher = (text: string) => boolean;

interface CompiledRule {
  readonly text: string;
  readonly service: Matcher | undefined;
  readonly name: Matcher | undefined;
  readonly kind: number;
  readonly attributes: readonly (readonly [key: string, matches: Matcher])[];
}

/** Finds the rule by which a span is not stored. */
export class DropRules {
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly DropRule[]) {
    this.#rules = rules.map((rule) => ({
      text: describeDropRule(rule),
      service: compile(rule.service),
      name: compile(rule.name),
      kind: rule.kind === undefined ? -1 : spanKindNames.indexOf(rule.kind),
      attributes: Object.entries(rule.attributes ?? {}).map(([key, value]) => [key, compile(value)!] as const),
    }));
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** The first rule that holds, as metrics name it. */
  find(span: DropCandidate): string | undefined {
    return this.#rules.find(
      ({ service, name, kind, attributes }) =>
        (kind === -1 || kind === span.kind) &&
        (service === undefined || service(span.service)) &&
        (name === undefined || name(span.name)) &&
        attributes.every(([key, matches]) => {
          const text = span.attribute(key);
          return text !== undefined && matches(text);
        }),
    )?.text;
  }
}

/** Such as `service=shop name=GET /health* attributes.http.route=/health`. */
function describeDropRule({ attributes = {}, ...fields }: DropRule): string {
  const all = [
    ...Object.entries(fields),
    ...Object.entries(attributes).map(([key, value]) => [`attributes.${key}`, value] as const),
  ];
  return all.map(([name, value]) => `${name}=${value}`).join(' ');
}

function compile(pattern: string | undefined): Matcher | undefined {
  if (pattern === undefined) return undefined;
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  // Not a regular expression: senders choose the text, and one that does not match could make it go back and forth.
  return (text) => {
    if (!text.startsWith(first)) return false;
    let position = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, position);
      if (found === -1) return false;
      position = found + part.length;
    }
    return text.length - last.length >= position && text.endsWith(last);
  };
}
