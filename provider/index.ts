import { keepCompiled } from "./compile-cache";

/** Kind -> handlers: what the stub in `sdk/thin-provider.ts` asks for. One line per resource. */
export type { Handlers } from "./resource";
export { affinityRuleHandlers as AffinityRule } from "./resources/affinity-rule";
export { antiAffinityRuleHandlers as AntiAffinityRule } from "./resources/anti-affinity-rule";
export { checkpointScheduleHandlers as CheckpointSchedule } from "./resources/checkpoint-schedule";
export { haGroupHandlers as HaGroup } from "./resources/ha-group";
export { heartbeatAgentHandlers as HeartbeatAgent } from "./resources/heartbeat-agent";
export { hostHandlers as Host } from "./resources/host";
export { protectedContainerHandlers as ProtectedContainer } from "./resources/protected-container";

keepCompiled();
