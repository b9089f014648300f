// Clients of other languages for tests/conformance: OpenTelemetry's SDKs for Python (from PyPI), Java (from Maven Central)
// and Go with Jaeger's Go client (by the Go module proxy). They are kept in a cache, and made again when what they are
// made of changes.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from './processes.mjs';
import { repositoryRoot } from './repository.mjs';

const home = join(repositoryRoot, 'tests', 'conformance');
const cache = join(repositoryRoot, 'node_modules', '.cache', 'clew-conformance');

// ExportSpans.java is run as its source, and has a record.
const oldestJava = '17.0';

/**
 * Installs and builds what is missing, where the toolchain is on the machine.
 *
 * @returns {Promise<Record<string, string>>} Variables that tell the tests where the clients are, or why there is none.
 * @throws {Error} When a toolchain is there and fails.
 */
export async function ensureConformanceClients() {
  return { ...(await ensurePython()), ...(await ensureGo()), ...(await ensureJava()) };
}

/** @returns {Promise<Record<string, string>>} */
async function ensurePython() {
  if (tryVersion('python3', ['-m', 'pip', '--version']) === undefined) {
    return { CLEW_PYTHON_ABSENT: 'python3 with pip is not on this machine' };
  }
  const requirements = join(home, 'python', 'requirements.txt');
  const folder = join(cache, 'python');
  // Packages with compiled parts are for one version of Python.
  const wanted = `${tryVersion('python3', ['--version'])}\n${readFileSync(requirements, 'utf8')}`;
  await makeOnce(folder, wanted, 'the Python client of tests/conformance (pip)', () =>
    runProcess('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, '--requirement', requirements], {
      env: { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' },
    }),
  );
  return { CLEW_PYTHON_PACKAGES: folder };
}

/** @returns {Promise<Record<string, string>>} */
async function ensureGo() {
  const source = join(home, 'go');
  const [, oldest = ''] = /^go (\d+\.\d+)/m.exec(readFileSync(join(source, 'go.mod'), 'utf8')) ?? [];
  const version = tryVersion('go', ['env', 'GOVERSION']);
  if (version === undefined || isOlder(version.replace('go', ''), oldest)) {
    return { CLEW_GO_ABSENT: `Go ${oldest} or newer is not on this machine` };
  }
  const folder = join(cache, 'go');
  const sources = readdirSync(source).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name));
  const wanted = [version, ...sources.sort().map((name) => readFileSync(join(source, name), 'utf8'))].join('\n');
  const program = join(folder, 'conformance');
  await makeOnce(folder, wanted, 'the Go client of tests/conformance (a few minutes the first time)', () =>
    runProcess('go', ['build', '-C', source, '-o', program, '.'], { env: { GOTOOLCHAIN: 'local', GOFLAGS: '' } }),
  );
  return { CLEW_GO_CLIENT: program };
}

/** @returns {Promise<Record<string, string>>} */
async function ensureJava() {
  const version = /^openjdk (\d+\.\d+)/m.exec(tryVersion('java', ['--version']) ?? '')?.[1];
  if (version === undefined || isOlder(version, oldestJava) || tryVersion('mvn', ['--version']) === undefined) {
    return { CLEW_JAVA_ABSENT: `OpenJDK ${oldestJava} or newer with Maven is not on this machine` };
  }
  const project = join(home, 'java', 'pom.xml');
  const folder = join(cache, 'java');
  const options = [`-DoutputDirectory=${folder}`, '-DincludeScope=runtime'];
  await makeOnce(folder, readFileSync(project, 'utf8'), 'the Java client of tests/conformance (Maven)', () =>
    runProcess('mvn', ['-q', '-B', '-f', project, 'dependency:copy-dependencies', ...options]),
  );
  return { CLEW_JAVA_LIBRARIES: folder };
}

/**
 * @param {string} folder Made anew by `make` unless it holds what `wanted` describes.
 * @param {string} wanted @param {string} what For messages.
 * @param {() => Promise<number>} make Resolves to the exit code.
 */
async function makeOnce(folder, wanted, what, make) {
  const stamp = join(folder, '.made-of');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log(`Making ${what} …`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if ((await make()) !== 0) throw new Error(`${what} cannot be made: see above`);
  writeFileSync(stamp, wanted);
}

/** @param {string} command @param {readonly string[]} args @returns {string | undefined} What it prints; undefined: absent. */
function tryVersion(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** @param {string} version @param {string} oldest Two numbers with a dot. */
function isOlder(version, oldest) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}
