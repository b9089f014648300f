import { durationSyntax, parseDurationNs } from '@clew/model/text';
import { z } from 'zod';

/** Traces that tail sampling keeps: those for which all that the rule names holds. In a text, `*` stands for any characters. */
export interface KeepRule {
  /** A span of it has the status error. */
  readonly error?: true | undefined;
  /** From its earliest start to its latest end it takes this long, such as `1.5s`. */
  readonly minDuration?: string | undefined;
  /** Its root's operation was called less often than this on the day before. */
  readonly rarerThan?: number | undefined;
  /** One span has all three of these that are given; attributes are compared as text. */
  readonly service?: string | undefined;
  readonly name?: string | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** This share of the traces for which the others hold: above 0, up to 1. */
  readonly share?: number | undefined;
}

const pattern = z.string().min(1).max(1_000);
const scalar = z.union([pattern, z.number(), z.boolean()]).transform(String);

export const keepRuleSchema: z.ZodType<KeepRule> = z
  .strictObject({
    error: z.literal(true).optional(),
    minDuration: z
      .string()
      .refine((text) => parseDurationNs(text) !== undefined, { message: `minDuration must be ${durationSyntax}` })
      .optional(),
    rarerThan: z.int().min(1).optional(),
    service: pattern.optional(),
    name: pattern.optional(),
    attributes: z
      .record(z.string().min(1), scalar)
      .refine((attributes) => Object.keys(attributes).length <= 20)
      .optional(),
    share: z.number().gt(0).max(1).optional(),
  })
  .refine((rule) => describeKeepRule(rule) !== '');

/** Each rule is asked for each trace, and is a number of a byte. */
export const maxKeepRules = 50;

/** As metrics name it, such as `error` or `service=shop share=0.5`. */
export function describeKeepRule({ error, attributes = {}, ...fields }: KeepRule): string {
  const all = [
    ...Object.entries(fields).filter(([, value]) => value !== undefined),
    ...Object.entries(attributes).map(([key, value]) => [`attributes.${key}`, value] as const),
  ];
  return [...(error ? ['error'] : []), ...all.map(([name, value]) => `${name}=${value}`)].join(' ');
}
