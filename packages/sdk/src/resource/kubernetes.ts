import { readText } from '../environment.ts';
import type { KernelView } from './container.ts';
import { readTextFile } from './machine.ts';
import type { ResourceAttributes } from './resource-attributes.ts';

const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * The pod, when this process runs in one. What the downward API has put into variables comes first (`K8S_POD_NAME` or
 * `POD_NAME`, and so on); without it the pod's name is its host name, its namespace stands beside the service account's
 * token, and its uid in the paths of control groups and mounts. Node and container are known from variables only.
 */
export function describeKubernetes(view: KernelView): ResourceAttributes {
  if (readText('KUBERNETES_SERVICE_HOST') === undefined) return {};
  const found = {
    'k8s.pod.name': fromDownwardApi('POD_NAME') ?? readText('HOSTNAME'),
    'k8s.pod.uid': fromDownwardApi('POD_UID') ?? podUidIn(view),
    'k8s.namespace.name':
      fromDownwardApi('NAMESPACE_NAME') ?? fromDownwardApi('POD_NAMESPACE') ?? readTextFile(namespaceFile)?.trim(),
    'k8s.node.name': fromDownwardApi('NODE_NAME'),
    'k8s.container.name': fromDownwardApi('CONTAINER_NAME'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined && value !== ''));
}

function fromDownwardApi(name: string): string | undefined {
  return readText(`K8S_${name}`) ?? readText(name);
}

// `kubepods/burstable/pod<uid>/…`, `kubepods-besteffort-pod<uid with _>.slice`, `/var/lib/kubelet/pods/<uid>/etc-hosts`.
const podUid = /(?:[/-]pod|\/pods\/)([0-9a-f]{8}([-_])[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12})/;

export function podUidIn({ cgroup, mountinfo }: KernelView): string | undefined {
  return (podUid.exec(cgroup) ?? podUid.exec(mountinfo))?.[1]?.replaceAll('_', '-');
}
