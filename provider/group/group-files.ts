import type { Trust } from "../certificates/trust";
import { etcdUnit } from "../commands/etcd";
import { checkFile, etcdCheck } from "../commands/etcd-check";
import type { HostFile } from "../commands/files";
import { RELOAD_AGENTS_SCRIPT } from "../commands/group";
import { systemd } from "../commands/systemd";
import { type GroupHost, type Policy, paths, units } from "../contract";
import { ownVotersOf } from "../etcd/voters";
import { onAll } from "../fleet";
import type { HostSession } from "../ssh/session";
import { installFiles } from "./files";
import { keysToAccept } from "./heartbeat-keys";
import type { HostView } from "./observe";
import { groupConfigOf } from "./policy";
import type { GroupInputs } from "./schema";

export interface GroupFiles {
  inputs: GroupInputs;
  hosts: ReadonlyMap<string, HostSession>;
  trust: Trust;
  heartbeatKeys: readonly string[];
  /** Those of the last run. */
  heartbeatKeysBefore: readonly string[] | undefined;
  policy: Policy;
  /** Authorities that every host is to trust. */
  bundle: string;
  views: ReadonlyMap<string, HostView>;
}

/**
 * What hosts show each other: in the first stage of a rotation all of them learn to accept what is new, in the second
 * they use it.
 */
export type Stage = "accept" | "use";

/** Writes what a group has on its hosts. Resolves with the files that changed, per host. */
export function writeFiles(o: GroupFiles, stage: Stage): Promise<Map<string, Set<string>>> {
  const voters = new Map(ownVotersOf(o.inputs).map((host) => [host.name, host]));
  return onAll(o.hosts, async (host, name) => {
    const voter = voters.get(name);
    const changed = await installFiles(host, [
      ...groupFiles(o, name, stage),
      ...(stage === "use" ? certificateFiles(o, name) : []),
      ...externalEtcdFiles(o),
      ...(voter ? voterFiles(o, voter) : []),
    ]);
    if (changed.has(paths.etcdUnit)) {
      await host.run(systemd.enable([units.etcd]));
      await host.run(systemd.reload());
    }
    if (o.views.get(name)?.hasAgent && READ_ONCE.some((path) => changed.has(path)))
      await host.script(RELOAD_AGENTS_SCRIPT, { label: "reload lease and agent" });
    return changed;
  });
}

/** What lease and agent have in memory since they started, or were told to read it again. */
const READ_ONCE = [
  ...Object.values(paths.tls),
  ...Object.values(paths.externalEtcdTls),
  paths.heartbeatKeys,
  paths.groupConfig,
];

function groupFiles(
  { bundle, policy, heartbeatKeys, heartbeatKeysBefore }: GroupFiles,
  name: string,
  stage: Stage,
): HostFile[] {
  const keys = stage === "use" ? heartbeatKeys : keysToAccept(heartbeatKeys, heartbeatKeysBefore);
  const config = JSON.stringify(groupConfigOf(policy, name), null, 2);
  return [
    { path: paths.tls.ca, content: bundle, mode: 0o600 },
    { path: paths.groupConfig, content: `${config}\n`, mode: 0o600 },
    { path: paths.heartbeatKeys, content: `${keys.join("\n")}\n`, mode: 0o600 },
  ];
}

function certificateFiles({ trust }: GroupFiles, name: string): HostFile[] {
  const { key, cert } = trust.hosts[name]!;
  return [
    { path: paths.tls.key, content: key, mode: 0o600 },
    { path: paths.tls.cert, content: cert, mode: 0o600 },
  ];
}

function externalEtcdFiles({ inputs: { etcd } }: GroupFiles): HostFile[] {
  if (!etcd.external) return [];
  const { ca, cert, key } = etcd.external;
  const { externalEtcdTls: tls } = paths;
  return [
    { path: tls.ca, content: ca, mode: 0o600 },
    { path: tls.key, content: key, mode: 0o600 },
    { path: tls.cert, content: cert, mode: 0o600 },
  ];
}

function voterFiles({ policy, views }: GroupFiles, host: GroupHost): HostFile[] {
  const { group, etcdEndpoints: endpoints, ports, timing } = policy;
  const unit = etcdUnit({ host, ports, timing, realtime: views.get(host.name)!.allowsRealtime });
  return [
    { path: checkFile, content: etcdCheck({ group, endpoints }), mode: 0o600 },
    { path: paths.etcdUnit, content: unit },
  ];
}
