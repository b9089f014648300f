/** Of the encoding standard, what every runtime has and TypeScript's library without DOM and Node does not declare. */
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
