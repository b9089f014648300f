import { type BaggageMember, formatBaggage, parseBaggage } from '@clew/wire';
import { type Baggage, type BaggageEntry, baggageEntryMetadataFromString, propagation } from '@opentelemetry/api';
import { reportDroppedBaggage } from './dropped-baggage.ts';

/**
 * The baggage of a `baggage` header. It is read when something is asked of it, and written once however many requests
 * it goes out with: most requests only pass their baggage on. A changed copy is a baggage of the api's own.
 */
export class HeaderBaggage implements Baggage {
  private readonly header: string;
  private read: Map<string, BaggageEntry> | undefined;
  private text: string | undefined;

  /** @param header as it arrived; what in it is no member is left out. */
  constructor(header: string) {
    this.header = header;
  }

  getEntry(key: string): BaggageEntry | undefined {
    const entry = this.entries().get(key);
    return entry === undefined ? undefined : { ...entry };
  }

  getAllEntries(): [string, BaggageEntry][] {
    return [...this.entries()];
  }

  setEntry(key: string, entry: BaggageEntry): Baggage {
    return this.copy().setEntry(key, entry);
  }

  removeEntry(key: string): Baggage {
    return this.copy().removeEntry(key);
  }

  removeEntries(...keys: string[]): Baggage {
    return this.copy().removeEntries(...keys);
  }

  clear(): Baggage {
    return propagation.createBaggage();
  }

  /** The header to send; empty when there is nothing in it. */
  serialize(): string {
    this.text ??= formatBaggage(parseBaggage(this.header), reportDroppedBaggage);
    return this.text;
  }

  private entries(): Map<string, BaggageEntry> {
    this.read ??= new Map(parseBaggage(this.header).map((member) => [member.key, entryOf(member)]));
    return this.read;
  }

  private copy(): Baggage {
    let baggage = propagation.createBaggage();
    for (const [key, entry] of this.entries()) baggage = baggage.setEntry(key, entry);
    return baggage;
  }
}

function entryOf({ value, properties }: BaggageMember): BaggageEntry {
  return properties === '' ? { value } : { value, metadata: baggageEntryMetadataFromString(properties) };
}
