import { dropUnsent, type LeaseContext } from "./state";
import type { Trouble } from "./trouble";

/** How often the gate in the kernel is compared with what it should be. */
const VERIFY_MS = 1000;

export interface GateWatch {
  /** Looks at the gate where it is time; repairs it, closed, where somebody changed it. */
  look(): Promise<void>;
  /** A command failed: look at the next opportunity. */
  soon(): void;
}

export function createGateWatch(context: LeaseContext, trouble: Trouble): GateWatch {
  const { state, env, emit } = context;
  let dueAt = env.clock.now() + VERIFY_MS;
  let brokenSince: number | null = null;

  return {
    soon() {
      dueAt = env.clock.now();
    },
    async look() {
      if (env.clock.now() < dueAt) return;
      dueAt = env.clock.now() + VERIFY_MS;
      let fault: string | null;
      try {
        fault = await env.kernel.verify();
      } catch (error) {
        trouble.begin("look", `The gate could not be looked at: ${(error as Error).message}`);
        return;
      }
      if (fault === null) {
        brokenSince = null;
        return;
      }
      // safety: the agent opens again what it still owns, after it has heard of it.
      state.members.clear();
      state.open.clear();
      state.active = null;
      dropUnsent(state, "the gate is being repaired");
      const failure = await rebuild(context);
      const detail = failure === null ? fault : `${fault}; it could not be repaired: ${failure}`;
      // A gate that cannot be repaired is tried again each time, but told once.
      if (failure !== null && brokenSince !== null) return;
      brokenSince = failure === null ? null : env.clock.now();
      env.log.warn(`The gate's table was changed by somebody: ${detail}.`);
      emit({ type: "tampered", repaired: failure === null, detail });
    },
  };
}

async function rebuild({ state, env }: LeaseContext): Promise<string | null> {
  try {
    await env.kernel.rebuild();
    state.active = { slot: "b", leaseMs: 0 };
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
