import { readTextFile } from './machine.ts';
import type { ResourceAttributes } from './resource-attributes.ts';

/** What the kernel says of this process: the control groups it is in, and what is mounted where. */
export interface KernelView {
  /** `/proc/self/cgroup`. */
  readonly cgroup: string;
  /** `/proc/self/mountinfo`. */
  readonly mountinfo: string;
}

export function readKernelView(): KernelView {
  if (process.platform !== 'linux') return { cgroup: '', mountinfo: '' };
  return {
    cgroup: readTextFile('/proc/self/cgroup') ?? '',
    mountinfo: readTextFile('/proc/self/mountinfo') ?? '',
  };
}

export function describeContainer(view: KernelView): ResourceAttributes {
  const id = containerIdIn(view);
  return id === undefined ? {} : { 'container.id': id };
}

// 64 hex digits, of Docker, containerd, CRI-O and Podman, bare or as `docker-<id>.scope`; or those of a task on Fargate.
const lastSegment = /(?:^|[-:])([0-9a-f]{64})(?:\.scope)?$|^([0-9a-f]{32}-\d{6,})$/;

/** Files that a container engine mounts from a folder of the container's own. */
const mountedFile = /\/(?:overlay-)?containers\/([0-9a-f]{64})\/.*\/(?:hostname|hosts|resolv\.conf) /;

/**
 * The id of the container: from the path of a control group (version 1, or 2 with the host's namespace), else from the
 * files that Docker or Podman mounts into it (version 2).
 */
export function containerIdIn({ cgroup, mountinfo }: KernelView): string | undefined {
  for (const line of cgroup.split('\n')) {
    const match = lastSegment.exec(line.slice(line.lastIndexOf('/') + 1).trim());
    if (match !== null) return match[1] ?? match[2];
  }
  for (const line of mountinfo.split('\n')) {
    const match = mountedFile.exec(line);
    if (match !== null) return match[1];
  }
  return undefined;
}
