import { join } from 'node:path';
import { ask, endChild, nextMessage, startChild } from '../child.js';
import { type Figure, printReport } from '../report.js';

// How many spans are lost on the way to a collector that takes its time: Clew and the official SDK, both with their
// defaults, one after the other, each with a collector of its own.
//
//   npm run bench -- sdk-slow-collector [SECONDS] [SPANS_PER_SECOND] [ANSWER_MS]

const [seconds = 30, rate = 5_000, answerMs = 500] = process.argv.slice(2).map(Number);
const here = import.meta.dirname;

interface Made {
  readonly made: number;
  readonly peakMiB: number;
}

async function measure(sdk: 'clew' | 'official'): Promise<Figure[]> {
  const collector = startChild(join(here, '../collector.js'), { args: [answerMs] });
  const port = await nextMessage<number>(collector);
  const app = startChild(join(here, 'app.js'), {
    args: [sdk, rate, seconds],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
  });
  const exited = new Promise((resolve) => app.once('exit', resolve));
  const { made, peakMiB } = await nextMessage<Made>(app);
  await exited;
  const arrived = await ask<number>(collector);
  await endChild(collector);
  return [
    { what: `${sdk}: spans made`, value: made, unit: '' },
    {
      what: `${sdk}: spans lost`,
      value: made - arrived,
      unit: '',
      budget: sdk === 'clew' ? '0, at any length of run' : 'elsewhere: 76 % lost',
    },
    { what: `${sdk}: lost`, value: (100 * (made - arrived)) / made, unit: '%' },
    { what: `${sdk}: memory at its peak`, value: peakMiB, unit: 'MiB' },
  ];
}

console.log(`${rate} spans/s for ${seconds} s to a collector that answers after ${answerMs} ms`);
const figures = [...(await measure('clew')), ...(await measure('official'))];
printReport('sdk-slow-collector', figures);
