import { bundleOf, issueAdmin, renewCertificates, splitBundle, type Trust } from "../certificates/trust";
import { RESTART_ALONE_SCRIPT } from "../commands/etcd";
import { RETIRE_VOTER_SCRIPT } from "../commands/group";
import { systemd } from "../commands/systemd";
import { type GroupHost, type Policy, paths, units } from "../contract";
import { UserError } from "../errors";
import { withAdmin } from "../etcd/admin";
import { type ClusterRequest, ensureMembers, ensureQuorum, wipe } from "../etcd/cluster";
import { ensureAuth } from "../etcd/ensure-auth";
import { votersOfThePast } from "../etcd/past";
import { writePolicy } from "../etcd/policy-record";
import { ownVotersOf } from "../etcd/voters";
import { type Fleet, onAll } from "../fleet";
import type { HostSession } from "../ssh/session";
import { checkClaims, claimHosts } from "./claim";
import { syncWithExternalEtcd, withExternalEtcd } from "./external-etcd";
import { type GroupFiles, writeFiles } from "./group-files";
import { keysOnHosts, newHeartbeatKeys } from "./heartbeat-keys";
import { withHostLocks } from "./host-lock";
import { installEtcd } from "./install-etcd";
import { drainLeaving, type LeavingRequest } from "./leaving";
import { type HostView, observeGroupHost } from "./observe";
import { policyOf } from "./policy";
import { keepPorts } from "./ports";
import { checkReachability } from "./reachability";
import { hostsToMount, mountStateFolder } from "./state-folder";

export interface SyncRequest extends LeavingRequest {
  /** The group's hosts that answer, and those that do not. */
  fleet: Fleet;
  trust: Trust;
  /** The keys of the last run, which the running etcd trusts. */
  trustBefore: Trust | undefined;
  heartbeatKeysBefore: readonly string[] | undefined;
  /** New keys are asked for. */
  rotated: boolean;
  /** An earlier run came to its end. */
  finished: boolean;
  /** Called before the first change on a host, with the keys that are in force from now on. */
  touched(trust: Trust, heartbeatKeys: string[]): void;
}

export interface Synced {
  policy: Policy;
  voters: string[];
  trust: Trust;
  heartbeatKeys: string[];
}

/** Brings hosts and etcd to what is declared, from any state that an interrupted run left. */
export function syncGroup(request: SyncRequest): Promise<Synced> {
  const { name, stack } = request.inputs;
  return withHostLocks(request.fleet.hosts, { group: name, stack }, () => sync(request));
}

async function sync(request: SyncRequest): Promise<Synced> {
  const { inputs, fleet } = request;
  const { hosts } = fleet;
  for (const error of fleet.unreachable.values())
    request.log(`warning: ${error.message} It is left as it is.`);

  const { stateFolder } = inputs;
  let views = await onAll(hosts, (host) => observeGroupHost(host, stateFolder));
  const replaced = replacedHosts(request, views);
  for (const { name } of replaced)
    request.log(
      `${name} is another machine than before, or lost its disk: it joins anew, with a certificate of its own`,
    );
  const own = { group: inputs.name, stack: inputs.stack };
  checkClaims(own, new Map([...views].map(([name, view]) => [name, view.claim])));
  keepPorts(inputs.ports, views);
  const withoutFolder = hostsToMount(stateFolder, views);
  const facts = new Map([...views].map(([name, view]) => [name, view.network]));
  const policy = policyOf(inputs, facts, request.before);
  const voters = ownVotersOf(inputs);
  await checkNewPairs(request, views);

  const trust = renewCertificates(request.trust, replaced);
  const heartbeatKeysBefore = request.heartbeatKeysBefore ?? (await keysOnHosts(hosts.values()));
  const heartbeatKeys = newHeartbeatKeys(heartbeatKeysBefore, request.rotated);
  request.touched(trust, heartbeatKeys);
  await claimHosts(hosts.values(), own);
  if (stateFolder !== undefined && withoutFolder.length > 0) {
    const concerned = new Map(withoutFolder.map((name) => [name, hosts.get(name)!]));
    await mountStateFolder(concerned, stateFolder);
    // What is in it was not seen before.
    views = new Map([...views, ...(await onAll(concerned, (host) => observeGroupHost(host, stateFolder)))]);
  }
  const adopted = request.finished ? trust.adopted : unknownTo(trust, views);
  const files = {
    inputs,
    hosts,
    trust,
    heartbeatKeys,
    heartbeatKeysBefore,
    policy,
    bundle: bundleOf({ ...trust, adopted }),
    views,
  };
  if (inputs.etcd.external) {
    const { external } = inputs.etcd;
    if (request.finished && hasAgents(views)) {
      const [first] = hosts.values();
      await withExternalEtcd(first!, external, (etcd) => drainLeaving(etcd, request));
    }
    await syncWithExternalEtcd(files, { external, log: request.log });
    return { policy, voters: [], trust: { ...trust, adopted }, heartbeatKeys };
  }
  const voterHosts = new Map([...hosts].filter(([name]) => voters.some((voter) => voter.name === name)));
  await installEtcd(voterHosts, "etcd", { views, log: request.log });
  views = await withoutPast(voterHosts, views, request.log);

  // A host that is new has no trust bundle yet; one with data is the one most likely to reach etcd.
  const ready = [...voterHosts].filter(([name]) => views.get(name)?.hasData);
  const [, host] = ready[0] ?? [...voterHosts][0] ?? [];
  if (!host) throw new UserError("none of the hosts that run etcd answers");
  const admin = issueAdmin(request.trustBefore ?? trust);
  return withAdmin({ host, endpoints: etcdUrls(policy, request.before), admin }, async (etcd) => {
    const { log, finished } = request;
    const cluster = {
      group: inputs.name,
      voters,
      ports: inputs.ports,
      hosts: voterHosts,
      views,
      finished,
      etcd,
      log,
    };
    // One that works is not touched before it is seen to have a majority.
    if (finished) {
      await ensureQuorum(cluster);
      if (hasAgents(views)) await drainLeaving(etcd, request);
    }
    await prepareEtcd({ ...files, views }, cluster);
    await ensureMembers(cluster);
    await retireFormerVoters(hosts, views, voterHosts);
    await ensureAuth(etcd, { group: inputs.name, hosts: inputs.hosts.map((entry) => entry.name) });
    await writePolicy(etcd, policy);
    const names = voters.map((voter) => voter.name);
    return { policy, voters: names, trust: { ...trust, adopted }, heartbeatKeys };
  });
}

function hasAgents(views: ReadonlyMap<string, HostView>): boolean {
  return [...views.values()].some((view) => view.hasAgent);
}

/** Hosts that were in the group before and bear no trace of it: other machines under the same names. */
function replacedHosts(request: SyncRequest, views: ReadonlyMap<string, HostView>): GroupHost[] {
  const known = new Set(request.finished ? request.before?.hosts.map((host) => host.name) : []);
  return request.inputs.hosts.filter(({ name }) => known.has(name) && views.get(name)?.claim === null);
}

/** Files on every host, and an etcd that has a quorum and runs with them. */
async function prepareEtcd(files: GroupFiles, cluster: ClusterRequest): Promise<void> {
  const { views } = files;
  const running = [...views.values()].some((view) => view.hasData);
  const changed = await writeFiles(files, running ? "accept" : "use");
  if (running) await restartChanged({ hosts: cluster.hosts, changed, views });
  await ensureQuorum(cluster);
  // safety: a certificate of a new authority only when every voter trusts that one, or they refuse each other.
  if (running) await writeFiles(files, "use");
}

/** Authorities that hosts trust although the state does not know them. */
function unknownTo(trust: Trust, views: ReadonlyMap<string, HostView>): string[] {
  const own = new Set(trust.authorities.map((authority) => authority.cert.trim()));
  const seen = [...views.values()].flatMap((view) => splitBundle(view.bundle));
  return [...new Set(seen)].filter((cert) => !own.has(cert));
}

/** safety: together they would be a majority of the cluster that was given up; this one would start them. */
async function withoutPast(
  voters: ReadonlyMap<string, HostSession>,
  views: ReadonlyMap<string, HostView>,
  log: SyncRequest["log"],
): Promise<Map<string, HostView>> {
  const data = [...voters.keys()].map((name) => ({ name, ...views.get(name)! }));
  const past = votersOfThePast(data);
  const concerned = new Map([...voters].filter(([name]) => past.includes(name)));
  await onAll(concerned, (host, name) => {
    log(`${name} has etcd data of the group before it was rebuilt: they are deleted, and it joins anew`);
    return wipe(host);
  });
  return new Map(
    [...views].map(([name, view]) => [name, past.includes(name) ? { ...view, hasData: false } : view]),
  );
}

async function retireFormerVoters(
  hosts: ReadonlyMap<string, HostSession>,
  views: ReadonlyMap<string, HostView>,
  voters: ReadonlyMap<string, HostSession>,
): Promise<void> {
  const former = [...hosts].filter(([name]) => !voters.has(name) && views.get(name)?.hasUnit);
  await onAll(new Map(former), (host) =>
    host.script(RETIRE_VOTER_SCRIPT, { label: "take etcd off the host" }),
  );
}

/** Only pairs with a host that is new to the group: the others have proved it. */
async function checkNewPairs(request: SyncRequest, views: ReadonlyMap<string, HostView>): Promise<void> {
  if (request.finished && [...views.values()].every((view) => view.claim !== null)) return;
  request.log("checking that the hosts reach each other");
  await checkReachability({
    hosts: request.fleet.hosts,
    addresses: new Map(request.inputs.hosts.map((host) => [host.name, host])),
    voters: new Set(ownVotersOf(request.inputs).map((host) => host.name)),
    ports: request.inputs.ports,
  });
}

/**
 * One voter after the other, so that the majority is never lost; all at once while no agent needs it. etcd reads its
 * authorities only when it starts.
 */
async function restartChanged(o: {
  hosts: ReadonlyMap<string, HostSession>;
  changed: ReadonlyMap<string, ReadonlySet<string>>;
  views: ReadonlyMap<string, HostView>;
}): Promise<void> {
  const concerned = [...o.hosts].filter(([name]) => {
    const files = o.changed.get(name);
    return o.views.get(name)?.isActive && (files?.has(paths.tls.ca) || files?.has(paths.etcdUnit));
  });
  if (hasAgents(o.views)) {
    for (const [, host] of concerned) await host.run(systemd.restart(units.etcd, { wait: true }));
  } else {
    await onAll(new Map(concerned), (host) =>
      host.script(RESTART_ALONE_SCRIPT, { args: [units.etcd], label: "restart etcd" }),
    );
  }
}

/** `before`: policy whose voters may still be the cluster's. */
export function etcdUrls(policy: Policy, before?: Policy): string[] {
  const endpoints = new Set([...policy.etcdEndpoints, ...(before?.etcdEndpoints ?? [])]);
  return [...endpoints].map((endpoint) => `https://${endpoint}`);
}
