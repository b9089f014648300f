/** One list-member of a `tracestate` header. */
export interface TracestateMember {
  readonly key: string;
  readonly value: string;
}

/** List-members in one header; a longer list is invalid as a whole. */
export const maxTracestateMembers = 32;

/**
 * The combined header is cut down to this many characters when it is sent: the least that everyone must propagate, and
 * the most that several implementations accept.
 */
export const maxTracestateChars = 512;

// When a list must be shortened, members above this length go first.
const longMemberChars = 128;

// W3C Trace Context level 2, section 3.3.2.2.
const keyPattern = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
const valuePattern = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Reads a `tracestate` header, or several joined by commas (W3C Trace Context level 2, section 3.3); undefined when it
 * must be discarded: a member that does not follow the grammar, or more than 32 of them. Empty members are legal and
 * left out; leading spaces belong to a value, trailing ones do not. Of several members with one key the first stays, and
 * all of them count.
 */
export function parseTracestate(header: string): TracestateMember[] | undefined {
  const members: TracestateMember[] = [];
  let count = 0;
  for (const part of header.split(',')) {
    const text = trimWhitespace(part);
    if (text === '') continue;
    if (count++ === maxTracestateMembers) return undefined;
    const equals = text.indexOf('=');
    const key = text.slice(0, equals);
    const value = text.slice(equals + 1);
    if (equals < 0 || !keyPattern.test(key) || !valuePattern.test(value)) return undefined;
    if (!members.some((member) => member.key === key)) members.push({ key, value });
  }
  return members;
}

/**
 * Writes a `tracestate` header of at most `maxChars`. When members must go, those over 128 characters go first (section
 * 3.3.1.5), then the last ones; a member is dropped whole or not at all.
 */
export function formatTracestate(members: readonly TracestateMember[], maxChars: number = maxTracestateChars): string {
  const texts = members.map(({ key, value }) => `${key}=${value}`);
  let chars = texts.reduce((sum, text) => sum + text.length + 1, -1);
  for (let index = texts.length - 1; index >= 0 && chars > maxChars; index--) {
    if (texts[index]!.length > longMemberChars) chars -= texts.splice(index, 1)[0]!.length + 1;
  }
  while (chars > maxChars) chars -= texts.pop()!.length + 1;
  return texts.join(',');
}

/**
 * An immutable `tracestate`, of the shape of OpenTelemetry's TraceState. A header is read only when something is asked
 * of it; one that is invalid reads as empty.
 */
export class Tracestate {
  private header: string | undefined;
  private members: readonly TracestateMember[] | undefined;
  /** What {@link serialize} has returned: the spans of a trace share its state, and each is written with it. */
  private text: string | undefined;

  /** @param source a header as it arrived, or members. */
  constructor(source: string | readonly TracestateMember[]) {
    if (typeof source === 'string') this.header = source;
    else this.members = source;
  }

  get(key: string): string | undefined {
    return this.list().find((member) => member.key === key)?.value;
  }

  /**
   * Sets a member and puts it in front; at 32 members the last one goes. A key or value that the grammar forbids
   * changes nothing.
   */
  set(key: string, value: string): Tracestate {
    if (!keyPattern.test(key) || !valuePattern.test(value)) return this;
    const others = this.list().filter((member) => member.key !== key);
    return new Tracestate([{ key, value }, ...others.slice(0, maxTracestateMembers - 1)]);
  }

  unset(key: string): Tracestate {
    return new Tracestate(this.list().filter((member) => member.key !== key));
  }

  /** The header to send; empty when there are no members. */
  serialize(): string {
    this.text ??= formatTracestate(this.list());
    return this.text;
  }

  private list(): readonly TracestateMember[] {
    if (this.members === undefined) {
      this.members = parseTracestate(this.header ?? '') ?? [];
      this.header = undefined;
    }
    return this.members;
  }
}

/** OWS of HTTP: spaces and tabs. Leading spaces are those before the key, so a value keeps its own. */
function trimWhitespace(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}
