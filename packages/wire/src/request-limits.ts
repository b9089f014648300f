/**
 * What one request may hold. A body of the largest default size, 64 MiB, whose spans say anything at all stays below:
 * it would need spans of 67 bytes, or attributes of 8 bytes. An empty element takes two bytes, and what it costs to
 * read and to keep is many times that.
 */
export const requestLimits = {
  resources: 100_000,
  scopes: 100_000,
  spans: 1_000_000,
  events: 1_000_000,
  links: 1_000_000,
  /** Of resources, scopes, spans, events and links together; each value inside an array or a map counts, too. */
  attributes: 8_000_000,
} as const;

/** Commas and opening brackets outside of strings: about one a value. */
export const maxJsonElements = 8_000_000;

export type ElementKind = keyof typeof requestLimits;

/** The request has more elements than it may. All of it is refused; the message is for its sender. */
export class TooManyElementsError extends Error {
  override readonly name = 'TooManyElementsError';

  constructor(what: string, limit: number) {
    super(`The request has more than ${limit.toLocaleString('en')} ${what}, which is the limit. Send smaller batches.`);
  }
}

/** How many elements of each kind a request has had so far. */
export class ElementCounts {
  readonly #counts: Record<ElementKind, number> = newCounts();

  /** @throws TooManyElementsError when there are more than allowed with these */
  add(kind: ElementKind, count = 1): void {
    this.#counts[kind] += count;
    if (this.#counts[kind] > requestLimits[kind]) throw new TooManyElementsError(kind, requestLimits[kind]);
  }

  reset(): void {
    Object.assign(this.#counts, newCounts());
  }
}

function newCounts(): Record<ElementKind, number> {
  return { resources: 0, scopes: 0, spans: 0, events: 0, links: 0, attributes: 0 };
}

/**
 * Looks over JSON text before anything is made of it: an element of two bytes becomes an object of fifty.
 *
 * @throws TooManyElementsError
 */
export function checkJsonElements(bytes: Uint8Array): void {
  // Each element takes a byte.
  if (bytes.length <= maxJsonElements) return;
  let count = 0;
  for (let i = 0; i < bytes.length; i++) {
    switch (bytes[i]) {
      case quote:
        for (i++; i < bytes.length && bytes[i] !== quote; i++) if (bytes[i] === backslash) i++;
        break;
      case comma:
      case openBracket:
      case openBrace:
        if (++count > maxJsonElements) {
          throw new TooManyElementsError('JSON elements (commas and brackets)', maxJsonElements);
        }
    }
  }
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const openBrace = 0x7b;
