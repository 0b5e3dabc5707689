/** All that a program imports. One line per resource or component. */
export { AffinityRule, type AffinityRuleArgs } from "./affinity-rule";
export { AntiAffinityRule, type AntiAffinityRuleArgs } from "./anti-affinity-rule";
export { CheckpointSchedule, type CheckpointScheduleArgs } from "./checkpoint-schedule";
export type { GroupHandle, GroupReference } from "./group-reference";
export {
  type ExternalEtcdArgs,
  type FencingArgs,
  HaGroup,
  type HaGroupArgs,
  type TimingArgs,
} from "./ha-group";
export { HaService, type HaServiceArgs } from "./ha-service";
export { HeartbeatAgent, type HeartbeatAgentArgs } from "./heartbeat-agent";
export { type ConnectionArgs, type ConnectionInputs, Host, type HostArgs } from "./host";
export {
  type OnFailureArgs,
  type ProbeArgs,
  ProtectedContainer,
  type ProtectedContainerArgs,
} from "./protected-container";
