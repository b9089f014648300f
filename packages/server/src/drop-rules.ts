import { z } from 'zod';

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** Spans that are not stored: those for which all that the rule names holds. In a text, `*` stands for any characters. */
export interface DropRule {
  readonly service?: string | undefined;
  readonly name?: string | undefined;
  readonly kind?: (typeof kinds)[number] | undefined;
  /** By key: the value as text. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

const pattern = z.string().min(1).max(1_000);
const scalar = z.union([pattern, z.number(), z.boolean()]).transform(String);

export const dropRuleSchema: z.ZodType<DropRule> = z
  .strictObject({
    service: pattern.optional(),
    name: pattern.optional(),
    kind: z.enum(kinds).optional(),
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

interface CompiledRule {
  readonly text: string;
  readonly service: RegExp | undefined;
  readonly name: RegExp | undefined;
  readonly kind: number;
  readonly attributes: readonly (readonly [key: string, value: RegExp])[];
}

/** Finds the rule by which a span is not stored. */
export class DropRules {
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly DropRule[]) {
    this.#rules = rules.map((rule) => ({
      text: describeDropRule(rule),
      service: compile(rule.service),
      name: compile(rule.name),
      kind: rule.kind === undefined ? -1 : kinds.indexOf(rule.kind),
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
        (service === undefined || service.test(span.service)) &&
        (name === undefined || name.test(span.name)) &&
        attributes.every(([key, value]) => {
          const text = span.attribute(key);
          return text !== undefined && value.test(text);
        }),
    )?.text;
  }
}

/** Such as `service=shop name=GET /health*`. */
function describeDropRule({ attributes, ...fields }: DropRule): string {
  return Object.entries({ ...fields, ...attributes })
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function compile(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  const parts = text.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
