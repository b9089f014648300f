import { readFileSync } from 'node:fs';
import { arch, hostname, platform, release } from 'node:os';
import { basename } from 'node:path';
import type { ResourceAttributes } from './resource-attributes.ts';

/*
 * Host, operating system and process by OpenTelemetry's resource conventions. The arguments of the command line are
 * left out on purpose: people pass passwords there.
 */

/** The names of the conventions where Node has others. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm: 'arm32', ppc: 'ppc32' };
const systems: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' };

export function describeHost(): ResourceAttributes {
  const id = readMachineId();
  return {
    'host.name': hostname(),
    'host.arch': architectures[arch()] ?? arch(),
    ...(id !== undefined && { 'host.id': id }),
  };
}

export function describeSystem(): ResourceAttributes {
  return { 'os.type': systems[platform()] ?? platform(), 'os.version': release() };
}

export function describeProcess(): ResourceAttributes {
  return {
    'process.pid': process.pid,
    'process.executable.name': basename(process.execPath),
    'process.executable.path': process.execPath,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'process.runtime.description': 'Node.js',
  };
}

/** Where Linux and FreeBSD keep it. Other systems would have to be asked through a process, which a start cannot afford. */
const machineIdFiles = ['/etc/machine-id', '/var/lib/dbus/machine-id', '/etc/hostid'];

function readMachineId(): string | undefined {
  if (platform() !== 'linux' && platform() !== 'freebsd') return undefined;
  for (const path of machineIdFiles) {
    const id = readTextFile(path)?.trim();
    if (id !== undefined && id !== '') return id;
  }
  return undefined;
}

/** A small file, or undefined when it cannot be read. */
export function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
