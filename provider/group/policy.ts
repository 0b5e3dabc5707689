import { ETCD_SERVER_NAME } from "../certificates/trust";
import {
  contains,
  type FailoverMode,
  type Fencing,
  type GroupConfig,
  type GroupHost,
  hostPort,
  type Policy,
  type Ports,
  type Profile,
  type QuorumLoss,
  type Timing,
} from "../contract";
import { UserError } from "../errors";
import { ownVotersOf } from "../etcd/voters";
import { interfaceWith, type NetworkFacts, subnetOf } from "../preflight/facts";
import { chooseTiming } from "./timing";

export interface PolicyRequest {
  name: string;
  hosts: readonly GroupHost[];
  profile: Profile;
  timings?: Timing;
  interface?: string;
  subnet?: string;
  gateway?: string;
  ports: Ports;
  failover: FailoverMode;
  fencing?: Fencing;
  onQuorumLoss?: QuorumLoss;
  etcd: { external?: { endpoints: readonly string[] } };
}

/** The policy that the declaration and the hosts' facts give; hosts without facts (unreachable) do not object. */
export function policyOf(
  request: PolicyRequest,
  facts: ReadonlyMap<string, NetworkFacts>,
  before?: Policy,
): Policy {
  const members = request.hosts.filter((host) => host.role === "member");
  const { timing, reason } = chooseTiming(request, members, facts);
  const network = networkOf(request, members, facts, before);
  if (request.gateway && !contains(network.subnet, request.gateway)) {
    throw new UserError(`gateway: expected an address inside ${network.subnet}, got ${request.gateway}`);
  }
  return {
    group: request.name,
    hosts: [...request.hosts],
    timing,
    timingReason: reason,
    failover: request.failover,
    ...(request.fencing ? { fencing: request.fencing } : {}),
    // Only where it is asked for: agents of an earlier version know of none.
    ...(request.onQuorumLoss === "failsafe" ? { onQuorumLoss: request.onQuorumLoss } : {}),
    ...network,
    ...(request.gateway ? { gateway: request.gateway } : {}),
    ...etcdOf(request),
    ports: request.ports,
  };
}

export function groupConfigOf(policy: Policy, host: string): GroupConfig {
  const own = policy.etcd !== "external";
  return { version: 1, host, ...(own && { etcdServerName: ETCD_SERVER_NAME }), policy };
}

function etcdOf(request: PolicyRequest): Pick<Policy, "etcd" | "etcdEndpoints"> {
  const { external } = request.etcd;
  if (external) {
    const endpoints = external.endpoints.map((url) => new URL(url).host);
    return { etcd: "external", etcdEndpoints: endpoints };
  }
  const { etcdClient } = request.ports;
  return { etcdEndpoints: ownVotersOf(request).map((host) => hostPort(host.address, etcdClient)) };
}

/** Interface and subnet: as declared, else those that carry the members' addresses, which must agree. */
function networkOf(
  request: PolicyRequest,
  members: readonly GroupHost[],
  facts: ReadonlyMap<string, NetworkFacts>,
  before: Policy | undefined,
): { interface: string; subnet: string } {
  const seen = members.flatMap((host) => {
    const known = facts.get(host.name);
    return known ? [{ host: host.name, ...networkOn(request, host, known) }] : [];
  });
  const first = seen[0] ?? (before && { host: "", interface: before.interface, subnet: before.subnet });
  if (!first) throw new UserError("no member of the group answers");
  const other = seen.find((entry) => entry.interface !== first.interface || entry.subnet !== first.subnet);
  if (other) {
    throw new UserError(
      `the members' networks differ: ${first.host} has ${first.interface} in ${first.subnet}, ${other.host} has ${other.interface} in ${other.subnet}; ` +
        "virtual IPs need one subnet and one interface name on all members: set `interface` (and `subnet`)",
    );
  }
  return { interface: first.interface, subnet: first.subnet };
}

function networkOn(
  request: PolicyRequest,
  host: GroupHost,
  facts: NetworkFacts,
): { interface: string; subnet: string } {
  const names = facts.interfaces.map((entry) => entry.name).join(", ");
  if (!request.interface) {
    const found = interfaceWith(facts, host.address);
    if (!found)
      throw new UserError(
        `no interface of host ${host.name} carries its address ${host.address} (it has ${names})`,
      );
    return { interface: found.name, subnet: request.subnet ?? found.subnet };
  }
  const found = facts.interfaces.find((entry) => entry.name === request.interface);
  if (!found)
    throw new UserError(
      `interface: host ${host.name} has no interface ${request.interface} that is up (it has ${names})`,
    );
  const own = found.addresses.find((address) => address.startsWith(`${host.address}/`)) ?? found.addresses[0];
  const subnet = request.subnet ?? (own && subnetOf(own));
  if (!subnet)
    throw new UserError(`interface ${request.interface} of host ${host.name} has no address: set \`subnet\``);
  return { interface: request.interface, subnet };
}
