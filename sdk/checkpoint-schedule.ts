import * as pulumi from "@pulumi/pulumi";
import { after, type GroupReference, groupInputs, owningStack } from "./group-reference";
import { ProtectedContainer } from "./protected-container";
import { ThinResource } from "./thin-provider";

export interface CheckpointScheduleArgs {
  /** The container, or its name together with `group`. One schedule per container. A change replaces. */
  container: ProtectedContainer | pulumi.Input<string>;
  /** The container's group; needed only where the container is given by name. */
  group?: GroupReference;
  /** Seconds from the end of one checkpoint to the start of the next, at least 0.5. Exactly one of this and `cron`. */
  intervalSeconds?: pulumi.Input<number>;
  /** Five or six cron fields, UTC: when a checkpoint is taken. */
  cron?: pulumi.Input<string>;
  /** Generations that are kept besides the committed one, 1 to 50. @default 1 */
  retain?: pulumi.Input<number>;
  /** Delete the resource even when no host of the group answers. @default false */
  deleteUnreachable?: pulumi.Input<boolean>;
}

/**
 * When a container is checkpointed. Without one it is every ten seconds. Creating it returns when a generation was
 * committed under it; deleting it brings the default back.
 *
 * @example
 * ```ts
 * new CheckpointSchedule("redis", { container: redis, intervalSeconds: 2 });
 * ```
 */
export class CheckpointSchedule extends ThinResource {
  declare readonly container: pulumi.Output<string>;
  declare readonly group: pulumi.Output<string>;
  declare readonly retain: pulumi.Output<number>;
  /** The first generation that was committed under this schedule. */
  declare readonly generation: pulumi.Output<{ gen: number; epoch: number }>;

  constructor(name: string, args: CheckpointScheduleArgs, options?: pulumi.CustomResourceOptions) {
    const { container, group, ...rest } = args;
    super({
      kind: "CheckpointSchedule",
      name,
      args: { ...rest, ...subject(name, container, group), name, stack: owningStack() },
      outputs: ["generation", "retain"],
      secrets: ["handle"],
      options: group ? after(group, ["agents"], options) : options,
    });
  }
}

function subject(
  name: string,
  container: CheckpointScheduleArgs["container"],
  reference: GroupReference | undefined,
) {
  if (container instanceof ProtectedContainer) {
    return { container: container.name, group: container.group, handle: container.handle };
  }
  if (!reference) {
    throw new pulumi.RunError(
      `CheckpointSchedule ${name}: group: expected the group of the container that is named`,
    );
  }
  const { group, handle } = groupInputs(reference);
  return { container, group, handle };
}
