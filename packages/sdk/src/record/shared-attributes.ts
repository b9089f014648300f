import { encodeAttributes, type FlatAttributes } from '@clew/wire';

/**
 * Attributes that many spans have alike (those of one HTTP connection, say), encoded once: a span that has them copies
 * their bytes, which costs a tenth of writing them anew. Immutable. Values must be within the limits of a span.
 */
export class SharedAttributes {
  readonly attributes: FlatAttributes;
  /** As fields of an OTLP span. */
  readonly bytes: Uint8Array;

  constructor(attributes: FlatAttributes) {
    this.attributes = attributes;
    this.bytes = encodeAttributes(0x4a, attributes);
  }

  get count(): number {
    return this.attributes.length / 2;
  }

  has(key: string): boolean {
    for (let index = 0; index < this.attributes.length; index += 2) if (this.attributes[index] === key) return true;
    return false;
  }
}
