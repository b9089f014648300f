import { cpus, totalmem } from 'node:os';

/** One line of a benchmark's table. `budget` is what DESIGN's budget table or a peer demands, in words. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly budget?: string;
}

/** Prints the figures as a table and, as the last line, one JSON object with the machine and the date. */
export function printReport(name: string, figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ what }) => what.length));
  console.log();
  for (const { what, value, unit, budget } of figures) {
    const number = value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 });
    const line = `${what.padEnd(width)}  ${number.padStart(12)} ${unit.padEnd(12)} ${budget ?? ''}`;
    console.log(line.trimEnd());
  }
  console.log();
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const values = Object.fromEntries(figures.map(({ what, value, unit }) => [`${what}, ${unit}`, value]));
  console.log(
    JSON.stringify({ benchmark: name, date: new Date().toISOString().slice(0, 10), machine, figures: values }),
  );
}

/** The value below which the share `q` of the values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
