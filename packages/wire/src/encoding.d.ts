// The two WHATWG encoding classes, which Node and every browser have: all that `wire` needs of either.
declare class TextEncoder {
  encode(text?: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}

/** The letters must be below U+0100. */
declare function btoa(binary: string): string;

/** Throws when the text is not base64. */
declare function atob(base64: string): string;
