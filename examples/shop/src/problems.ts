/** The problems that are built into the shop on purpose; README.md tells where each is and what its traces look like. */
export const problemNames = [
  'n-plus-one',
  'serial-calls',
  'slow-query',
  'hidden-retry',
  'lost-context',
  'clock-skew',
  'slow-release',
] as const;

export type ProblemName = (typeof problemNames)[number];

/**
 * Reads the value of `SHOP_PROBLEMS`: names joined by commas, `all` (also when unset or empty) or `none`.
 * @throws {Error} on a name that is not in {@link problemNames}
 */
export function parseProblems(text: string | undefined): readonly ProblemName[] {
  const trimmed = (text ?? '').trim();
  if (trimmed === '' || trimmed === 'all') return problemNames;
  if (trimmed === 'none') return [];
  return trimmed.split(',').map((part) => {
    const name = problemNames.find((known) => known === part.trim());
    if (name === undefined) {
      throw new Error(
        `SHOP_PROBLEMS names "${part.trim()}", which the shop does not have; use all, none, or some of ${problemNames.join(',')}`,
      );
    }
    return name;
  });
}

/** Whether this process was started with the problem built in. */
export function hasProblem(name: ProblemName): boolean {
  return parseProblems(process.env.SHOP_PROBLEMS).includes(name);
}
