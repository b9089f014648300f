// npm run bench -- NAME [ARGUMENTS]: builds, then runs benchmarks/NAME/main.ts. Without a name: the list.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureNodeVersions } from './node-versions.mjs';
import { prepare } from './prepare.mjs';
import { runCommand, runProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';

await runCommand(async () => {
  const [name, ...args] = process.argv.slice(2);
  const folder = join(repositoryRoot, 'benchmarks');
  const names = readdirSync(folder)
    .filter((each) => existsSync(join(folder, each, 'main.ts')))
    .sort();
  if (name === undefined || name === '--help' || !names.includes(name)) {
    console.log('npm run bench -- NAME [ARGUMENTS]\n\nNames:');
    for (const each of names) console.log(`  ${each}`);
    if (name === undefined || name === '--help') return 0;
    throw new Error(`there is no benchmark "${name}": take one of the names above`);
  }
  await prepare();
  if (name.startsWith('sdk')) await ensureNodeVersions();
  return runProcess(process.execPath, [join(folder, 'dist', name, 'main.js'), ...args]);
});
