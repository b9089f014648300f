import { parseQuantity } from './quantity.ts';

const units = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** How a size is written, for messages. */
export const bytesSyntax: string = 'a number of bytes such as 500MB, 50GiB or 1073741824';

/** Reads `50GiB`, `500 MB` or `1073741824`; answers whole bytes, or undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const bytes = parseQuantity(text, units);
  return bytes === undefined || !Number.isSafeInteger(Math.round(bytes)) ? undefined : Math.round(bytes);
}

const shownUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes in the largest unit of which there is one: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(shownUnits.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${Number(value.toFixed(value < 100 ? 1 : 0))} ${shownUnits[power]}`;
}
