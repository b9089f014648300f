import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository, absolute: commands work from any folder. */
export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));
