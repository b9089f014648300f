import picocolors from 'picocolors';

/** What the output goes to: how wide it is and whether it shows colours. */
export interface Terminal {
  /** Cells in a row; undefined where there is no bound, as in a file. */
  readonly widthCells: number | undefined;
  readonly colors: ReturnType<typeof picocolors.createColors>;
}

/** Colours only on a terminal, and never with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function describeTerminal(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const colored = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  const columns = stream.isTTY ? stream.columns : Number(env.COLUMNS);
  return { widthCells: columns > 0 ? columns : undefined, colors: picocolors.createColors(colored) };
}
