import type * as pulumi from "@pulumi/pulumi";
import { PlacementRule, type PlacementRuleArgs } from "./placement-rule";

export type AntiAffinityRuleArgs = PlacementRuleArgs;

/**
 * Keeps containers apart: at most one of them in each value of the topology key, at creation and at failover.
 *
 * @example
 * ```ts
 * new AntiAffinityRule("apart", { group, containers: [app1, app2], topologyKey: "zone" });
 * ```
 */
export class AntiAffinityRule extends PlacementRule {
  constructor(name: string, args: AntiAffinityRuleArgs, options?: pulumi.CustomResourceOptions) {
    super("AntiAffinityRule", name, args, options);
  }
}
