import type { Context, Local } from "./context";
import { observeCopy } from "./copies";
import type { CopyState } from "./env";

/** What runs is looked at in every cycle, but no more often; a state that is not meant must be seen twice, but for a death. */
const LOOK_MS = 200;

/** What a copy that should execute was seen to be instead, and since when, ISO 8601. */
interface Doubt {
  state: CopyState;
  since: string;
}

/**
 * Looks whether what is RUNNING here executes: independent of probes, which ask the application, and of events, which
 * may get lost. Returns a function for every cycle; what it finds becomes the copy's state, and decisions follow from it.
 */
export function createProofOfLife(context: Context): () => Promise<void> {
  const { env } = context;
  const doubts = new WeakMap<Local, Doubt>();
  let lookedAt = Number.NEGATIVE_INFINITY;

  return async () => {
    const now = env.clock.now();
    if (now - lookedAt < LOOK_MS) return;
    lookedAt = now;
    await Promise.all([...context.locals].map(([name, local]) => look(name, local)));
  };

  async function look(name: string, local: Local): Promise<void> {
    if (!shouldExecute(local)) return void doubts.delete(local);
    const state = await env.runtime.look(name);
    if (!shouldExecute(local)) return;
    if (state === local.state || state === "running") {
      doubts.delete(local);
      local.state = state;
      if (state === "running") local.stalledSince = null;
      return;
    }
    const doubt = doubts.get(local);
    const isDead = state === "exited" || state === "absent";
    if (doubt?.state !== state && !isDead) return void doubts.set(local, { state, since: env.clock.wall() });
    doubts.delete(local);
    local.stalledSince = doubt?.since ?? env.clock.wall();
    await observeCopy(context, name);
    // How it ended is told by what is done about it.
    if (isDead) return;
    const sentence = `${name} is RUNNING on ${context.me.host} by its record and does not execute: ${meaningOf(state)}`;
    env.log.event({ kind: "stalled", container: name, sentence });
  }
}

/** Nothing is being done with it that could stop it for a moment. */
function shouldExecute({ standing, state, busy }: Local): boolean {
  return standing === "RUNNING" && busy === null && (state === "running" || state === "traced");
}

function meaningOf(state: CopyState): string {
  switch (state) {
    case "held":
      return "it was restored and waits before its first instruction still";
    case "frozen":
      return "its cgroup is frozen, which nobody here asks for now";
    case "traced":
      return "another program keeps one of its processes in a ptrace stop, as a debugger does";
    default:
      return `it is ${state}`;
  }
}
