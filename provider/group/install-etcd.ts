import { onAll } from "../fleet";
import { installWithoutService } from "../preflight/install";
import type { HostSession } from "../ssh/session";
import type { HostView } from "./observe";

/** What a host needs of etcd: a voter all of it, one that only asks an etcd elsewhere its command. */
const parts = {
  etcd: { packages: ["etcd-server", "etcd-client"], isThere: ({ hasEtcd }: HostView) => hasEtcd },
  etcdctl: { packages: ["etcd-client"], isThere: ({ hasEtcdctl }: HostView) => hasEtcdctl },
};

/** Installs it where it is missing; Debian's service does not start by that. */
export async function installEtcd(
  hosts: ReadonlyMap<string, HostSession>,
  part: keyof typeof parts,
  { views, log }: { views: ReadonlyMap<string, HostView>; log(line: string): void },
): Promise<void> {
  const { packages, isThere } = parts[part];
  const without = new Map([...hosts].filter(([name]) => !isThere(views.get(name)!)));
  if (without.size === 0) return;
  log(`installing ${part} on ${[...without.keys()].join(", ")}`);
  await onAll(without, (host) => installWithoutService(host, { packages, unit: "etcd.service" }));
}
