import * as pulumi from "@pulumi/pulumi";
import { CheckpointSchedule } from "./checkpoint-schedule";
import { HaGroup, type HaGroupArgs } from "./ha-group";
import { HeartbeatAgent } from "./heartbeat-agent";
import { Host, type HostArgs } from "./host";
import { ProtectedContainer, type ProtectedContainerArgs } from "./protected-container";

/** What the container and the group take, and how to reach the hosts. */
export interface HaServiceArgs
  extends Omit<ProtectedContainerArgs, "group" | "name" | "deleteUnreachable">,
    Pick<HaGroupArgs, "profile" | "timings" | "interface" | "subnet" | "gateway" | "ports" | "stateFolder"> {
  /** The hosts by their names: three or more, or two members and a witness. */
  hosts: Record<string, Omit<HostArgs, "name" | "role"> & { role?: "member" | "witness" }>;
  /** Seconds from the end of one checkpoint to the start of the next. @default 10 */
  checkpointSeconds?: pulumi.Input<number>;
  /** Let `destroy` succeed while hosts do not answer. @default false */
  deleteUnreachable?: pulumi.Input<boolean>;
}

/**
 * A protected container with all that it needs: hosts, a group of them and their agents.
 *
 * @example
 * ```ts
 * const connection = { user: "root", privateKey: config.requireSecret("privateKey") };
 * const redis = new HaService("redis", {
 *   hosts: {
 *     a: { connection: { ...connection, host: "10.0.0.11", hostKey: keys.a } },
 *     b: { connection: { ...connection, host: "10.0.0.12", hostKey: keys.b } },
 *     c: { connection: { ...connection, host: "10.0.0.13", hostKey: keys.c } },
 *   },
 *   image: "docker.io/library/redis:7",
 *   virtualIps: ["10.0.0.50"],
 * });
 * ```
 */
export class HaService extends pulumi.ComponentResource {
  readonly group: HaGroup;
  readonly container: ProtectedContainer;
  /** Host that it runs on; null: nowhere now. */
  readonly primary: pulumi.Output<string | null>;
  /** What other stacks need to put containers into the group (a secret). */
  readonly handle: HaGroup["handle"];

  constructor(name: string, args: HaServiceArgs, options?: pulumi.ComponentResourceOptions) {
    super("container-ha:HaService", name, {}, options);
    const { hosts, checkpointSeconds, deleteUnreachable, ...rest } = args;
    const { profile, timings, interface: device, subnet, gateway, ports, stateFolder, ...container } = rest;
    const child = { parent: this };
    const engines = [pulumi.output(args.engine).apply((engine) => engine ?? "podman")];
    const declared = Object.entries(hosts).map(
      ([host, hostArgs]) => new Host(`${name}-${host}`, { engines, ...hostArgs, name: host }, child),
    );
    this.group = new HaGroup(
      name,
      {
        hosts: declared,
        profile,
        timings,
        interface: device,
        subnet,
        gateway,
        ports,
        stateFolder,
        deleteUnreachable,
      },
      child,
    );
    for (const [host, { role }] of Object.entries(hosts)) {
      if (role === "witness") continue;
      new HeartbeatAgent(`${name}-${host}`, { host, group: this.group, deleteUnreachable }, child);
    }
    this.container = new ProtectedContainer(
      name,
      { ...container, group: this.group, deleteUnreachable },
      child,
    );
    new CheckpointSchedule(
      name,
      { container: this.container, intervalSeconds: checkpointSeconds ?? 10, deleteUnreachable },
      child,
    );
    this.primary = this.container.primary;
    this.handle = this.group.handle;
    this.registerOutputs({ primary: this.primary, handle: this.handle });
  }
}
