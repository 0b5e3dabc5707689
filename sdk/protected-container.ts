import * as pulumi from "@pulumi/pulumi";
import {
  after,
  declaredFor,
  type GroupHandle,
  type GroupReference,
  groupInputs,
  owningStack,
} from "./group-reference";
import { ThinResource } from "./thin-provider";

/** How the application itself is asked whether it works: exactly one of http, tcp and exec. Times are in seconds. */
export interface ProbeArgs {
  http?: pulumi.Input<{
    port: pulumi.Input<number>;
    /** @default "/" */
    path?: pulumi.Input<string>;
  }>;
  /**
   * Whether the port accepts a connection. The kernel does that for the application, also for one that is stopped or
   * hangs: it proves that the address and the listening socket are there, not life. Prefer `http` or `exec`.
   */
  tcp?: pulumi.Input<{ port: pulumi.Input<number> }>;
  /** A command inside the container; exit code 0 is healthy. Whatever it started ends with it, or with its time. */
  exec?: pulumi.Input<pulumi.Input<string>[]>;
  /** Between two probes. @default 5 */
  interval?: pulumi.Input<number>;
  /** After which a probe counts as failed. @default 2 */
  timeout?: pulumi.Input<number>;
  /** Failures in a row that count as a failure of the application. @default 3 */
  retries?: pulumi.Input<number>;
  /** After a cold start, in which failures do not count. @default 30 */
  startPeriod?: pulumi.Input<number>;
}

/** What happens per kind of failure; a dead host always means a failover. */
export interface OnFailureArgs {
  /** The container exited, was killed or ran out of memory. @default "restore" (from its last generation, same host) */
  crash?: pulumi.Input<"restore" | "restart" | "failover">;
  /**
   * A probe fails; that this host cannot ask is no failure. `restore`: from its last generation, on the same host, then,
   * if it is unhealthy again within a minute, on a standby, and when it is again there, cold: its memory is lost, and an
   * event says so. No checkpoint is taken while a probe fails. `restart`: cold at once, as the checkpoint could carry the
   * fault. `failover`: on a standby, from its last generation. @default "restore"
   */
  application?: pulumi.Input<"restore" | "restart" | "failover" | "ignore">;
  /** Tries on one host before the next one; after the last host the container is FAILED. @default 3 */
  tries?: pulumi.Input<number>;
}

/** Names and types of @pulumi/docker's Container where both have an argument. */
export interface ProtectedContainerArgs {
  /** The group, or its `handle` from another stack. A change replaces. */
  group: GroupReference;
  /**
   * Image to pull, or a local archive of one (`docker save`, `podman save`), which is uploaded by its content's hash.
   * A change is a cold start.
   */
  image: pulumi.Input<string | { archive: pulumi.Input<string> }>;
  /** IPv4 addresses in the group's subnet that the container owns, wherever it runs. A change is a cold start. */
  virtualIps: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Name in the group: lower-case letters, digits and inner dashes, at most 40. A change replaces.
   * @default the resource's name
   */
  name?: pulumi.Input<string | undefined>;
  /** Which engine runs it. A change is a cold start. @default "podman" */
  engine?: pulumi.Input<"podman" | "docker">;
  /** How many standbys hold every generation, or which hosts. @default 1 */
  standbys?: pulumi.Input<number | pulumi.Input<string>[]>;
  /**
   * What a standby keeps ready. `cold`: the committed checkpoint, restored when the primary is suspected. `warm`: a
   * restored, frozen copy of it as well, renewed with every checkpoint, so that a failover takes the same time however
   * large the memory is; it costs the container's memory once more on each standby (`container-ha status` shows it).
   * A standby without room for it stays cold. The copy has run for some milliseconds that nobody saw: its connections
   * are closed and its timers go on. A change moves and restarts nothing. @default "cold"
   */
  standby?: pulumi.Input<"cold" | "warm">;
  /** Host to run on where rules allow it. */
  preferredHost?: pulumi.Input<string>;
  /** @default [] */
  probes?: pulumi.Input<pulumi.Input<ProbeArgs>[]>;
  onFailure?: pulumi.Input<OnFailureArgs>;

  /** Command and arguments. A change is a cold start. @default the image's */
  command?: pulumi.Input<pulumi.Input<string>[] | undefined>;
  /** A change is a cold start. @default the image's */
  entrypoints?: pulumi.Input<pulumi.Input<string>[] | undefined>;
  /** Environment, each `NAME=value`; secrets stay secret. A change is a cold start. @default [] */
  envs?: pulumi.Input<pulumi.Input<string>[] | undefined>;
  /** A change is a cold start. @default the image's */
  user?: pulumi.Input<string | undefined>;
  /** A change is a cold start. @default the image's */
  workingDir?: pulumi.Input<string | undefined>;
  /** A change is a cold start. @default the engine's */
  hostname?: pulumi.Input<string | undefined>;
  /** Labels, by which rules can select it. A change is a cold start. @default [] */
  labels?: pulumi.Input<
    pulumi.Input<{ label: pulumi.Input<string>; value: pulumi.Input<string> }>[] | undefined
  >;
  /** Limit in MB. A change is a cold start. @default none */
  memory?: pulumi.Input<number | undefined>;
  /** Path to mount options. A change is a cold start. @default {} */
  tmpfs?: pulumi.Input<{ [path: string]: pulumi.Input<string> } | undefined>;
  /** A change is a cold start. @default {} */
  sysctls?: pulumi.Input<{ [name: string]: pulumi.Input<string> } | undefined>;
  /** A change is a cold start. @default the image's */
  stopSignal?: pulumi.Input<string | undefined>;

  /** Delete the resource even when no host of the group answers; what runs there stays. @default false */
  deleteUnreachable?: pulumi.Input<boolean>;
}

/**
 * A container whose memory survives its host. Creating it returns when it runs and its first generation is committed
 * on a standby; what CRIU cannot dump is refused with CRIU's reason. Host networking, volumes, privileges and devices
 * are refused with theirs.
 *
 * @example
 * ```ts
 * const redis = new ProtectedContainer("redis", {
 *   group,
 *   image: "docker.io/library/redis:7",
 *   virtualIps: ["10.0.0.50"],
 *   probes: [{ tcp: { port: 6379 } }],
 * });
 * ```
 */
export class ProtectedContainer extends ThinResource {
  declare readonly name: pulumi.Output<string>;
  declare readonly group: pulumi.Output<string>;
  declare readonly handle: pulumi.Output<GroupHandle>;
  declare readonly virtualIps: pulumi.Output<string[]>;
  declare readonly engine: pulumi.Output<string>;
  /** The state of its life: RUNNING, RESTORING, STOPPED, FAILED and so on. */
  declare readonly phase: pulumi.Output<string>;
  /** Host it runs on; null: nowhere now. */
  declare readonly primary: pulumi.Output<string | null>;
  /** Raised by one with every new beginning. */
  declare readonly epoch: pulumi.Output<number>;
  /** The committed checkpoint. */
  declare readonly generation: pulumi.Output<{ gen: number; epoch: number } | null>;
  /** Hosts that keep a prepared copy. */
  declare readonly standbyHosts: pulumi.Output<string[]>;
  declare readonly lastFailover: pulumi.Output<{
    from: string;
    to: string;
    at: string;
    reason: string;
  } | null>;

  constructor(name: string, args: ProtectedContainerArgs, options?: pulumi.CustomResourceOptions) {
    const { group: reference, ...rest } = args;
    const containerName = args.name ?? name;
    takeNames({ reference, resource: name, containerName, virtualIps: args.virtualIps });
    super({
      kind: "ProtectedContainer",
      name,
      args: {
        ...rest,
        ...groupInputs(reference),
        name: containerName,
        stack: owningStack(),
        envsAreSecret: pulumi.isSecret(pulumi.output(args.envs)),
      },
      outputs: ["phase", "primary", "epoch", "generation", "standbyHosts", "lastFailover", "engine"],
      secrets: ["handle"],
      options: after(reference, ["agents", "rules"], options),
    });
    givenNames.set(this, containerName as pulumi.Input<string>);
  }
}

/**
 * The name as the program gave it. Unlike the output `name` it does not wait for the container: rules are written
 * before the containers that they govern.
 */
export function givenName(container: ProtectedContainer): pulumi.Input<string> {
  return givenNames.get(container) ?? container.name;
}

const givenNames = new WeakMap<ProtectedContainer, pulumi.Input<string>>();

/** Two containers of a program must not share a name or an address; where they are not plain text the group notices. */
function takeNames(o: {
  reference: GroupReference;
  resource: string;
  containerName: pulumi.Input<string | undefined>;
  virtualIps: ProtectedContainerArgs["virtualIps"];
}): void {
  const { taken } = declaredFor(o.reference);
  const take = (path: string, value: unknown) => {
    if (typeof value !== "string") return;
    const by = taken.get(value);
    if (by !== undefined) {
      throw new pulumi.RunError(
        `ProtectedContainer ${o.resource}: ${path}: ${value} is already used by ${by}`,
      );
    }
    taken.set(value, o.resource);
  };
  take("name", o.containerName);
  const addresses = Array.isArray(o.virtualIps) ? new Set<unknown>(o.virtualIps) : [];
  for (const address of addresses) take("virtualIps", address);
}
