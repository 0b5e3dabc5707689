import { findAnchor } from "./anchor";
import { type AttemptResult, attempt } from "./attempt";
import type { GateWatch } from "./gate-watch";
import { dropUnsent, type LeaseContext, type Session } from "./state";
import type { Trouble } from "./trouble";

/** Without a sign of life from the agent for this long, renewals stop: a hung agent fails over (safety.md 1.5). */
export const AGENT_SILENT_MS = 5000;
/** Pause before a renewal is tried again after one that failed. */
const RETRY_MS = 50;

export interface TurnParts {
  context: LeaseContext;
  gate: GateWatch;
  trouble: Trouble;
  agentSilentMs(): number;
}

/** One turn of the loop: look at the gate, then renew. Returns when the next turn is due. */
export async function turn(parts: TurnParts): Promise<number> {
  const { context, trouble } = parts;
  const { state, env } = context;
  const startedAt = env.clock.now();
  await parts.gate.look();
  const { session } = state;
  const nextInterval = startedAt + state.timing.intervalMs;
  if (!session) {
    dropUnsent(state, "no session was adopted");
    if (state.active === null) await closeAll(parts);
    return nextInterval;
  }
  if (parts.agentSilentMs() > AGENT_SILENT_MS) {
    trouble.begin("agent", `The agent was silent for ${AGENT_SILENT_MS / 1000} s: renewals have stopped.`);
    return nextInterval;
  }
  const unread = await findAnchor(context, session);
  const outcome: AttemptResult =
    unread === null ? await renew(context, session) : { result: "unknown", cause: unread };
  switch (outcome.result) {
    case "renewed":
      trouble.end("Renewals are acknowledged.");
      return state.joins.length > 0 ? startedAt : nextInterval;
    case "gate":
      parts.gate.soon();
      trouble.begin("gate", `The gate did not do what it was told: ${outcome.cause}`);
      return retryAt(parts);
    case "promised":
      trouble.begin("store", `A renewal was not acknowledged, but promised: ${outcome.cause}`);
      return nextInterval;
    case "unknown":
      trouble.begin("store", `A renewal was not acknowledged: ${outcome.cause}`);
      return retryAt(parts);
    default:
      return startedAt;
  }
}

function renew(context: LeaseContext, session: Session): Promise<AttemptResult> {
  const { state } = context;
  const mustAnnounce = Math.max(state.timing.leaseMs, state.holdMs) > session.announcedMs;
  // What keeps a gate open by promises waits for no join, and brings none.
  const strained = state.failsafe && session.strained;
  const join = mustAnnounce || session.doubted || strained ? null : (state.joins.shift() ?? null);
  return attempt(context, session as Session & { anchor: number }, join);
}

function retryAt({ context: { state, env } }: TurnParts): number {
  return env.clock.now() + Math.min(RETRY_MS, state.timing.intervalMs);
}

async function closeAll({ context: { state, env }, trouble }: TurnParts): Promise<void> {
  try {
    await env.kernel.closeAll();
    state.active = { slot: "b", leaseMs: 0 };
  } catch (error) {
    trouble.begin("gate", `The gate could not be closed: ${(error as Error).message}`);
  }
}
