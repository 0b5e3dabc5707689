import type { Policy } from "../contract";
import type { EtcdAdmin } from "../etcd/admin";
import { writePolicy } from "../etcd/policy-record";
import { untilDrained } from "./drained";
import type { GroupInputs } from "./schema";

export interface LeavingRequest {
  inputs: GroupInputs;
  /** Policy of the last run. */
  before: Policy | undefined;
  /** Hosts that answer and are not in the list any more. */
  leaving: readonly string[];
  log(line: string): void;
  signal: AbortSignal;
}

/** The policy with these hosts in maintenance: they take nothing and give away what they run. */
export function inMaintenance(policy: Policy, names: readonly string[]): Policy {
  const hosts = policy.hosts.map((host) =>
    names.includes(host.name) ? { ...host, maintenance: true } : host,
  );
  return { ...policy, hosts };
}

/**
 * Hosts that leave give their containers away while they are members still: afterwards the others could only fence them,
 * and what happened since the last checkpoint would be lost.
 */
export async function drainLeaving(etcd: EtcdAdmin, request: LeavingRequest): Promise<void> {
  const { inputs, before, leaving, log, signal } = request;
  if (!before || leaving.length === 0) return;
  const policy = inMaintenance(before, leaving);
  await writePolicy(etcd, policy);
  const members = inputs.hosts
    .filter(({ role }) => role === "member")
    .map(({ name }) => ({ name, connection: inputs.connections[name]! }));
  await untilDrained({ handle: { group: inputs.name, policy, members }, hosts: leaving, log, signal });
}
