import {
  AntiAffinityRule,
  CheckpointSchedule,
  HaGroup,
  HeartbeatAgent,
  ProtectedContainer,
} from "../../provider";

/** Handlers of a stack's resources, as Pulumi's provider process calls them. */
export const handlers = { AntiAffinityRule, CheckpointSchedule, HaGroup, HeartbeatAgent, ProtectedContainer };
export type Kind = keyof typeof handlers;
