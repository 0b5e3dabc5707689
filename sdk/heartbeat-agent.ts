import type * as pulumi from "@pulumi/pulumi";
import { declaredFor, type GroupReference, groupInputs } from "./group-reference";
import type { Host } from "./host";
import { ThinResource } from "./thin-provider";

export interface HeartbeatAgentArgs {
  /** The host, a member of the group. A change replaces. */
  host: Host | pulumi.Input<string>;
  /** The group. A change replaces. */
  group: GroupReference;
  /** What the agent writes to the journal. @default "info" */
  logLevel?: pulumi.Input<"debug" | "info" | "warn" | "error">;
  /** Port of the Prometheus metrics, on the host's address in the group. @default 7383 */
  metricsPort?: pulumi.Input<number>;
  /** Delete the resource even when the host does not answer; what is on it stays there. @default false */
  deleteUnreachable?: pulumi.Input<boolean>;
}

/**
 * The agent of one member: lease, heartbeats, detection, checkpoints and failover. A newer release of this package
 * replaces the agents of a group one host at a time, without a failover. Deleting it leaves nothing on the host.
 *
 * @example
 * ```ts
 * for (const name of ["ha1", "ha2", "ha3"]) new HeartbeatAgent(name, { host: name, group });
 * ```
 */
export class HeartbeatAgent extends ThinResource {
  declare readonly host: pulumi.Output<string>;
  declare readonly group: pulumi.Output<string>;
  declare readonly logLevel: pulumi.Output<string>;
  declare readonly metricsPort: pulumi.Output<number>;
  /** Hash of the installed runtime and programs. */
  declare readonly release: pulumi.Output<string>;
  /** Version of the installed release. */
  declare readonly version: pulumi.Output<string>;
  /** Whether the lease runs with real-time priority. */
  declare readonly realtime: pulumi.Output<boolean>;
  /** How the group sees the host: live, suspect, dead, absent; unknown where nobody answered. */
  declare readonly state: pulumi.Output<string>;

  constructor(name: string, args: HeartbeatAgentArgs, options?: pulumi.CustomResourceOptions) {
    const { host, group: reference, ...rest } = args;
    const { group, handle } = groupInputs(reference);
    super({
      kind: "HeartbeatAgent",
      name,
      args: { ...rest, name, host: hostName(host), group, handle },
      outputs: ["release", "version", "realtime", "state", "logLevel", "metricsPort"],
      secrets: ["handle"],
      options,
    });
    declaredFor(reference).agents.push(this);
  }
}

function hostName(host: Host | pulumi.Input<string>): pulumi.Input<string> {
  return typeof host === "object" && host !== null && "connection" in host ? host.name : host;
}
