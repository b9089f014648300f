import type { SettingDescription } from './describe.ts';

const introduction = `# Settings of \`clew serve\`

<!-- Written by \`npm run build\` from the table in packages/server/src/config.ts: change it there. -->

Each setting can be given in three ways, and the first wins:

1. a flag, \`clew serve --http-port 8080\`,
2. a variable of the environment, \`CLEW_HTTP_PORT=8080\`; an empty one counts as not set,
3. a key in a configuration file, which \`--config FILE\` or \`CLEW_CONFIG\` names. It is YAML, one setting a line; the
   keys are the flags without their dashes:

   \`\`\`yaml
   data-dir: /var/lib/clew
   http-port: 8080
   \`\`\`

What is in none of them has its default. A flag or a key that does not exist is an error, and the
message names the one that was most likely meant. A \`CLEW_*\` variable that nothing reads is logged as a warning, with the nearest
name. Variables that Kubernetes sets for services (\`CLEW_SERVICE_HOST\`, \`CLEW_PORT=tcp://…\`) are ignored.

- \`clew config check [FILE]\` checks file and environment, prints every fault with its line, and ends with 1 if there is one.
- \`clew config print\` takes the flags of \`clew serve\` and prints every setting, its value and where that comes from;
  secrets are masked. \`--json\` prints JSON.
- \`clew serve --help\` lists the flags.
`;

/** The page `docs/configuration.md`: every setting, by group. */
export function writeSettingsPage(settings: readonly SettingDescription[]): string {
  const groups = [...new Set(settings.map(({ group }) => group))];
  return [
    introduction,
    ...groups.map((group) =>
      writeGroup(
        group,
        settings.filter((each) => each.group === group),
      ),
    ),
  ].join('\n');
}

function writeGroup(group: string, settings: readonly SettingDescription[]): string {
  const rows = settings.map(({ flag, variable, description, expected, defaultText }) => [
    `\`${flag}\`<br>\`${variable}\``,
    description,
    expected,
    defaultText === undefined ? 'none' : `\`${defaultText}\``,
  ]);
  return `## ${group}\n\n${writeTable([['flag, variable', 'what it is', 'value', 'default'], ...rows])}\n`;
}

/** A table whose columns are padded, as the formatter of this repository wants it. */
function writeTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((text) => text.replaceAll('|', '\\|')));
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const [head, ...body] = cells.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [head, rule, ...body].join('\n');
}
