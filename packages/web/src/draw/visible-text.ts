/** Names of the characters that change how the text around them is shown, or show nothing themselves. */
const names: Readonly<Record<number, string>> = {
  0: 'NUL',
  9: 'TAB',
  10: 'LF',
  13: 'CR',
  27: 'ESC',
  127: 'DEL',
  173: 'SHY',
  1564: 'ALM',
  6158: 'MVS',
  8203: 'ZWSP',
  8206: 'LRM',
  8207: 'RLM',
  8232: 'LS',
  8233: 'PS',
  8234: 'LRE',
  8235: 'RLE',
  8236: 'PDF',
  8237: 'LRO',
  8238: 'RLO',
  8288: 'WJ',
  8294: 'LRI',
  8295: 'RLI',
  8296: 'FSI',
  8297: 'PDI',
  65279: 'BOM',
};

/**
 * Controls, bidirectional marks and overrides, and characters without a width. Joiners (U+200C, U+200D) are left: emoji
 * and several scripts need them.
 */
const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Text of others with its controls made visible, `\u202e` as `⟦RLO⟧`: what is read is what is there.
 *
 * @param keep Controls that the place of the text shows as they are meant, such as line breaks.
 */
export function showControls(text: string, keep = ''): string {
  return text.replace(controls, (control) => {
    if (keep.includes(control)) return control;
    const code = control.charCodeAt(0);
    return `⟦${names[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`}⟧`;
  });
}

/** For text without controls on a canvas: text from right to left then does not reorder what is beside it. */
export function isolateText(text: string): string {
  return `\u2068${text}\u2069`;
}
