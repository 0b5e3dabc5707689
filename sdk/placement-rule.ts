import type * as pulumi from "@pulumi/pulumi";
import { after, declaredFor, type GroupReference, groupInputs, owningStack } from "./group-reference";
import { givenName, ProtectedContainer } from "./protected-container";
import { ThinResource } from "./thin-provider";

export interface PlacementRuleArgs {
  /** The group of the containers. A change replaces. */
  group: GroupReference;
  /** Containers that the rule is about, as resources or by name. This, `matchLabels`, or both. @default [] */
  containers?: (ProtectedContainer | pulumi.Input<string>)[];
  /** The rule is also about every container of the group that carries all of these labels. @default {} */
  matchLabels?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** `host`, or the name of a label of the hosts such as `zone`. @default "host" */
  topologyKey?: pulumi.Input<string>;
  /** Whether a host that would break the rule is never used; otherwise it is only used last. @default true */
  required?: pulumi.Input<boolean>;
  /** Name in the group: lower-case letters, digits and inner dashes. A change replaces. @default the resource's name */
  name?: pulumi.Input<string>;
  /** Delete the resource even when no host of the group answers. @default false */
  deleteUnreachable?: pulumi.Input<boolean>;
}

/** What both kinds of rules share. A rule is written before the containers of this program that it governs. */
export abstract class PlacementRule extends ThinResource {
  declare readonly name: pulumi.Output<string>;
  declare readonly group: pulumi.Output<string>;
  declare readonly containers: pulumi.Output<string[]>;
  declare readonly topologyKey: pulumi.Output<string>;
  declare readonly required: pulumi.Output<boolean>;
  /** Whether it holds for what runs now. */
  declare readonly met: pulumi.Output<boolean>;
  /** Why, in one sentence. */
  declare readonly sentence: pulumi.Output<string>;

  protected constructor(
    kind: "AntiAffinityRule" | "AffinityRule",
    name: string,
    args: PlacementRuleArgs,
    options?: pulumi.CustomResourceOptions,
  ) {
    const { group: reference, containers = [], ...rest } = args;
    const { group, handle, hosts } = groupInputs(reference);
    const declared = containers.filter((container) => container instanceof ProtectedContainer);
    super({
      kind,
      name,
      args: {
        ...rest,
        name: args.name ?? name,
        group,
        handle,
        hosts,
        stack: owningStack(),
        containers: containers.map((container) =>
          container instanceof ProtectedContainer ? givenName(container) : container,
        ),
        declared: declared.map(givenName),
      },
      outputs: ["met", "sentence", "topologyKey", "required"],
      secrets: ["handle"],
      options: after(reference, ["agents"], options),
    });
    declaredFor(reference).rules.push(this);
  }
}
