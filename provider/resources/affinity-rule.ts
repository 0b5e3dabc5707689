import { placementRuleHandlers } from "./placement-rule";

/** Keeps containers together: all of them in one value of the topology key. */
export const affinityRuleHandlers = placementRuleHandlers("AffinityRule");
