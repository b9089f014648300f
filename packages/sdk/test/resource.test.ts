import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, release } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { containerIdIn } from '#src/resource/container.js';
import { podUidIn } from '#src/resource/kubernetes.js';
import { sdkVersion } from '#src/version.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode, writeApp } from './run-app.js';

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
  assert.equal(resource['host.arch'], process.arch === 'x64' ? 'amd64' : process.arch);
  assert.equal(resource['os.type'], process.platform);
  assert.equal(resource['os.version'], release());
  assert.equal(resource['process.executable.name'], basename(process.execPath));
  assert.equal(resource['process.executable.path'], process.execPath);
  assert.deepEqual(
    Object.keys(resource).filter((key) => key.startsWith('process.command')),
    [],
    'arguments may hold secrets',
  );
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

test('OTEL_NODE_RESOURCE_DETECTORS chooses: only what is named, nothing with none, the environment always', async (t) => {
  const env = { OTEL_RESOURCE_ATTRIBUTES: 'team=maze' };
  const only = (await resourceIn(t, named, { ...env, OTEL_NODE_RESOURCE_DETECTORS: 'os,host' })).resource;
  assert.equal(only['host.name'], hostname());
  assert.equal(only['os.version'], release());
  assert.deepEqual([only['process.pid'], only['service.instance.id'], only.team], [undefined, undefined, 'maze']);
  const none = (await resourceIn(t, named, { ...env, OTEL_NODE_RESOURCE_DETECTORS: 'none' })).resource;
  assert.deepEqual(Object.keys(none).sort(), [
    'service.name',
    'service.version',
    'team',
    'telemetry.sdk.language',
    'telemetry.sdk.name',
    'telemetry.sdk.version',
  ]);
  const { resource, app } = await resourceIn(t, named, { OTEL_NODE_RESOURCE_DETECTORS: 'os,hots' });
  assert.equal(resource['os.version'], release());
  assert.match(app.notices[0]!, /OTEL_NODE_RESOURCE_DETECTORS names hots, which is unknown and ignored: env, host, os/);
});

const id = 'f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff';
const uid = '0b2c5d1e-3f4a-4b6c-8d7e-9f0a1b2c3d4e';
const underscored = uid.replaceAll('-', '_');
const mounted = (folder: string, file: string) =>
  `710 680 254:1 ${folder}/${file} /etc/${file} rw,relatime - ext4 /dev/vda1 rw`;

const cgroups: readonly [
  what: string,
  cgroup: string,
  mountinfo: string,
  container?: string | undefined,
  pod?: string,
][] = [
  ['Docker, version 1', `12:pids:/docker/${id}\n1:name=systemd:/docker/${id}`, '', id],
  ['Docker, version 2 in the namespace of the host', `0::/system.slice/docker-${id}.scope`, '', id],
  ['Docker, version 2', '0::/', mounted(`/var/lib/docker/containers/${id}`, 'hostname'), id],
  [
    'Podman',
    '0::/',
    mounted(`/home/me/.local/share/containers/storage/overlay-containers/${id}/userdata`, 'hosts'),
    id,
  ],
  ['CRI-O', `0::/kubepods.slice/crio-${id}.scope`, '', id],
  [
    'containerd',
    `3:cpu:/system.slice/containerd.service/kubepods-pod${underscored}.slice:cri-containerd:${id}`,
    '',
    id,
    uid,
  ],
  ['Kubernetes, version 1', `5:cpu:/kubepods/burstable/pod${uid}/${id}`, '', id, uid],
  [
    'Kubernetes, version 2',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${underscored}.slice/cri-containerd-${id}.scope`,
    '',
    id,
    uid,
  ],
  ['Kubernetes, by its mounts alone', '0::/', mounted(`/var/lib/kubelet/pods/${uid}`, 'etc-hosts'), undefined, uid],
  [
    'Fargate',
    '9:cpu:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2574823563',
    '',
    '0123456789abcdef0123456789abcdef-2574823563',
  ],
  [
    'a plain machine',
    '9:name=systemd:/\n4:memory:/user.slice/7141f28868b5ed3804c2d11760f4a561\n0::/init.scope',
    '27 1 254:0 / / rw - ext4 /dev/vda rw',
  ],
  [
    'one digit too few',
    `1:cpu:/docker/${id.slice(1)}`,
    mounted(`/var/lib/docker/containers/${id.slice(1)}`, 'hostname'),
  ],
  ['one digit too many', `1:cpu:/docker/${id}0`, mounted(`/var/lib/docker/containers/${id}0`, 'hostname')],
  ['nothing at all', '', ''],
];
for (const [what, cgroup, mountinfo, container, pod] of cgroups) {
  test(`container and pod are known from control groups and mounts: ${what}`, () => {
    assert.equal(containerIdIn({ cgroup, mountinfo }), container);
    assert.equal(podUidIn({ cgroup, mountinfo }), pod);
  });
}

test('in Kubernetes the pod is named by the downward API, else by the host name; outside of it by nothing', async (t) => {
  const env = { HOSTNAME: 'web-7d9f', POD_NAMESPACE: 'shop', K8S_NODE_NAME: 'node-3', K8S_POD_UID: uid };
  const inside = (await resourceIn(t, named, { ...env, KUBERNETES_SERVICE_HOST: '10.0.0.1' })).resource;
  assert.equal(inside['k8s.pod.name'], 'web-7d9f');
  assert.equal(inside['k8s.namespace.name'], 'shop');
  assert.equal(inside['k8s.node.name'], 'node-3');
  assert.equal(inside['k8s.pod.uid'], uid);
  const renamed = { ...env, KUBERNETES_SERVICE_HOST: '10.0.0.1', K8S_POD_NAME: 'by-api' };
  assert.equal((await resourceIn(t, named, renamed)).resource['k8s.pod.name'], 'by-api');
  const outside = (await resourceIn(t, named, env)).resource;
  assert.deepEqual(
    Object.keys(outside).filter((key) => key.startsWith('k8s')),
    [],
  );
});

/** An app with a detector of the community installed, which answers after `delayMs`. */
async function appWithDetector(t: TestContext, delayMs: number, source: string): Promise<string> {
  const path = await writeApp(t, 'app.mjs', `import { trace } from '@opentelemetry/api';\n${source}`);
  const folder = join(dirname(path), 'node_modules', '@opentelemetry', 'resource-detector-aws');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'index.js'),
    `const answer = (value) => new Promise((resolve) => setTimeout(resolve, ${delayMs}, value));
     exports.ec2 = { detect: () => ({ attributes: { 'cloud.provider': 'aws', 'cloud.region': answer('eu-west-1'), 'host.id': answer(undefined), 'host.name': 'ip-10-0-0-1' } }) };
     exports.broken = { detect: () => { throw new Error('not on this machine'); } };`,
  );
  return path;
}

test("a cloud's detector that is installed is asked in the background, and its answer is on the first spans", async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await appWithDetector(
    t,
    50,
    `trace.getTracer('t').startSpan('first').end(); setTimeout(() => {}, 5000).ref();`,
  );
  const app = runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '1',
    OTEL_SERVICE_NAME: 'in-the-cloud',
  });
  const [span] = await sink.waitFor(1);
  assert.equal(span!.resource['cloud.provider'], 'aws');
  assert.equal(span!.resource['cloud.region'], 'eu-west-1');
  assert.equal(span!.resource['host.name'], 'ip-10-0-0-1');
  assert.equal(span!.resource['service.name'], 'in-the-cloud');
  assert.equal(app.notices.length, 1);
});

test('a detector that never answers holds spans for a second at most; what the others found is kept', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await appWithDetector(
    t,
    3_600_000,
    `trace.getTracer('t').startSpan('first').end(); setTimeout(() => {}, 5000).ref();`,
  );
  runNode(t, ['--import', '@clew/sdk/register', path], {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '1',
  });
  const [span] = await sink.waitFor(1);
  assert.equal(span!.resource['cloud.provider'], 'aws');
  assert.equal(span!.resource['cloud.region'], undefined);
});

test('detectors do not keep a process alive, and its end does not wait for them', async (t) => {
  const sink = await OtlpSink.start();
  t.after(() => sink.close());
  const path = await appWithDetector(t, 3_600_000, `trace.getTracer('t').startSpan('only').end();`);
  const app = runNode(t, ['--import', '@clew/sdk/register', path], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
  assert.deepEqual(await app.exit(), { code: 0, signal: null });
  assert.deepEqual(
    sink.spans.map((span) => span.name),
    ['only'],
  );
});
