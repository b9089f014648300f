import { statsPath } from '@clew/model';
import { connect } from './api-client.ts';
import { print, printJson } from './output.ts';
import { renderStats } from './stats-table.ts';
import { describeTerminal } from './terminal.ts';

/** The options of `clew stats`, as parsed. */
export interface StatsOptions {
  readonly server: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** Prints what the server took, refused and keeps. */
export async function runStats({ server, token, json }: StatsOptions): Promise<void> {
  const stats = await connect(server, token).stats(statsPath);
  if (json) printJson(stats);
  else print(`${renderStats(stats, describeTerminal(process.stdout, process.env), Date.now()).join('\n')}\n`);
}
