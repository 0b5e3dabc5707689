import type * as pulumi from "@pulumi/pulumi";
import { PlacementRule, type PlacementRuleArgs } from "./placement-rule";

export type AffinityRuleArgs = PlacementRuleArgs;

/**
 * Keeps containers together: all of them in one value of the topology key, at creation and at failover.
 *
 * @example
 * ```ts
 * new AffinityRule("together", { group, containers: [app, cache], required: false });
 * ```
 */
export class AffinityRule extends PlacementRule {
  constructor(name: string, args: AffinityRuleArgs, options?: pulumi.CustomResourceOptions) {
    super("AffinityRule", name, args, options);
  }
}
