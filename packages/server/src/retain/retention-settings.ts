import { bytesSyntax, parseBytes, type RetentionRequest, type RetentionResponse } from '@clew/model';
import { z } from 'zod';
import { ageSyntax, formatAge, isAgeMs, parseAgeMs } from '../age.ts';
import { refuse, refuseUnknown } from '../query/parameters.ts';
import type { RetentionLimits } from './plan.ts';
import { readState, writeState } from './state-file.ts';

/** What was set over the API: a limit that is not in here is as the server was started. */
type Overrides = { -readonly [Name in keyof RetentionLimits]?: RetentionLimits[Name] | undefined };

interface RetentionState {
  readonly limits: Overrides;
  /** Unix milliseconds at which a day ahead of the clock was first seen. */
  readonly aheadSinceMs: Readonly<Record<string, number>>;
}

const minBytes = 1024 * 1024;

const stateSchema: z.ZodType<RetentionState> = z.strictObject({
  limits: z.strictObject({
    maxAgeMs: z.number().refine(isAgeMs).nullable().optional(),
    maxBytes: z.int().min(minBytes).nullable().optional(),
    maxDiskShare: z.number().gt(0).max(1).nullable().optional(),
  }),
  aheadSinceMs: z.record(z.string(), z.number()),
});

/**
 * The limits that hold: those set over the API, else those that the server was started with. The former are kept in a
 * file, so that they hold after a restart.
 */
export class RetentionSettings {
  readonly #path: string;
  readonly #atStart: RetentionLimits;
  #limits: Overrides;
  #aheadSinceMs: Readonly<Record<string, number>>;

  private constructor(path: string, atStart: RetentionLimits, { limits, aheadSinceMs }: RetentionState) {
    this.#path = path;
    this.#atStart = atStart;
    this.#limits = limits;
    this.#aheadSinceMs = aheadSinceMs;
  }

  /** @throws ClewError CLEW_STATE_FILE_UNUSABLE */
  static async open(path: string, atStart: RetentionLimits): Promise<RetentionSettings> {
    const state = await readState(path, stateSchema, 'the limits of the configuration hold');
    return new RetentionSettings(path, atStart, state ?? { limits: {}, aheadSinceMs: {} });
  }

  get limits(): RetentionLimits {
    const { maxAgeMs, maxBytes, maxDiskShare } = this.#limits;
    return {
      maxAgeMs: maxAgeMs === undefined ? this.#atStart.maxAgeMs : maxAgeMs,
      maxBytes: maxBytes === undefined ? this.#atStart.maxBytes : maxBytes,
      maxDiskShare: maxDiskShare === undefined ? this.#atStart.maxDiskShare : maxDiskShare,
    };
  }

  get aheadSinceMs(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.#aheadSinceMs));
  }

  /** Notes which days lie ahead, and since when; lasting when it resolves. */
  async noteAhead(days: readonly string[], nowMs: number): Promise<void> {
    const known = this.#aheadSinceMs;
    if (days.length === Object.keys(known).length && days.every((day) => Object.hasOwn(known, day))) return;
    this.#aheadSinceMs = Object.fromEntries(days.map((day) => [day, known[day] ?? nowMs]));
    await this.save();
  }

  /**
   * Changes limits. They hold at once, but until {@link save} only for this process.
   * @param request the body of `PUT /clew/v1/retention`
   * @returns takes the change back
   * @throws ClewError CLEW_PARAMETER_INVALID, CLEW_PARAMETER_UNKNOWN; nothing is changed then
   */
  change(request: unknown): () => void {
    if (typeof request !== 'object' || request === null || Array.isArray(request)) {
      refuse('body', request, 'a JSON object such as {"age":"7d"}');
    }
    refuseUnknown(request as Record<string, undefined>, ['age', 'maxBytes', 'diskShare']);
    const { age, maxBytes, diskShare } = request as RetentionRequest;
    const previous = this.#limits;
    const limits: Overrides = { ...previous };
    if (age !== undefined) limits.maxAgeMs = readAge(age);
    if (maxBytes !== undefined) limits.maxBytes = readBytes(maxBytes);
    if (diskShare !== undefined) limits.maxDiskShare = readShare(diskShare);
    this.#limits = limits;
    return () => {
      this.#limits = previous;
    };
  }

  /** Keeps what holds now for the next start; durable when it resolves. */
  async save(): Promise<void> {
    await writeState(this.#path, { limits: this.#limits, aheadSinceMs: this.#aheadSinceMs } satisfies RetentionState);
  }

  /** The limits as the API shows them. */
  describe(): Pick<RetentionResponse, 'age' | 'maxBytes' | 'diskShare'> {
    const { maxAgeMs, maxBytes, maxDiskShare } = this.limits;
    const sourceOf = (name: keyof RetentionLimits) => (this.#limits[name] === undefined ? 'start' : 'api');
    return {
      age: { value: maxAgeMs === null ? null : formatAge(maxAgeMs), source: sourceOf('maxAgeMs') },
      maxBytes: { value: maxBytes, source: sourceOf('maxBytes') },
      diskShare: { value: maxDiskShare, source: sourceOf('maxDiskShare') },
    };
  }
}

/** What each limit can be instead of a value, for messages. */
const otherThanValue = 'null (on the command line: none), "default"';

/** `default` gives undefined: as the server was started. */
function readAge(value: unknown): number | null | undefined {
  if (value === null) return null;
  if (value === 'default') return undefined;
  const ageMs = typeof value === 'string' ? parseAgeMs(value) : undefined;
  return ageMs ?? refuse('age', value, `${otherThanValue} or ${ageSyntax}`);
}

function readBytes(value: unknown): number | null | undefined {
  if (value === null) return null;
  if (value === 'default') return undefined;
  const bytes = typeof value === 'string' ? parseBytes(value) : value;
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= minBytes) return bytes;
  return refuse('maxBytes', value, `${otherThanValue} or ${bytesSyntax}, at least 1MiB`);
}

function readShare(value: unknown): number | null | undefined {
  if (value === null) return null;
  if (value === 'default') return undefined;
  if (typeof value === 'number' && value > 0 && value <= 1) return value;
  return refuse('diskShare', value, `${otherThanValue} or a number above 0 up to 1, such as 0.8`);
}
