import { z } from "zod";
import {
  daysLeft,
  ensureTrust,
  expiryOf,
  issueAdmin,
  LEAF_RENEW_DAYS,
  trustSchema,
} from "../certificates/trust";
import { policySchema } from "../contract";
import { statusIfAny } from "../control";
import { UserError } from "../errors";
import { withAdmin } from "../etcd/admin";
import { hasData, listMembers } from "../etcd/cluster";
import { ownVotersOf } from "../etcd/voters";
import { type Fleet, onAll, withFleet } from "../fleet";
import { enteringMaintenance, untilDrained } from "../group/drained";
import { externalEtcdAnswers, leaveExternalEtcd } from "../group/external-etcd";
import { removeGroup } from "../group/remove";
import { connectionFaults, type GroupInputs, groupInputsSchema } from "../group/schema";
import { etcdUrls, syncGroup } from "../group/sync";
import { groupHandleSchema } from "../group-handle";
import { defineResource } from "../resource";
import { secretsOf } from "../ssh/credentials";
import { namesOf, servedContainers } from "./serving";

const outputs = z.object({
  /** What resources of other stacks need to reach the group. Secret. */
  handle: groupHandleSchema,
  /** Authorities and certificates with their keys. Secret. */
  trust: trustSchema,
  /** Keys of the UDP heartbeats, the one that is sent with first. Secret. */
  heartbeatKeys: z.array(z.string()),
  policy: policySchema,
  /** When the first certificates end, ISO 8601. */
  certificatesUntil: z.object({ authority: z.string(), hosts: z.string() }),
  /** The voters that etcd knew at the last look. */
  voters: z.array(z.string()),
  /** Whether a majority of them answered. */
  quorum: z.boolean(),
  /** Hosts that did not answer at the last change and still have to get it. */
  behind: z.array(z.string()).default([]),
});
type Outputs = z.infer<typeof outputs>;

export const haGroupHandlers = defineResource({
  kind: "HaGroup",
  inputs: groupInputsSchema,
  outputs,
  id: ({ name }) => `group/${name}`,
  replaceOn: ["name", "ports", "stateFolder"],
  secretInputs: ["connections", "etcd"],
  secrets: (inputs, { trust, heartbeatKeys }) => [
    ...Object.values(inputs.connections).flatMap(secretsOf),
    ...(inputs.etcd.external ? [inputs.etcd.external.key] : []),
    ...(heartbeatKeys ?? []),
    ...(trust ? [...trust.authorities, ...Object.values(trust.hosts)].map((pair) => pair.key) : []),
  ],
  check: connectionFaults,
  outdated: ({ outputs: { trust, voters, quorum, behind } }, inputs) =>
    !trust ||
    (behind ?? []).length > 0 ||
    // While there is no majority, nothing is known of the voters.
    (quorum === true && ownVotersOf(inputs).some((voter) => !voters?.includes(voter.name))) ||
    Object.values(trust.hosts).some((pair) => daysLeft(pair.cert) <= LEAF_RENEW_DAYS),

  async apply({ inputs, stored, context }) {
    const before = stored?.outputs;
    keepEtcd(stored?.inputs, inputs);
    keepMajority(before?.voters ?? [], inputs);
    const former = stored ? connectionsOfFormer(stored.inputs, inputs) : {};
    return withFleet(
      { ...inputs.connections, ...former },
      async (fleet) => {
        const { current, left } = split(fleet, inputs);
        refuseSilence(current, { inputs, finished: before?.voters !== undefined });
        const trust = ensureTrust(
          { group: inputs.name, hosts: inputs.hosts, rotation: inputs.certificateRotation },
          before?.trust,
        );
        const synced = await syncGroup({
          inputs,
          fleet: current,
          trust,
          trustBefore: before?.trust,
          heartbeatKeysBefore: before?.heartbeatKeys,
          rotated: before?.trust?.rotation !== inputs.certificateRotation,
          before: before?.policy,
          leaving: [...left.hosts.keys()],
          finished: before?.voters !== undefined,
          log: context.log,
          signal: context.signal,
          touched: (inForce, heartbeatKeys) => context.keep({ trust: inForce, heartbeatKeys }),
        });
        const result = outputsOf({ inputs, ...synced });
        result.behind = [...current.unreachable.keys()];
        context.keep(result);
        const hosts = enteringMaintenance(before?.policy, synced.policy);
        if (hosts.length > 0)
          await untilDrained({ handle: result.handle, hosts, log: context.log, signal: context.signal });
        await removeGroup(left, {
          group: inputs.name,
          stack: inputs.stack,
          deleteUnreachable: inputs.deleteUnreachable,
          log: context.log,
        });
        return result;
      },
      { deadlineMs: CONNECT_MS },
    );
  },

  async read({ inputs, stored, context }) {
    const { trust, policy } = stored.outputs;
    if (!trust || !policy) return stored.outputs as Outputs;
    const { external } = inputs.etcd;
    const asked = external ? inputs.hosts : ownVotersOf(inputs);
    const connections = Object.fromEntries(asked.map(({ name }) => [name, inputs.connections[name]!]));
    const look = async (fleet: Fleet) =>
      external
        ? { voters: [], quorum: await externalEtcdAnswers(fleet, external) }
        : lookAtEtcd(fleet, { trust, policy });
    const seen = await withFleet(connections, look, { deadlineMs: CONNECT_MS });
    if (!seen.quorum) context.log("warning: no majority of etcd answers");
    return { ...stored.outputs, ...seen } as Outputs;
  },

  remove: ({ inputs, stored, context }) =>
    withFleet(
      inputs.connections,
      async (fleet) => {
        await refuseWhileItServes(fleet, stored.outputs.handle);
        await leaveExternalEtcd(fleet, inputs, context.log);
        await removeGroup(fleet, {
          group: inputs.name,
          stack: inputs.stack,
          deleteUnreachable: inputs.deleteUnreachable,
          log: context.log,
        });
      },
      { deadlineMs: CONNECT_MS },
    ),
});

/** A dead host must not hold the others up for minutes. */
const CONNECT_MS = 20_000;

/** safety: with the group go lease and records, and what runs would be in nobody's care. Its own resources go before. */
async function refuseWhileItServes({ hosts }: Fleet, handle: Outputs["handle"] | undefined): Promise<void> {
  const members = handle?.members.filter(({ name }) => hosts.has(name)) ?? [];
  if (!handle || members.length === 0) return;
  const serving = servedContainers(await statusIfAny({ ...handle, members }));
  if (serving.length === 0) return;
  throw new UserError(
    `the group was not removed: ${namesOf(serving)} runs in it. Delete what protects it first.`,
  );
}

/** Hosts that were in the group and are not any more. */
function connectionsOfFormer(before: GroupInputs, now: GroupInputs): GroupInputs["connections"] {
  return Object.fromEntries(Object.entries(before.connections).filter(([name]) => !now.connections[name]));
}

function split(fleet: Fleet, inputs: GroupInputs): { current: Fleet; left: Fleet } {
  const part = (wanted: boolean): Fleet => ({
    hosts: new Map([...fleet.hosts].filter(([name]) => name in inputs.connections === wanted)),
    unreachable: new Map([...fleet.unreachable].filter(([name]) => name in inputs.connections === wanted)),
  });
  return { current: part(true), left: part(false) };
}

/** etcd changes its voters one at a time, with a majority of those that were there before. */
function keepMajority(before: readonly string[], inputs: GroupInputs): void {
  const staying = before.filter((name) => inputs.hosts.some((host) => host.name === name));
  const need = Math.floor(before.length / 2) + 1;
  if (before.length === 0 || staying.length >= need) return;
  throw new UserError(
    `hosts: expected at least ${need} of the voters ${before.join(", ")} to stay, got ${staying.join(", ") || "none"}: exchange the hosts in several steps, with an \`up\` after each`,
  );
}

/** What is recorded in one of them the other one does not know. */
function keepEtcd(before: GroupInputs | undefined, { etcd }: GroupInputs): void {
  if (!before || Boolean(before.etcd.external) === Boolean(etcd.external)) return;
  const [was, is] = etcd.external ? ["managed", "external"] : ["external", "managed"];
  throw new UserError(
    `etcd: expected ${was} as before, got ${is}: give the group another name, so that a new one takes its place`,
  );
}

/** A new group needs every host; a group that works can be changed while a minority of its voters is down. */
function refuseSilence(fleet: Fleet, o: { inputs: GroupInputs; finished: boolean }): void {
  const silent = [...fleet.unreachable.values()].map((error) => error.message);
  const needed = o.inputs.etcd.external ? o.inputs.hosts : ownVotersOf(o.inputs);
  const alive = needed.filter(({ name }) => fleet.hosts.has(name)).length;
  const enough = o.inputs.etcd.external ? alive > 0 : alive > needed.length / 2;
  if (silent.length === 0 || (o.finished && enough)) return;
  throw new UserError(silent.join("\n"));
}

function outputsOf(o: {
  inputs: GroupInputs;
  policy: Outputs["policy"];
  trust: Outputs["trust"];
  heartbeatKeys: string[];
  voters: string[];
}): Outputs {
  const members = o.inputs.hosts.filter((host) => host.role === "member");
  const ends = Object.values(o.trust.hosts).map((pair) => expiryOf(pair.cert));
  return {
    handle: {
      group: o.inputs.name,
      policy: o.policy,
      members: members.map(({ name }) => ({ name, connection: o.inputs.connections[name]! })),
    },
    trust: o.trust,
    heartbeatKeys: o.heartbeatKeys,
    policy: o.policy,
    certificatesUntil: { authority: expiryOf(o.trust.authorities[0]!.cert), hosts: ends.sort()[0]! },
    voters: o.voters,
    quorum: true,
    behind: [],
  };
}

/** The voters that etcd knows and that have their data, as far as their hosts answer. */
async function lookAtEtcd(
  fleet: Fleet,
  o: Pick<Outputs, "trust" | "policy">,
): Promise<Pick<Outputs, "voters" | "quorum">> {
  const host = [...fleet.hosts.values()][0];
  if (!host) return { voters: [], quorum: false };
  const data = await onAll(fleet.hosts, hasData);
  return withAdmin({ host, endpoints: etcdUrls(o.policy), admin: issueAdmin(o.trust) }, async (etcd) => {
    if (!(await etcd.hasQuorum(QUORUM_MS))) return { voters: [], quorum: false };
    const members = await listMembers(etcd);
    const voters = members.filter((member) => !member.learner && data.get(member.name) !== false);
    return { voters: voters.map((member) => member.name).sort(), quorum: true };
  });
}

const QUORUM_MS = 10_000;
