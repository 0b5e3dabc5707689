import { placementRuleHandlers } from "./placement-rule";

/** Keeps containers apart: at most one of them in each value of the topology key. */
export const antiAffinityRuleHandlers = placementRuleHandlers("AntiAffinityRule");
