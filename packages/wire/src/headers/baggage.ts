/** One list-member of a `baggage` header. */
export interface BaggageMember {
  /** An HTTP token. */
  readonly key: string;
  /** Any Unicode text, decoded. */
  readonly value: string;
  /** What follows the value, as it is on the wire: `prop;other=1`. Empty when there is none. */
  readonly properties: string;
}

/** W3C Baggage, section 3.3.2: what must be propagated, and what we accept and send. */
export const maxBaggageMembers = 64;
export const maxBaggageBytes = 8_192;

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Each property: token, or token "=" baggage-octets; spaces and tabs around the parts.
const propertiesPattern =
  /^[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*(=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*[ \t]*)?(;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*(=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*[ \t]*)?)*$/;
// Characters that a value may hold as they are: baggage-octet without "%".
const plainValuePattern = /^[\x21\x23\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;

/**
 * Reads a `baggage` header, or several joined by commas (W3C Baggage, section 3.3). A member without a token as its
 * key and an equals sign is left out, the others stay. Values may hold further equals signs; percent-encoded bytes that
 * are not UTF-8 become U+FFFD. Of several members with one key the last one wins, in the first one's place. Members
 * beyond 64, or beyond 8,192 bytes in all, are left out whole.
 */
export function parseBaggage(header: string): BaggageMember[] {
  const members = new Map<string, BaggageMember>();
  let bytes = 0;
  for (const part of header.split(',')) {
    const text = part.trim();
    const member = parseMember(text);
    if (member === undefined) continue;
    bytes += text.length + 1;
    if (bytes - 1 > maxBaggageBytes) break;
    if (members.size === maxBaggageMembers && !members.has(member.key)) break;
    members.set(member.key, member);
  }
  return [...members.values()];
}

/**
 * Writes a `baggage` header. Values are percent-encoded as UTF-8, `%` included; a member whose key is no token is left
 * out, and so are properties that do not follow the grammar. Members beyond the limits are left out whole.
 *
 * @param onLeftOut called with the key of each member that is left out.
 */
export function formatBaggage(members: Iterable<BaggageMember>, onLeftOut?: (key: string) => void): string {
  let header = '';
  let count = 0;
  for (const member of members) {
    if (count === maxBaggageMembers || !tokenPattern.test(member.key)) {
      onLeftOut?.(member.key);
      continue;
    }
    let text = `${member.key}=${encodeValue(member.value)}`;
    if (member.properties !== '' && propertiesPattern.test(member.properties)) text += `;${member.properties}`;
    const separator = count === 0 ? '' : ',';
    if (header.length + separator.length + text.length > maxBaggageBytes) {
      onLeftOut?.(member.key);
      continue;
    }
    header += separator + text;
    count++;
  }
  return header;
}

function parseMember(text: string): BaggageMember | undefined {
  const equals = text.indexOf('=');
  if (equals < 0) return undefined;
  const key = text.slice(0, equals).trim();
  if (!tokenPattern.test(key)) return undefined;
  const semicolon = text.indexOf(';', equals);
  const value = text.slice(equals + 1, semicolon < 0 ? undefined : semicolon).trim();
  const properties = semicolon < 0 ? '' : text.slice(semicolon + 1).trim();
  return { key, value: decodeValue(value), properties };
}

function encodeValue(value: string): string {
  if (plainValuePattern.test(value)) return value;
  let text = '';
  for (const byte of encoder.encode(value)) {
    const char = String.fromCharCode(byte);
    text += plainValuePattern.test(char) ? char : `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
  }
  return text;
}

function decodeValue(value: string): string {
  if (!value.includes('%')) return value;
  const bytes = encoder.encode(value);
  let length = 0;
  for (let index = 0; index < bytes.length; index++) {
    const hex = bytes[index] === 0x25 ? String.fromCharCode(bytes[index + 1] ?? 0, bytes[index + 2] ?? 0) : '';
    // A "%" that no two hex digits follow stands for itself.
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes[length++] = Number.parseInt(hex, 16);
      index += 2;
    } else {
      bytes[length++] = bytes[index]!;
    }
  }
  return decoder.decode(bytes.subarray(0, length));
}

const encoder = new TextEncoder();
// A byte order mark is text like any other here.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
