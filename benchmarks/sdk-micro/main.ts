import { join } from 'node:path';
import { nextMessage, nodeBinary, startChild } from '../child.js';
import { type Figure, printReport } from '../report.js';
import type { Costs } from './cases.js';

// The parts of a traced request one by one, in a loop without sockets: Clew and the official SDK, in turns, each in a
// process of its own, the median of several rounds. In a server the same code runs with cold caches, and costs more.
//
//   npm run bench -- sdk-micro [ROUNDS] [NODE,…]      such as: 3 20,24

const rounds = Number(process.argv[2] ?? 3);
const nodeVersions = (process.argv[3] ?? '20,24').split(',').map(Number);
const sdks = ['clew', 'official'] as const;

const figures: Figure[] = [];
for (const version of nodeVersions) {
  const runs: Record<(typeof sdks)[number], Costs[]> = { clew: [], official: [] };
  for (let round = 0; round < rounds; round++) {
    for (const sdk of sdks) {
      runs[sdk].push(
        await nextMessage<Costs>(startChild(join(import.meta.dirname, `${sdk}.js`), { node: nodeBinary(version) })),
      );
    }
  }
  for (const name of Object.keys(runs.clew[0]!)) {
    const median = (sdk: (typeof sdks)[number]): number =>
      runs[sdk].map((costs) => costs[name]!).sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
    for (const sdk of sdks) figures.push({ what: `Node ${version}, ${name}: ${sdk}`, value: median(sdk), unit: 'us' });
    figures.push({
      what: `Node ${version}, ${name}: clew / official`,
      value: median('clew') / median('official'),
      unit: 'ratio',
    });
  }
}
printReport('sdk-micro', figures);
