import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sdkVersion } from '#src/version.js';
import { runNode } from './run-app.js';

/** The resource of a process whose entry script lies in a folder with this package.json. */
async function resourceIn(t: TestContext, packageJson: string | undefined, env: Record<string, string>) {
  const folder = await mkdtemp(join(import.meta.dirname, 'app-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  if (packageJson !== undefined) await writeFile(join(folder, 'package.json'), packageJson);
  const entry = join(folder, 'main.mjs');
  await writeFile(
    entry,
    `import { ClewTracerProvider } from '@clew/sdk';
     console.log(JSON.stringify(new ClewTracerProvider({ export: 'none' }).resource));`,
  );
  const app = runNode(t, [entry], env);
  await app.exit();
  return { resource: JSON.parse(app.stdout) as Record<string, unknown>, app };
}

const named = '{ "name": "from-package", "version": "3.2.1" }';

const names: readonly [packageJson: string | undefined, env: Record<string, string>, name: string, version: string][] =
  [
    [named, {}, 'from-package', '3.2.1'],
    [named, { OTEL_RESOURCE_ATTRIBUTES: 'service.name=from%20attributes,service.version=2' }, 'from attributes', '2'],
    [named, { OTEL_RESOURCE_ATTRIBUTES: 'service.name=a', OTEL_SERVICE_NAME: 'from-name' }, 'from-name', '3.2.1'],
    [named, { OTEL_SERVICE_NAME: '' }, 'from-package', '3.2.1'],
    [named, { OTEL_RESOURCE_ATTRIBUTES: 'service.version=2,service.name=%E0%A4%A' }, 'from-package', '3.2.1'],
    ['{ "type": "module" }', {}, '@clew/sdk', sdkVersion],
    ['{ "name": "" }', {}, '@clew/sdk', sdkVersion],
  ];
for (const [packageJson, env, name, version] of names) {
  test(`the service is ${name} ${version} with ${packageJson} and ${JSON.stringify(env)}`, async (t) => {
    const { resource } = await resourceIn(t, packageJson, env);
    assert.equal(resource['service.name'], name);
    assert.equal(resource['service.version'], version);
  });
}

test('the resource names the process, the host and the SDK', async (t) => {
  const { resource, app } = await resourceIn(t, named, {});
  assert.match(String(resource['service.instance.id']), /^[0-9a-f-]{36}$/);
  assert.equal(resource['host.name'], hostname());
  assert.equal(resource['process.pid'], app.child.pid);
  assert.equal(resource['process.runtime.name'], 'nodejs');
  assert.equal(resource['process.runtime.version'], process.versions.node);
  assert.equal(resource['telemetry.sdk.name'], 'clew');
  assert.equal(resource['telemetry.sdk.language'], 'nodejs');
  assert.equal(resource['telemetry.sdk.version'], sdkVersion);
});

test('the version that spans carry is that of the package', () => {
  const path = join(import.meta.dirname, '..', 'package.json');
  assert.equal(sdkVersion, (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version);
});
