import * as pulumi from "@pulumi/pulumi";
import type { Engine } from "../provider/contract";
import type { Facts } from "../provider/preflight/facts";
import type { ConnectionArgs } from "../provider/ssh/connection-args";
import { ThinResource } from "./thin-provider";

export type { ConnectionArgs } from "../provider/ssh/connection-args";

/** A connection whose fields may be outputs of other resources. */
export type ConnectionInputs = {
  [Field in keyof ConnectionArgs]: Field extends "proxy"
    ? pulumi.Input<ConnectionInputs>
    : pulumi.Input<ConnectionArgs[Field]>;
};

export interface HostArgs {
  /** How to reach the host over SSH. Kept as a secret. */
  connection: pulumi.Input<ConnectionInputs>;
  /**
   * Name of the host in its group: lower-case letters, digits and inner dashes, at most 40. A change replaces.
   * @default the resource's name
   */
  name?: pulumi.Input<string>;
  /**
   * IP address at which the group's other hosts reach this one. A change replaces.
   * @default connection.host, which then has to be an IP address
   */
  address?: pulumi.Input<string>;
  /** Labels for rules: `{ zone: "a", rack: "r7" }`. @default {} */
  labels?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /**
   * `member` runs containers. `witness` runs only etcd: the third voter of a group of two (any small machine).
   * @default "member"
   */
  role?: pulumi.Input<"member" | "witness">;
  /**
   * `true` moves every container away from this host, live, and keeps standby copies elsewhere; `up` waits until it
   * is done. `false` makes the host a candidate again; nothing moves back by itself. @default false
   */
  maintenance?: pulumi.Input<boolean>;
  /** Container engines that must be there; ignored on a witness. @default ["podman"] */
  engines?: pulumi.Input<pulumi.Input<Engine>[]>;
  /**
   * Install missing packages with apt, and set `"experimental": true` for docker, without which it restores nothing,
   * where its restart ends no container; both stay when the resource is deleted. `false` only checks and says what is
   * missing. @default true
   */
  install?: pulumi.Input<boolean>;
}

/**
 * A Linux host with systemd that is reached over SSH. Creating it checks operating system, kernel, CRIU, engines,
 * clock, disk, memory and network, and installs what is missing. Deleting it removes nothing from the host.
 *
 * @example
 * ```ts
 * const a = new Host("a", {
 *   connection: { host: "10.0.0.11", user: "root", privateKey: config.requireSecret("key"), hostKey: "ssh-ed25519 AAAA..." },
 *   labels: { zone: "a" },
 * });
 * ```
 */
export class Host extends ThinResource {
  declare readonly name: pulumi.Output<string>;
  declare readonly connection: pulumi.Output<ConnectionArgs>;
  declare readonly address: pulumi.Output<string>;
  declare readonly labels: pulumi.Output<Record<string, string>>;
  declare readonly role: pulumi.Output<"member" | "witness">;
  declare readonly maintenance: pulumi.Output<boolean>;
  /** What the host is and has. */
  declare readonly facts: pulumi.Output<Omit<Facts, "freeDiskMb">>;
  /** `SHA256:...` of the key that the host showed. */
  declare readonly hostKeyFingerprint: pulumi.Output<string>;
  /** Whether the host answered at the last `up` or `refresh`. */
  declare readonly reachable: pulumi.Output<boolean>;

  constructor(name: string, args: HostArgs, options?: pulumi.CustomResourceOptions) {
    const connection = pulumi.secret(args.connection) as pulumi.Output<ConnectionArgs>;
    // The host name alone is no secret, and an address that were one would hide every plan.
    const address = args.address ?? pulumi.unsecret(connection.apply((value) => value.host));
    super({
      kind: "Host",
      name,
      args: { ...args, name: args.name ?? name, connection, address },
      outputs: ["facts", "hostKeyFingerprint", "reachable", "labels", "role", "maintenance"],
      secrets: ["connection"],
      options,
    });
  }
}
