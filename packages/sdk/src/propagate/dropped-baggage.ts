import { maxBaggageBytes, maxBaggageMembers } from '@clew/wire';
import { writeNotice } from '../notice.ts';

let hasReported = false;

/** Says, once, that an entry of the baggage could not be sent. Its value may be secret, so only the key is named. */
export function reportDroppedBaggage(key: string): void {
  if (hasReported) return;
  hasReported = true;
  writeNotice(
    'warn',
    `the baggage entry ${JSON.stringify(key)} is not sent: at most ${maxBaggageMembers} entries and ${maxBaggageBytes} ` +
      'bytes are, with keys that are HTTP tokens. Said once',
  );
}
