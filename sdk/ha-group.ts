import * as pulumi from "@pulumi/pulumi";
import type { GroupHost, Policy, Ports, Timing } from "../provider/contract";
import type { GroupHandle } from "../provider/group-handle";
import type { Host } from "./host";
import { ThinResource } from "./thin-provider";

/** Timings of a group in milliseconds; see the README for what each of them means. */
export type TimingArgs = Omit<Timing, "clockDrift"> & Partial<Pick<Timing, "clockDrift">>;

export interface FencingArgs {
  /**
   * Program and arguments, run on the host that takes over, without a shell; `{host}` and `{address}` become name and
   * address of the host to be switched off. It must end with exit status 0 only when that host is confirmed off, and
   * within 60 s. `["container-ha", "fence-agent", "fence_ipmilan", "/etc/fencing/{host}.conf"]` runs a ClusterLabs
   * fence agent. No secrets here: they would be seen in the list of processes.
   */
  command: pulumi.Input<string[]>;
  /**
   * Let nothing else prove that a host is off: set it where a hypervisor may pause a host, which its own kernel cannot
   * notice. Then a host whose command fails is replaced only after `container-ha fence`.
   * @default false
   */
  required?: pulumi.Input<boolean>;
}

/** An etcd (3.4 or later, v3 API) that somebody else runs. Its client must be allowed all below `/ha/<group>/`. */
export interface ExternalEtcdArgs {
  /** Such as `https://10.0.0.5:2379`, one for each of its members. */
  endpoints: pulumi.Input<pulumi.Input<string>[]>;
  /** Authority of its servers' certificates, PEM. */
  ca: pulumi.Input<string>;
  /** Client certificate, PEM. All hosts of the group use it. */
  cert: pulumi.Input<string>;
  /** Its key, PEM; kept as a secret. */
  key: pulumi.Input<string>;
}

export interface HaGroupArgs {
  /** The group's hosts: three or more, or two members and a witness. A host can be in one group only. */
  hosts: Host[];
  /**
   * Name of the group: lower-case letters, digits and inner dashes, at most 40. A change replaces.
   * @default the resource's name
   */
  name?: pulumi.Input<string>;
  /**
   * How soon a dead host is fenced. `fast`: 0.56 s (1 s where a clock daemon could slew a host's clock a lot), for a
   * local network under 2 ms and SSDs. `default`: 2.45 s.
   * @default "default"
   */
  profile?: pulumi.Input<"fast" | "default">;
  /** Explicit timings in milliseconds, instead of a profile. `fenceMs >= leaseMs * (1 + clockDrift) + 20`. */
  timings?: pulumi.Input<TimingArgs>;
  /**
   * When a container leaves a host that does not answer. `automatic`: as soon as the host is fenced. `stonith-only`:
   * only after the fencing command has switched the host off, or `container-ha fence`. `manual`: only by
   * `container-ha fence` or `container-ha failover`.
   * @default "automatic"
   */
  failover?: pulumi.Input<"automatic" | "stonith-only" | "manual">;
  /**
   * How a host that does not answer is switched off before its containers are taken.
   * @default none: a host is fenced when its lease, which its kernel enforces, has ended
   */
  fencing?: pulumi.Input<FencingArgs>;
  /**
   * What becomes of the containers while etcd has no quorum, as when two of three voters are down. `freeze`: each is cut
   * off and frozen where it is, and goes on when the quorum is back. `failsafe`: a host serves its containers on for as
   * long as every other member promises, renewal by renewal, to take none of them; without checkpoints, moves or
   * restarts, which need etcd. The price: every member has to be up and in reach (not a majority: the one that is missing
   * could be the one that takes over), but for those in maintenance; else they freeze. And a member whose agent has just
   * been restarted takes nothing over before the lease that it may have promised has ended.
   * @default "freeze"
   */
  onQuorumLoss?: pulumi.Input<"freeze" | "failsafe">;
  /** Network interface that carries the virtual IPs, the same name on every member. @default the one with the hosts' addresses */
  interface?: pulumi.Input<string>;
  /** Subnet of the virtual IPs, such as `10.0.0.0/24`. @default that of the interface */
  subnet?: pulumi.Input<string>;
  /** Default gateway of the protected containers. @default none: they are reached from the subnet only */
  gateway?: pulumi.Input<string>;
  /**
   * Ports between the hosts; they must not collide with what else runs there. A change replaces.
   * @default { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 }
   */
  ports?: pulumi.Input<Partial<Ports>>;
  /**
   * Folder on every host for what the group keeps there (etcd's data, generations, images): new or empty. It is mounted in
   * the place of the standard one, and belongs to the group: deleting the group deletes what is in it. A change replaces.
   * @default /var/lib/container-ha itself
   */
  stateFolder?: pulumi.Input<string>;
  /**
   * Where the group keeps its records. `{ managed: true }`: an etcd of its own, on three or five of its hosts.
   * `{ external: ... }`: one that is there already; then two members are enough, and there are no witnesses. A change
   * from one to the other needs a new group.
   * @default { managed: true }
   */
  etcd?: pulumi.Input<{ managed: true } | { external: ExternalEtcdArgs }>;
  /** Raise it to replace the group's authority, certificates and heartbeat keys by the next `up`. @default 0 */
  certificateRotation?: pulumi.Input<number>;
  /** Let `destroy` succeed, and hosts be taken out of the list, while they do not answer. @default false */
  deleteUnreachable?: pulumi.Input<boolean>;
}

/**
 * An HA group: hosts that protect each other's containers, with an etcd of their own (mutual TLS, one user per host).
 * Hosts are added and removed by editing the list.
 *
 * @example
 * ```ts
 * const group = new HaGroup("web", { hosts: [a, b, witness], profile: "fast" });
 * export const handle = group.handle; // for the stacks that put containers into the group
 * ```
 */
export class HaGroup extends ThinResource {
  declare readonly name: pulumi.Output<string>;
  /** What other stacks need to use the group (a secret): pass it on through a StackReference. */
  declare readonly handle: pulumi.Output<GroupHandle>;
  declare readonly hosts: pulumi.Output<GroupHost[]>;
  /** Subnet of the virtual IPs. */
  declare readonly subnet: pulumi.Output<string>;
  /** What all agents of the group go by. */
  declare readonly policy: pulumi.Output<Policy>;
  /** When the authority and the first of the hosts' certificates end, ISO 8601. */
  declare readonly certificatesUntil: pulumi.Output<{ authority: string; hosts: string }>;
  /** The hosts that etcd had as voters at the last `up` or `refresh`. */
  declare readonly voters: pulumi.Output<string[]>;
  /** Whether a majority of the voters answered then. */
  declare readonly quorum: pulumi.Output<boolean>;
  /** Hosts that did not answer at the last change; the next `up` tries again. */
  declare readonly behind: pulumi.Output<string[]>;

  constructor(name: string, args: HaGroupArgs, options?: pulumi.CustomResourceOptions) {
    const { hosts, ...rest } = args;
    const connections = pulumi.all(hosts.map((host) => pulumi.all([host.name, host.connection] as const)));
    super({
      kind: "HaGroup",
      name,
      args: {
        ...rest,
        name: args.name ?? name,
        stack: `${pulumi.getProject()}/${pulumi.getStack()}`,
        hosts: hosts.map(({ name, address, role, labels, maintenance }) => ({
          name,
          address,
          role,
          labels,
          // Only where it is on: agents of an earlier version know of none.
          maintenance: maintenance.apply((on) => on || undefined),
        })),
        etcd: args.etcd && pulumi.secret(args.etcd),
        connections: pulumi.secret(connections.apply((entries) => Object.fromEntries(entries))),
      },
      outputs: [
        "handle",
        "trust",
        "heartbeatKeys",
        "policy",
        "certificatesUntil",
        "voters",
        "quorum",
        "behind",
      ],
      secrets: ["connections", "etcd", "handle", "trust", "heartbeatKeys"],
      options,
    });
    // Where it is not declared, it is known when the hosts have been looked at.
    this.subnet = args.subnet ? pulumi.output(args.subnet) : this.policy.apply(subnetOf);
  }
}

/** A test's mocks give no outputs. */
function subnetOf(policy: Policy | undefined): string {
  return policy?.subnet ?? "";
}
